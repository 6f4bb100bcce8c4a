// The sequential judge at work on a deployment: over the core's own reports, orders and ticks.
#include "controller/rollout/trial.h"

#include <gtest/gtest.h>

#include "tests/controller/rollout/trial_fleet.h"

namespace serin::rollout {
namespace {

using controller::OnInconclusive;
using controller::Trust;
using controller::Turn;
using controller::testing::CoreFixture;
using judge::Answer;
using namespace std::chrono_literals;

std::uint32_t canaries_ten(std::size_t host, std::int64_t /*second*/) {
  return host <= kCanaries ? 10 : 0;
}

TEST(Trial, takes_a_bad_release_back_within_seconds) {
  Fleet fleet;
  fleet.run(30, canaries_ten);
  ASSERT_FALSE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.last().ending, Ending::taken_back);
  ASSERT_TRUE(fleet.last().verdict);
  EXPECT_EQ(fleet.last().verdict->answer, Answer::fail);
  EXPECT_LE(fleet.last().verdict->seconds, 6);
  EXPECT_EQ(fleet.returned, (std::set<std::size_t>{1, 2, 3, 4}));
  EXPECT_EQ(fleet.state.releases[kShop][2].trust, Trust::rejected);
}

TEST(Trial, lets_a_good_release_go_on_before_the_horizon) {
  Fleet fleet;
  fleet.run(90, none);
  ASSERT_FALSE(fleet.state.active.contains(kShop)) << fleet.rollout().reason;
  EXPECT_EQ(fleet.last().ending, Ending::released);
  EXPECT_EQ(fleet.last().verdict->answer, Answer::pass);
  EXPECT_LT(fleet.last().verdict->seconds, 30);
  EXPECT_EQ(fleet.state.releases[kShop][2].trust, Trust::trusted);
}

TEST(Trial, made_anew_in_the_middle_says_the_same_in_the_same_second) {
  for (const bool bad : {false, true}) {
    const Errors errors =
        bad ? Errors{[](std::size_t host, std::int64_t) { return host <= kCanaries ? 2U : 0U; }} : none;
    Fleet straight;
    straight.run(90, errors);
    Fleet restarted;
    for (int i = 0; i < 90; ++i) {
      restarted.run(1, errors);
      const auto active = restarted.state.active.find(kShop);
      if (active != restarted.state.active.end()) active->second.trial.reset();
    }
    EXPECT_EQ(restarted.last().verdict, straight.last().verdict);
    EXPECT_EQ(restarted.elapsed, straight.elapsed);
  }
}

TEST(Trial, after_a_restart_waits_for_the_hosts_and_goes_on_with_what_was_stored) {
  Fleet fleet;
  fleet.run(3, canaries_ten);
  auto& active = fleet.state.active.at(kShop);
  // What a new start of the daemon finds: the seconds that were stored, and of the hosts nothing yet.
  fleet::ReportLedger stored;
  for (std::size_t host = 1; host <= kHosts; ++host) {
    const std::int64_t from = second_of(active.rollout.started_at);
    for (const auto& sample : fleet.state.ledger.samples(CoreFixture::web(host), kShop, from, from + 100)) {
      stored.restore(kShop, sample);
    }
  }
  fleet.state.ledger = stored;
  active.trial.reset();
  active.rollout = advance(std::move(active.rollout), Restored{}, fleet.now).next;
  fleet.now.steady += 5s;  // it was away for so long, and nobody is back
  fleet.tick(0s);
  ASSERT_TRUE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.rollout().phase, Phase::soaking);
  fleet.hello_all();
  fleet.run(12, canaries_ten);
  ASSERT_FALSE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.last().ending, Ending::taken_back);
  EXPECT_EQ(fleet.last().verdict->answer, Answer::fail);
}

