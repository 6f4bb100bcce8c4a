#include "controller/judge/cohort_watch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "fleet_of.h"

namespace serin::judge {
namespace {

using Hosts = std::vector<std::size_t>;

Hosts range(std::size_t from, std::size_t to) {
  Hosts hosts(to - from);
  std::iota(hosts.begin(), hosts.end(), from);
  return hosts;
}

/// 5 canaries and 30 others with one error a second; the first window is open.
CohortWatch watch_of(std::size_t tests = 4) {
  CohortWatch watch({}, weigh_hosts(baseline_of(5, 30, 300, every(1)), {}), tests);
  watch.leave_controls(range(0, 5));
  watch.open_window("canaries", range(0, 5));
  return watch;
}

/// Seconds of a window until it is decided or ends; hosts from `from` to before `to` log ten times as many.
Verdict run_window(CohortWatch& watch, std::size_t from, std::size_t to, std::size_t seconds = 60) {
  for (std::size_t t = 0; t < seconds && watch.watching(); ++t) {
    watch.add_second(second_of(35, t, [=](std::size_t h, std::size_t) { return h >= from && h < to ? 10U : 1U; }));
  }
  return watch.verdict();
}

TEST(CohortWatch, plans_windows_times_cohorts) {
  EXPECT_EQ(planned_tests(0), 1U);
  EXPECT_EQ(planned_tests(1), 1U + 3U);
  EXPECT_EQ(planned_tests(3), 1U + 3U + 4U + 5U);
}

TEST(CohortWatch, asks_for_more_evidence_with_more_tests) {
  EXPECT_DOUBLE_EQ(watch_of(1).fail_needs(), std::log(30.0));
  EXPECT_DOUBLE_EQ(watch_of(8).fail_needs(), std::log(240.0));
  EXPECT_DOUBLE_EQ(watch_of(0).fail_needs(), std::log(30.0));
}

TEST(CohortWatch, finds_a_late_fault_of_the_canaries) {
  CohortWatch watch = watch_of();
  const Verdict verdict = run_window(watch, 0, 5);
  EXPECT_EQ(said(verdict), "fail 5");
  EXPECT_EQ(verdict.text.substr(0, verdict.text.find(':')), "canaries 10 errors/s/host, the rest 1.0");
  EXPECT_FALSE(watch.watching());
}

TEST(CohortWatch, never_passes_and_ends_at_the_horizon) {
  CohortWatch watch = watch_of();
  const Verdict verdict = run_window(watch, 0, 0);
  EXPECT_EQ(verdict.answer, Answer::undecided);
  EXPECT_EQ(verdict.reason, "watch-ended");
  EXPECT_EQ(verdict.text, "watch ended: 60 s without a fault");
  EXPECT_FALSE(watch.watching());
}

TEST(CohortWatch, each_batch_is_a_cohort_of_its_own_and_the_others_are_on_neither_side) {
  CohortWatch watch = watch_of();
  run_window(watch, 0, 0, 10);
  watch.leave_controls(range(5, 15));
  watch.open_window("batch 1", range(5, 15));
  const Verdict verdict = run_window(watch, 5, 15);
  EXPECT_EQ(verdict.answer, Answer::fail);
  EXPECT_TRUE(verdict.text.starts_with("batch 1 10 errors/s/host")) << verdict.text;
  EXPECT_EQ(verdict.hosts.size(), 10U);
}

TEST(CohortWatch, a_fault_of_the_canaries_is_found_in_a_later_window) {
  CohortWatch watch = watch_of();
  watch.leave_controls(range(5, 15));
  watch.open_window("batch 1", range(5, 15));
  const Verdict verdict = run_window(watch, 0, 5);
  EXPECT_EQ(said(verdict), "fail 5");
  EXPECT_TRUE(verdict.text.starts_with("canaries ")) << verdict.text;
}

TEST(CohortWatch, hosts_that_are_switching_are_on_neither_side) {
  CohortWatch watch = watch_of();
  watch.leave_controls(range(5, 15));
  const Verdict verdict = run_window(watch, 5, 15);  // they restart, noisily
  EXPECT_EQ(verdict.answer, Answer::undecided);
}

TEST(CohortWatch, a_new_window_begins_anew) {
  CohortWatch watch = watch_of();
  run_window(watch, 0, 5, 4);  // one second short of a fail
  EXPECT_EQ(watch.verdict().answer, Answer::undecided);
  watch.open_window("", {});
  EXPECT_EQ(said(run_window(watch, 0, 5, 4)), "undecided 4");
  EXPECT_EQ(said(run_window(watch, 0, 5, 1)), "fail 5");
}

TEST(CohortWatch, ends_when_fewer_than_three_controls_are_left) {
  CohortWatch watch = watch_of();
  watch.leave_controls(range(5, 32));
  EXPECT_EQ(said(run_window(watch, 0, 0, 5)), "undecided 5");
  watch.leave_controls(range(32, 33));
  run_window(watch, 0, 0, 1);
  EXPECT_EQ(watch.verdict().text, "watch ended: no controls left");
  watch.open_window("batch 1", range(5, 33));
  EXPECT_EQ(watch.verdict().text, "watch ended: no controls left");
  EXPECT_FALSE(watch.watching());
}

TEST(CohortWatch, a_fail_stands) {
  CohortWatch watch = watch_of();
  const Verdict failed = run_window(watch, 0, 5);
  watch.open_window("batch 1", range(5, 15));
  run_window(watch, 0, 0);
  EXPECT_EQ(watch.verdict(), failed);
}

}  // namespace
}  // namespace serin::judge
