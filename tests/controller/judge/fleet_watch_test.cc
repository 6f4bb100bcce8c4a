#include "controller/judge/fleet_watch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "fleet_of.h"

namespace serin::judge {
namespace {

constexpr std::size_t kHosts = 20;

FleetWatch watch_of(const Errors& before = every(1)) {
  return {SequentialSettings{}, weigh_hosts(baseline_of(0, kHosts, 300, before), {})};
}

Verdict run(FleetWatch& watch, std::size_t seconds, const Errors& errors) {
  for (std::size_t t = 0; t < seconds && watch.watching(); ++t) watch.add_second(second_of(kHosts, t, errors));
  return watch.verdict();
}

TEST(FleetWatch, raises_an_alarm_when_a_rise_lasts) {
  FleetWatch watch = watch_of();
  const Verdict verdict = run(watch, 600, every(1, 4));
  EXPECT_EQ(said(verdict), "fail 63");  // 3 s to settle, twelve blocks of 5
  EXPECT_EQ(verdict.reason, "fleet-worse");
  EXPECT_TRUE(verdict.text.starts_with("the fleet logs 4.0 errors/s/host, 1.0 before the deploy: 4.0 times, for 60 s"))
      << verdict.text;
}

TEST(FleetWatch, waits_an_outage_of_half_a_minute_out) {
  FleetWatch watch = watch_of();
  EXPECT_EQ(run(watch, 600, [](std::size_t, std::size_t t) { return t >= 100 && t < 130 ? 50U : 1U; }).reason,
            "watch-ended");
  EXPECT_EQ(watch.verdict().text, "watch ended: 600 s without an alarm");
}

TEST(FleetWatch, does_not_mind_the_time_of_day) {
  FleetWatch watch = watch_of();  // up to 2.5 times
  EXPECT_EQ(run(watch, 600, [](std::size_t h, std::size_t t) { return (t + h) % 600 < t * 3 / 4 ? 3U : 1U; }).reason,
            "watch-ended");
}

TEST(FleetWatch, does_not_mind_a_tenth_of_the_hosts) {
  FleetWatch watch = watch_of();
  EXPECT_EQ(run(watch, 600, [](std::size_t h, std::size_t) { return h < 2 ? 500U : 1U; }).reason, "watch-ended");
}

TEST(FleetWatch, does_not_mind_what_is_too_little_to_matter) {
  FleetWatch watch = watch_of(every(1'000));
  EXPECT_EQ(run(watch, 600, every(20)).reason, "watch-ended");  // 0.05 errors a second, fifty times as many
  FleetWatch other = watch_of(every(1'000));
  EXPECT_EQ(run(other, 600, every(5)).reason, "fleet-worse");
}

TEST(FleetWatch, says_nothing_of_seconds_that_were_not_heard) {
  FleetWatch watch = watch_of();
  for (std::size_t t = 0; t < 600; ++t) {
    auto second = second_of(kHosts, t, every(1, 9));
    for (std::size_t h = 0; h < 11; ++h) second[h] = {};
    watch.add_second(second);
  }
  EXPECT_EQ(watch.verdict().reason, "watch-ended");
}

TEST(FleetWatch, an_alarm_stands) {
  FleetWatch watch = watch_of();
  const Verdict alarm = run(watch, 80, every(1, 4));
  watch.add_second(second_of(kHosts, 0, every(1)));
  EXPECT_EQ(watch.verdict(), alarm);
}

TEST(FleetWatch, bursty_fleets_raise_no_false_alarm) {
  // Negative binomial seconds (variance mu + mu^2), log-normal waves of each host, and outages of 4 to 30 s.
  std::mt19937_64 random(5);
  std::size_t alarms = 0;
  for (int round = 0; round < 40; ++round) {
    std::vector<double> waves(kHosts, 0);
    std::size_t outage_until = 0;
    const auto draw = [&](std::size_t h, std::size_t t) {
      waves[h] = 0.94 * waves[h] + 0.17 * std::normal_distribution<>()(random);
      if (h == 0 && t >= outage_until && random() % 120 == 0) outage_until = t + 4 + random() % 27;
      const double gamma = std::gamma_distribution<>(1, std::exp(waves[h]) * (t < outage_until ? 20 : 1))(random);
      return gamma > 0 ? std::poisson_distribution<std::uint64_t>(gamma)(random) : 0;
    };
    Baseline baseline = baseline_of(0, kHosts, 0, every(1));
    for (std::size_t t = 0; t < 300; ++t) {
      for (std::size_t h = 0; h < kHosts; ++h) baseline.hosts[h].seconds.push_back({true, draw(h, 0), 0, 0});
    }
    FleetWatch watch({}, weigh_hosts(baseline, {}));
    outage_until = 0;
    alarms += run(watch, 600, draw).answer == Answer::fail;
  }
  EXPECT_LE(alarms, 1U);
}

}  // namespace
}  // namespace serin::judge