TEST(Trial, some_of_the_fleet_stays_on_the_old_release_until_hold_back_until) {
  Fleet fleet([](auto& shop) { shop.hold_back_until = 40s; });
  fleet.run(30, none);
  ASSERT_TRUE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.loaded(), kHosts - kControlsKept);
  EXPECT_EQ(fleet.rollout().stages.back(), (Stage{.name = "last", .held_back = true}));
  fleet.run(15, none);
  ASSERT_FALSE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.last().ending, Ending::released);
}

TEST(Trial, a_fault_that_begins_after_the_pass_takes_everybody_back) {
  Fleet fleet([](auto& shop) { shop.hold_back_until = 100s; });
  fleet.run(30, none);
  ASSERT_EQ(fleet.loaded(), kHosts - kControlsKept);
  const Rollout before = fleet.rollout();
  fleet.run(20, [&](std::size_t host, std::int64_t) {
    return before.hosts[fleet.state.active.at(kShop).index_of.at(CoreFixture::web(host))].step == HostStep::loaded ? 10U
                                                                                                                   : 0U;
  });
  ASSERT_FALSE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.last().ending, Ending::taken_back);
  EXPECT_EQ(fleet.returned.size(), kHosts - kControlsKept);
}

TEST(Trial, an_outage_that_hits_all_alike_is_not_the_releases_fault) {
  Fleet fleet;
  fleet.run(90, [](std::size_t, std::int64_t second) { return second > 3 && second < 25 ? 30U : 0U; });
  EXPECT_TRUE(fleet.returned.empty());
  const Rollout& rollout = fleet.state.active.contains(kShop) ? fleet.rollout() : fleet.last();
  EXPECT_TRUE(rollout.ending == Ending::released || rollout.phase == Phase::held) << rollout.reason;
}

TEST(Trial, a_canary_that_counts_by_other_rules_cannot_be_compared) {
  Fleet fleet;
  fleet.rules[2] = "others";
  fleet.second([](std::size_t, std::int64_t) { return 0U; });
  fleet.run(10, none);
  ASSERT_TRUE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.rollout().phase, Phase::held);
  EXPECT_EQ(fleet.rollout().verdict->reason, "rules-differ");
  EXPECT_NE(fleet.rollout().verdict->text.find("web-02"), std::string::npos);
}

TEST(Trial, a_control_that_counts_by_other_rules_is_set_aside) {
  Fleet fleet;
  fleet.rules[9] = "others";
  fleet.second([](std::size_t, std::int64_t) { return 0U; });
  fleet.run(3, none);
  const auto& trial = fleet.state.active.at(kShop).trial;
  ASSERT_TRUE(trial);
  ASSERT_EQ(trial->set_aside().size(), 1U);
  EXPECT_EQ(trial->set_aside().front().host, "web-09");
  fleet.run(60, none);
  EXPECT_EQ(fleet.last().ending, Ending::released);
}

TEST(Trial, a_blind_canary_never_passes_and_is_named) {
  Fleet fleet;
  fleet.run(2, none);
  fleet.blind.insert(3);
  fleet.run(70, none);
  ASSERT_TRUE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.rollout().phase, Phase::held);
  EXPECT_EQ(fleet.rollout().verdict->reason, "gap");
  EXPECT_NE(fleet.rollout().reason.find("web-03"), std::string::npos);
  EXPECT_NE(fleet.rollout().reason.find("Permission denied"), std::string::npos);
}

TEST(Trial, a_canary_that_falls_silent_fails_the_release_at_the_horizon) {
  Fleet fleet;
  fleet.run(2, none);
  fleet.silent.insert(2);
  fleet.run(130, none);
  ASSERT_FALSE(fleet.state.active.contains(kShop) && fleet.rollout().phase != Phase::going_back);
  const Rollout& rollout = fleet.state.active.contains(kShop) ? fleet.rollout() : fleet.last();
  EXPECT_EQ(rollout.ending, Ending::taken_back);
  EXPECT_NE(rollout.reason.find("canary-lost"), std::string::npos);
}

/// Just enough errors that neither a pass nor a fail can be said for long.
std::uint32_t in_between(std::size_t host, std::int64_t second) {
  return host <= kCanaries && second % 2 == 0 ? 1 : 0;
}

