#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/simulation/simulated_fleet.h"

namespace serin::simulation {
namespace {

using rollout::Ending;
constexpr ReleaseNumber kGood = 1;
constexpr ReleaseNumber kNext = 2;

/// r1 is live everywhere, and its hosts have a baseline.
void begin_with_a_release(SimulatedFleet& fleet) {
  fleet.run_for(Duration{5'000});
  fleet.deploy("good");
  ASSERT_TRUE(fleet.run_until_idle(Duration{120'000})) << fleet.breach();
  ASSERT_NE(fleet.latest(), nullptr) << fleet.events().back().text;
  ASSERT_EQ(fleet.latest()->ending, Ending::released) << fleet.latest()->reason;
  fleet.run_for(Duration{60'000});
  for (const SimulatedHost& host : fleet.hosts()) ASSERT_EQ(host.live(), kGood) << host.name();
}

void make_bad(SimulatedFleet& fleet, ReleaseNumber release) {
  for (SimulatedHost& host : fleet.hosts()) host.behaviour.bad_releases.insert(release);
}

void expect_all_run(const SimulatedFleet& fleet, std::vector<SimulatedHost>& hosts, ReleaseNumber release) {
  for (const SimulatedHost& host : hosts) {
    EXPECT_EQ(host.live(), release) << host.name() << " at the end of " << fleet.latest()->reason;
    EXPECT_TRUE(host.settled()) << host.name();
  }
}

TEST(SimulatedFleet, a_good_release_reaches_everyone_after_the_verdict) {
  SimulatedFleet fleet({.seed = 7});
  begin_with_a_release(fleet);
  fleet.deploy("better");
  ASSERT_TRUE(fleet.run_until_idle(Duration{180'000})) << fleet.breach();
  EXPECT_EQ(fleet.latest()->ending, Ending::released) << fleet.latest()->reason;
  EXPECT_EQ(fleet.latest()->verdict->answer, judge::Answer::pass);
  expect_all_run(fleet, fleet.hosts(), kNext);
}

TEST(SimulatedFleet, a_bad_release_is_caught_on_the_canaries_and_taken_back) {
  SimulatedFleet fleet({.seed = 8});
  begin_with_a_release(fleet);
  make_bad(fleet, kNext);
  fleet.deploy("broken");
  ASSERT_TRUE(fleet.run_until_idle(Duration{180'000})) << fleet.breach();
  EXPECT_EQ(fleet.latest()->ending, Ending::taken_back) << fleet.latest()->reason;
  EXPECT_EQ(fleet.latest()->verdict->answer, judge::Answer::fail);
  expect_all_run(fleet, fleet.hosts(), kGood);
}

TEST(SimulatedFleet, a_release_whose_hook_fails_on_a_canary_is_taken_back) {
  SimulatedFleet fleet({.seed = 9});
  begin_with_a_release(fleet);
  fleet.hosts()[1].behaviour.hook_fails.insert(kNext);
  fleet.deploy("unloadable");
  ASSERT_TRUE(fleet.run_until_idle(Duration{180'000})) << fleet.breach();
  EXPECT_EQ(fleet.latest()->ending, Ending::taken_back);
  expect_all_run(fleet, fleet.hosts(), kGood);
}

TEST(SimulatedFleet, a_controller_killed_in_the_wait_judges_on_with_the_same_evidence) {
  SimulatedFleet fleet({.seed = 10});
  begin_with_a_release(fleet);
  make_bad(fleet, kNext);
  fleet.deploy("broken");
  while (fleet.running() && fleet.running()->phase != rollout::Phase::soaking) fleet.run_for(Duration{250});
  fleet.run_for(Duration{4'000});
  fleet.crash_controller();
  fleet.run_for(Duration{2'000});
  fleet.start_controller();
  ASSERT_TRUE(fleet.run_until_idle(Duration{180'000})) << fleet.breach();
  EXPECT_EQ(fleet.latest()->verdict->answer, judge::Answer::fail) << fleet.latest()->reason;
  expect_all_run(fleet, fleet.hosts(), kGood);
}

/// What may happen while a deployment runs.
void disturb(SimulatedFleet& fleet, std::mt19937_64& random) {
  const auto pick = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most - 1)(random); };
  const std::size_t host = pick(fleet.hosts().size());
  switch (pick(60)) {
    case 0:
      if (fleet.controller_runs()) fleet.crash_controller();
      break;
    case 1:
      if (fleet.controller_runs()) fleet.crash_after_next_commit();
      break;
    case 2:
    case 3:
      if (fleet.hosts()[host].running()) {
        fleet.hosts()[host].crash();
        fleet.cut_link(host);
      }
      break;
    case 4:
    case 5:
    case 6:
      fleet.cut_link(host);
      break;
    default:
      break;
  }
  if (!fleet.controller_runs() && pick(8) == 0) fleet.start_controller();
  for (SimulatedHost& each : fleet.hosts()) {
    if (!each.running() && pick(12) == 0) each.start(fleet.now());
  }
}

/// One seeded story: a release, good or bad, under faults; then peace, and all must stand where the outcome says.
void tell_story(std::uint64_t seed) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  SimulatedFleet fleet({.seed = seed, .loses = seed % 3 == 0 ? 0.02 : 0.0});
  begin_with_a_release(fleet);
  if (testing::Test::HasFatalFailure()) return;
  if (seed % 2 == 0) make_bad(fleet, kNext);
  if (seed % 5 == 0) fleet.hosts()[seed % fleet.hosts().size()].behaviour.hook_fails.insert(kNext);
  fleet.deploy(fmt::format("story {}", seed), seed % 11 == 0);
  const int disturbed = static_cast<int>(seed % 160);
  for (int i = 0; i < disturbed && fleet.breach().empty(); ++i) {
    fleet.run_for(Duration{500});
    disturb(fleet, random);
  }
  if (seed % 13 == 0) fleet.request({.verb = "abort"});
  if (!fleet.controller_runs()) fleet.start_controller();
  for (SimulatedHost& host : fleet.hosts()) {
    if (!host.running()) host.start(fleet.now());
  }
  ASSERT_TRUE(fleet.run_until_idle(Duration{900'000}))
      << fleet.breach()
      << (fleet.running() ? std::string("stuck: ") + std::string(name_of(fleet.running()->phase)) : "");
  // Those that were away catch up by themselves.
  fleet.run_for(Duration{420'000});
  ASSERT_EQ(fleet.breach(), "");
  const ReleaseNumber wanted = fleet.stored().wanted.at(SimulatedFleet::kApplication);
  const rollout::Rollout& last = *fleet.latest();
  EXPECT_EQ(wanted, last.ending == Ending::released ? kNext : kGood);
  EXPECT_FALSE(seed % 2 == 0 && seed % 11 != 0 && last.ending == Ending::released)
      << "a bad release went out: " << last.reason;
  for (const SimulatedHost& host : fleet.hosts()) {
    const bool cannot_load = host.behaviour.hook_fails.contains(wanted);
    if (!cannot_load) {
      EXPECT_EQ(host.live(), wanted) << host.name() << ": " << last.reason;
      EXPECT_TRUE(host.settled()) << host.name();
    }
  }
}

class Stories : public testing::TestWithParam<std::uint64_t> {};
TEST_P(Stories, end_where_the_outcome_says) {
  for (std::uint64_t i = 0; i < 20; ++i) {
    tell_story(GetParam() * 20 + i);
    if (HasFailure()) return;
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, Stories, testing::Range<std::uint64_t>(0, 15));

}  // namespace
}  // namespace serin::simulation
