#include "controller/judge/cohort_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "controller/judge/verdict_text.h"

namespace serin::judge {

namespace {

constexpr std::size_t kControlsMin = 3;

Verdict undecided(double seconds) {
  Verdict verdict;
  verdict.judge = "sequential";
  verdict.reason = "watching";
  verdict.seconds = seconds;
  return verdict;
}

}  // namespace

std::size_t planned_tests(std::size_t batches) {
  return 1 + batches * (batches + 5) / 2;  // 1 + the sum of (k + 2)
}

CohortWatch::CohortWatch(SequentialSettings settings, HostWeights weights, std::size_t tests_planned)
    : settings_(settings),
      weights_(std::move(weights)),
      fail_needs_(std::log(settings_.fail_odds) +
                  std::log(static_cast<double>(std::max<std::size_t>(1, tests_planned)))),
      sides_(weights_.hosts.size(), Side::control),
      verdict_(undecided(0)) {}

void CohortWatch::leave_controls(std::span<const std::size_t> hosts) {
  for (const std::size_t host : hosts) {
    if (sides_[host] != Side::control) continue;
    sides_[host] = Side::neither;
    for (Test& test : tests_) test.counts.remove_control(host);
  }
}

void CohortWatch::start_test(std::string name, std::span<const std::size_t> hosts,
                             std::span<const std::size_t> controls) {
  tests_.push_back({.name = std::move(name), .counts = PostCounts(settings_, weights_, hosts, controls)});
}

void CohortWatch::open_window(std::string name, std::span<const std::size_t> hosts) {
  if (verdict_.answer == Answer::fail) return;
  if (!hosts.empty()) cohorts_.push_back({std::move(name), {hosts.begin(), hosts.end()}});
  for (const std::size_t host : hosts) sides_[host] = Side::treated;
  tests_.clear();
  verdict_ = undecided(0);

  std::vector<std::size_t> controls, all;
  for (std::size_t host = 0; host < sides_.size(); ++host) {
    if (sides_[host] == Side::control) controls.push_back(host);
    if (sides_[host] == Side::treated) all.push_back(host);
  }
  if (controls.size() < kControlsMin) return end_window("no controls left");
  for (const Cohort& cohort : cohorts_) start_test(cohort.name, cohort.hosts, controls);
  if (cohorts_.size() > 1) start_test(fmt::format("all {} switched hosts", all.size()), all, controls);
}

void CohortWatch::end_window(const std::string& why) {
  tests_.clear();
  verdict_.reason = "watch-ended";
  verdict_.text = "watch ended: " + why;
}

void CohortWatch::fail(const Test& test) {
  verdict_ = undecided(static_cast<double>(test.state.seconds));
  verdict_.answer = Answer::fail;
  verdict_.reason = "worse";
  verdict_.numbers = numbers_of(weights_, test.counts, test.state);
  verdict_.hosts = findings_of(settings_, weights_, test.counts, test.state);
  verdict_.text =
      fmt::format("{}; ruled out by chance {}; {} s after the last batch loaded",
                  comparison_text(*verdict_.numbers, test.name), odds_text(test.state.fail), test.state.seconds);
}

const Verdict& CohortWatch::add_second(std::span<const Counts> second) {
  if (!watching()) return verdict_;
  const bool blind = std::none_of(weights_.hosts.begin(), weights_.hosts.end(),
                                  [](const HostWeight& host) { return host.trusted > 0; });
  const Test* failed = nullptr;
  for (Test& test : tests_) {
    test.counts.add_second(second);
    test.state = {};
    SequentialRule(settings_, weights_, test.counts).ask_fail(test.state, fail_needs_);
    test.fail_seconds = test.state.fail_holds && !blind ? test.fail_seconds + 1 : 0;
    if (failed == nullptr && test.fail_seconds > 0 && test.fail_seconds >= test.state.fail_needs_seconds) {
      failed = &test;
    }
  }
  if (failed != nullptr) {
    fail(*failed);
    tests_.clear();
    return verdict_;
  }
  const Test& first = tests_.front();
  verdict_ = undecided(static_cast<double>(first.state.seconds));
  verdict_.text = fmt::format("{} s watched since the last batch loaded", first.counts.seconds());
  const std::size_t left =
      first.state.evidence_seconds > 0 ? first.state.controls.kept.hosts : first.counts.controls().size();
  if (left < kControlsMin) {
    end_window("no controls left");
  } else if (std::chrono::seconds{first.counts.seconds()} >= settings_.horizon) {
    end_window(fmt::format("{} s without a fault", first.counts.seconds()));
  }
  return verdict_;
}

}  // namespace serin::judge