TEST(Trial, extend_looks_on_once_and_then_holds) {
  Fleet fleet([](auto& shop) {
    shop.on_inconclusive = OnInconclusive::extend;
    shop.sequential.horizon = 10s;
    shop.extend = 5s;
  });
  fleet.run(12, in_between);
  ASSERT_TRUE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.rollout().phase, Phase::soaking);
  EXPECT_TRUE(fleet.rollout().extended);
  EXPECT_EQ(fleet.rollout().wait, 15s);
  fleet.run(8, in_between);
  EXPECT_EQ(fleet.rollout().phase, Phase::held);
}

TEST(Trial, a_held_one_is_taken_back_when_the_fault_shows_later) {
  Fleet fleet([](auto& shop) { shop.sequential.horizon = 10s; });
  fleet.run(15, in_between);
  ASSERT_EQ(fleet.rollout().phase, Phase::held);
  fleet.run(20, canaries_ten);
  ASSERT_FALSE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.last().ending, Ending::taken_back);
  EXPECT_EQ(fleet.last().verdict->answer, Answer::fail);
}

TEST(Trial, without_enough_baseline_nothing_passes) {
  Fleet fleet([](auto& shop) { shop.sequential.baseline_min = 200s; });
  fleet.run(62, none);
  ASSERT_EQ(fleet.rollout().phase, Phase::held);
  EXPECT_EQ(fleet.rollout().verdict->reason, "no-baseline");
}

TEST(AfterRelease, a_fleet_that_gets_worse_raises_an_alarm_and_loses_its_trust) {
  Fleet fleet;
  fleet.run(90, none);
  ASSERT_EQ(fleet.last().ending, Ending::released);
  ASSERT_TRUE(fleet.state.watches.contains(kShop));
  for (int i = 0; i < 40; ++i) fleet.second(Fleet::usual);
  EXPECT_FALSE(fleet.state.alarms.contains(kShop));
  fleet.add_release(3, Trust::untried);
  for (int i = 0; i < 90; ++i) fleet.second([](std::size_t, std::int64_t) { return 12U; });
  EXPECT_NE(fleet.state.alarms.at(kShop).text.find("serin rollback"), std::string::npos);
  EXPECT_EQ(fleet.state.releases[kShop][2].trust, Trust::forced);
  Turn turn = fleet.deploy(3);
  EXPECT_TRUE(fleet.state.alarms.contains(kShop)) << "the fleet still runs what it is about";
  turn = controller::Turn{};
  move_rollout(fleet.state, kShop, AbortAsked{"alice"}, fleet.now, turn);
  fleet.obey(turn);
  EXPECT_TRUE(fleet.state.alarms.contains(kShop)) << "the next release was taken back";
  fleet.obey(fleet.deploy(1, true));
  EXPECT_FALSE(fleet.state.alarms.contains(kShop));
}

TEST(AfterRelease, can_take_the_release_back_by_itself) {
  Fleet fleet([](auto& shop) { shop.on_alarm = controller::OnAlarm::take_back; });
  fleet.run(90, none);
  ASSERT_EQ(fleet.last().ending, Ending::released);
  for (int i = 0; i < 100; ++i) fleet.second([](std::size_t, std::int64_t) { return 12U; });
  EXPECT_EQ(fleet.last().release, 1U);
  EXPECT_EQ(fleet.last().owner, "serin");
  EXPECT_TRUE(fleet.last().rollback);
  EXPECT_EQ(fleet.last().ending, Ending::released);
}

TEST(AfterRelease, a_good_deployment_teaches_how_long_a_restart_takes) {
  Fleet fleet;
  fleet.run(90, none);
  ASSERT_EQ(fleet.state.bursts[kShop].size(), 1U);
  EXPECT_EQ(fleet.state.bursts[kShop].front(), 0s);
}

}  // namespace
}  // namespace serin::rollout
