#include "controller/judge/settle_estimate.h"

#include <gtest/gtest.h>

#include "trace_of.h"

namespace serin::judge {
namespace {

using namespace std::chrono_literals;
using Bursts = std::vector<std::chrono::seconds>;

/// Canaries log `count` a second while `hot`, besides the one that all do.
std::optional<std::chrono::seconds> burst_of(const std::function<bool(std::size_t)>& hot, std::uint64_t count = 20) {
  const auto after = [=](std::size_t host, std::size_t t) { return host < 5 && hot(t) ? 1 + count : 1; };
  return restart_burst(trace_of(5, 20, every(1), after), {});
}

TEST(SettleEstimate, finds_the_end_of_a_restarts_burst) {
  EXPECT_EQ(burst_of([](std::size_t) { return false; }), 0s);
  EXPECT_EQ(burst_of([](std::size_t t) { return t < 1; }), 1s);
  EXPECT_EQ(burst_of([](std::size_t t) { return t < 7; }), 7s);
  EXPECT_EQ(burst_of([](std::size_t t) { return t >= 2 && t < 9; }), 9s);
}

TEST(SettleEstimate, a_burst_may_pause_for_two_seconds_and_is_over_after_three) {
  EXPECT_EQ(burst_of([](std::size_t t) { return t == 0 || t == 3 || t == 6; }), 7s);
  EXPECT_EQ(burst_of([](std::size_t t) { return t == 0 || t == 4; }), 1s);
  EXPECT_EQ(burst_of([](std::size_t t) { return t == 5; }), 0s);
}

TEST(SettleEstimate, what_never_ends_is_no_burst) {
  EXPECT_EQ(burst_of([](std::size_t) { return true; }), std::nullopt);
}

TEST(SettleEstimate, chance_and_a_single_loud_canary_are_no_burst) {
  EXPECT_EQ(burst_of([](std::size_t t) { return t < 7; }, 1), 0s);  // 8 where 4 are usual: within 3 deviations
  const auto one = [](std::size_t host, std::size_t t) { return host == 2 && t < 30 ? 500U : 1U; };
  EXPECT_EQ(restart_burst(trace_of(5, 20, every(1), one), {}), 0s);
}

TEST(SettleEstimate, an_outage_of_all_is_no_burst) {
  EXPECT_EQ(restart_burst(trace_of(5, 20, every(1), every(1, 30)), {}), 0s);
}

TEST(SettleEstimate, tells_nothing_without_deploy_canaries_controls_or_baseline) {
  Trace ordinary = trace_of(5, 20, every(1), every(1));
  ordinary.deploy.reset();
  EXPECT_EQ(restart_burst(ordinary, {}), std::nullopt);
  EXPECT_EQ(restart_burst(trace_of(0, 20, every(1), every(1)), {}), std::nullopt);
  EXPECT_EQ(restart_burst(trace_of(5, 0, every(1), every(1)), {}), std::nullopt);
  Trace young = trace_of(5, 20, every(1), every(1));
  young.deploy = 0;
  EXPECT_EQ(restart_burst(young, {}), std::nullopt);
}

TEST(SettleEstimate, is_the_95th_percentile_and_a_second_more_within_bounds) {
  EXPECT_EQ(settle_from({}), 3s);
  EXPECT_EQ(settle_from(Bursts(10, 0s)), 3s);
  EXPECT_EQ(settle_from(Bursts(10, 6s)), 7s);
  EXPECT_EQ(settle_from(Bursts(10, 35s)), 20s);
  Bursts one_long(20, 4s);
  one_long[7] = 15s;
  EXPECT_EQ(settle_from(one_long), 5s);  // rank 19 of 20
  one_long.resize(19);
  EXPECT_EQ(settle_from(one_long), 16s);  // rank 19 of 19
}

TEST(SettleEstimate, few_deployments_are_taken_at_their_worst) {
  EXPECT_EQ(settle_from(Bursts{0s, 8s}), 9s);
  EXPECT_EQ(settle_from(Bursts{0s, 0s}), 3s);
}

}  // namespace
}  // namespace serin::judge
