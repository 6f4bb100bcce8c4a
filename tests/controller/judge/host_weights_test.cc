#include "controller/judge/host_weights.h"

#include <gtest/gtest.h>

#include "fleet_of.h"

namespace serin::judge {
namespace {

TEST(HostWeights, a_cap_follows_the_rate_and_is_never_under_three) {
  EXPECT_EQ(count_cap(0), 3);
  EXPECT_EQ(count_cap(0.01), 3);   // 8 (0.01 + 0.1 + 0.25) = 2.88
  EXPECT_EQ(count_cap(1), 18);     // 8 x 2.25
  EXPECT_EQ(count_cap(100), 882);  // 8 x 110.25
}

TEST(HostWeights, shrink_each_host_towards_the_fleet) {
  // Two hosts, 100 s: one error every 10 s, and none. S = 10, 0; r = 10/200 = 0.05; mu = 5, va = 50; D1 = 1 since the
  // table has one row with counts: a = 25/(50 - 5) = 0.56, so 2.
  const HostWeights weights = weigh_hosts(
      baseline_of(1, 1, 100, [](std::size_t host, std::size_t t) { return host == 0 && t % 10 == 0 ? 1U : 0U; }), {});
  EXPECT_DOUBLE_EQ(weights.fleet_rate, 0.05);
  EXPECT_DOUBLE_EQ(weights.shape, 2);
  EXPECT_DOUBLE_EQ(weights.dispersion, 1);
  EXPECT_DOUBLE_EQ(weights.hosts[0].rate, 12.0 / 140);  // (10 + 2)/(100 + 2/0.05)
  EXPECT_DOUBLE_EQ(weights.hosts[1].rate, 2.0 / 140);
  EXPECT_DOUBLE_EQ(weights.hosts[0].variance, 1.0 / 12);
  EXPECT_DOUBLE_EQ(weights.hosts[1].variance, 1.0 / 2);
  EXPECT_DOUBLE_EQ(weights.hosts[0].good_lines, 10);
}

TEST(HostWeights, equal_hosts_share_as_much_as_is_allowed) {
  const HostWeights weights = weigh_hosts(baseline_of(2, 6, 100, every(10)), {});
  EXPECT_DOUBLE_EQ(weights.shape, 25);
  EXPECT_DOUBLE_EQ(weights.hosts[0].rate, 0.1);
}

TEST(HostWeights, of_a_silent_fleet_are_half_an_error_in_all_its_seconds) {
  const HostWeights weights = weigh_hosts(baseline_of(2, 2, 100, every(1, 0)), {});
  EXPECT_DOUBLE_EQ(weights.fleet_rate, 0.5 / 400);
  EXPECT_DOUBLE_EQ(weights.shape, 25);
  EXPECT_DOUBLE_EQ(weights.hosts[0].rate, 25 / (100 + 25 / weights.fleet_rate));
}

TEST(HostWeights, one_burst_does_not_make_a_baseline) {
  const HostWeights weights = weigh_hosts(
      baseline_of(1, 5, 300, [](std::size_t host, std::size_t t) { return host == 0 && t == 7 ? 10'000U : 0U; }), {});
  // 10,000 in one second is 33/s, whose cap is 314: 1.05/s, then 18: 0.06/s, then 5: 0.017/s, then 4, then 4.
  EXPECT_DOUBLE_EQ(weights.hosts[0].variance, 1 / (4 + weights.shape));
}

TEST(HostWeights, what_was_not_seen_is_neither_error_nor_second) {
  Baseline baseline = baseline_of(1, 3, 100, every(10));
  for (std::size_t t = 0; t < 50; ++t) baseline.hosts[0].seconds[t] = {.seen = false, .errors = 1'000, .lines = 9};
  const HostWeights weights = weigh_hosts(baseline, {});
  EXPECT_EQ(weights.hosts[0].trusted, 50U);
  EXPECT_DOUBLE_EQ(weights.hosts[0].rate, 0.1);
  EXPECT_DOUBLE_EQ(weights.hosts[0].good_lines, 10);
  EXPECT_DOUBLE_EQ(weights.hosts[0].variance, 1 / (5 + weights.shape));
}

TEST(HostWeights, come_from_the_newest_seconds_only) {
  const auto young_only = [](std::size_t host, std::size_t t) { return t < 100 ? 50U : every(10)(host, t); };
  EXPECT_EQ(weigh_hosts(baseline_of(2, 3, 400, young_only), {}).hosts[1].rate,
            weigh_hosts(baseline_of(2, 3, 300, every(10)), {}).hosts[1].rate);
}

TEST(HostWeights, even_counts_have_the_dispersion_of_chance_at_least) {
  EXPECT_DOUBLE_EQ(weigh_hosts(baseline_of(2, 6, 100, every(1)), {}).dispersion, 1);
}

TEST(HostWeights, errors_that_come_ten_at_a_time_are_dispersed_tenfold) {
  // Each host logs 10 errors in one of ten seconds, each in its own: X2/df is near 10 for many hosts.
  const double dispersion = weigh_hosts(baseline_of(5, 95, 100, every(10, 10)), {}).dispersion;
  EXPECT_NEAR(dispersion, 10, 1);
}

TEST(HostWeights, waves_that_are_each_hosts_own_are_slow_spread) {
  const auto waves = [](std::size_t host, std::size_t t) { return (t / 30 + host) % 2 == 0 ? 8U : 2U; };
  const HostWeights weights = weigh_hosts(baseline_of(2, 8, 300, waves), {});
  // Blocks of 80 and 20 about 50: relative variance 0.36, nearly all of it above what single seconds show.
  EXPECT_NEAR(weights.slow_spread, 0.36, 0.05);
  EXPECT_DOUBLE_EQ(weigh_hosts(baseline_of(2, 8, 300, every(1, 5)), {}).slow_spread, 0);
}

TEST(HostWeights, without_any_second_are_equal) {
  const HostWeights weights = weigh_hosts(baseline_of(2, 3, 0, every(1)), {});
  for (const HostWeight& host : weights.hosts) {
    EXPECT_EQ(host.trusted, 0U);
    EXPECT_DOUBLE_EQ(host.rate, weights.hosts[0].rate);
    EXPECT_GT(host.rate, 0);
  }
  EXPECT_TRUE(weigh_hosts({}, {}).hosts.empty());
}

}  // namespace
}  // namespace serin::judge
