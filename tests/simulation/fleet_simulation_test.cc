// What a fleet does, one thing at a time; stories_test.cc mixes all of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/simulation/simulated_fleet.h"

namespace serin::simulation {
namespace {

using namespace std::chrono_literals;
using rollout::Ending;
using rollout::Phase;

constexpr ReleaseNumber kGood = 1;
constexpr ReleaseNumber kNext = 2;

/// r1 is live everywhere, and its hosts have a baseline.
struct Fleet : SimulatedFleet {
  explicit Fleet(std::uint64_t seed, const Options& options = {}) : SimulatedFleet(with_seed(options, seed)) {
    run_for(2s);
    deploy();
    EXPECT_TRUE(run_until_idle(120s)) << breach();
    EXPECT_TRUE(run_until_all_run(kGood, {}, 10s)) << breach();
    run_for(20s);
  }
  static Options with_seed(Options options, std::uint64_t seed) {
    options.seed = seed;
    return options;
  }
  void run_until(Phase phase) {
    for (int i = 0; i < 1'000 && (running() == nullptr || running()->phase != phase); ++i) run_for(100ms);
    ASSERT_NE(running(), nullptr);
    ASSERT_EQ(running()->phase, phase);
  }
  /// To its end, and everybody runs this then.
  void end_with(Ending ending, ReleaseNumber live, const std::set<HostName>& but = {}) {
    ASSERT_TRUE(run_until_idle(400s)) << breach();
    ASSERT_NE(latest(), nullptr);
    EXPECT_EQ(latest()->ending, ending) << latest()->reason;
    EXPECT_TRUE(run_until_all_run(live, but, 60s)) << breach();
    look_at_evidence();
    EXPECT_EQ(breach(), "");
  }
  /// Hosts that ever had it live.
  std::set<HostName> had(ReleaseNumber release) {
    std::set<HostName> names;
    for (const SimulatedHost& host : hosts()) {
      for (const auto& lived : host.lived()) {
        if (lived.release == release) names.insert(host.name());
      }
    }
    return names;
  }
  void make_quiet(ReleaseNumber release) {
    for (SimulatedHost& host : hosts()) host.behaviour.quiet.insert(release);
  }
  void make_bad(ReleaseNumber release) {
    for (SimulatedHost& host : hosts()) host.behaviour.bad.insert(release);
  }
};

const std::set<HostName> kCanaries{"web-01", "web-02", "web-03"};

TEST(SimulatedFleet, a_good_release_reaches_everyone_after_the_verdict) {
  Fleet fleet(1);
  fleet.deploy();
  fleet.run_until(Phase::soaking);
  EXPECT_EQ(fleet.had(kNext), kCanaries);
  fleet.end_with(Ending::released, kNext);
  EXPECT_EQ(fleet.latest()->verdict->answer, judge::Answer::pass);
}

TEST(SimulatedFleet, a_bad_release_is_taken_back_and_no_other_host_ever_had_it) {
  Fleet fleet(2);
  fleet.make_bad(kNext);
  fleet.deploy();
  fleet.end_with(Ending::taken_back, kGood);
  EXPECT_EQ(fleet.latest()->verdict->answer, judge::Answer::fail);
  EXPECT_EQ(fleet.had(kNext), kCanaries);
}

TEST(SimulatedFleet, a_release_that_a_canary_cannot_load_is_taken_back) {
  Fleet fleet(3);
  fleet.hosts()[1].behaviour.hook_fails.insert(kNext);
  fleet.deploy();
  fleet.end_with(Ending::taken_back, kGood);
  EXPECT_TRUE(fleet.latest()->reason.starts_with("stage canary: ")) << fleet.latest()->reason;
}

TEST(SimulatedFleet, a_release_that_kills_its_canary_is_taken_back) {
  Fleet fleet(4);
  fleet.hosts()[1].behaviour.deadly.insert(kNext);
  fleet.deploy();
  ASSERT_TRUE(fleet.run_until_idle(400s)) << fleet.breach();
  EXPECT_EQ(fleet.latest()->ending, Ending::taken_back);
  EXPECT_TRUE(fleet.latest()->reason.starts_with("canary-lost: web-02")) << fleet.latest()->reason;
  fleet.hosts()[1].behaviour.deadly.clear();
  fleet.boot_host(1);
  EXPECT_TRUE(fleet.run_until_all_run(kGood, {}, 60s)) << "it catches up, backwards";
}

TEST(SimulatedFleet, a_controller_killed_in_the_wait_judges_on_with_the_same_evidence) {
  for (const bool bad : {true, false}) {
    Fleet fleet(5);
    if (bad) fleet.make_bad(kNext);
    fleet.deploy();
    fleet.run_until(Phase::soaking);
    fleet.run_for(4s);
    fleet.crash_controller();
    fleet.run_for(2s);
    fleet.start_controller();
    fleet.end_with(bad ? Ending::taken_back : Ending::released, bad ? kGood : kNext);
    EXPECT_EQ(fleet.latest()->verdict->answer, bad ? judge::Answer::fail : judge::Answer::pass);
  }
}

TEST(SimulatedFleet, a_canary_may_be_killed_before_each_effect_of_its_steps) {
  for (std::uint32_t effect = 1; effect <= 16; ++effect) {
    SCOPED_TRACE(fmt::format("before effect {}", effect));
    Fleet fleet(6);
    fleet.deploy();
    fleet.hosts()[0].crash_before_effect(effect);
    for (int i = 0; i < 200 && fleet.hosts()[0].running(); ++i) fleet.run_for(100ms);
    if (fleet.hosts()[0].running()) break;  // its steps have fewer
    fleet.links().close(0);
    fleet.run_for(1s);
    fleet.start_host(0);
    ASSERT_TRUE(fleet.run_until_idle(400s)) << fleet.breach();
    const ReleaseNumber wanted = fleet.latest()->ending == Ending::released ? kNext : kGood;
    EXPECT_TRUE(fleet.run_until_all_run(wanted, {}, 60s)) << fleet.breach();
  }
}

TEST(SimulatedFleet, the_controller_may_die_at_each_of_its_points) {
  for (std::uint32_t point = 1; point <= 400; point += 9) {
    SCOPED_TRACE(fmt::format("at point {}", point));
    Fleet fleet(7, {.hosts = 6, .canaries = 2});
    fleet.controller().crash_at_point(point);
    fleet.deploy();
    for (int i = 0; i < 200 && fleet.controller().running(); ++i) fleet.run_for(100ms);
    ASSERT_FALSE(fleet.controller().running());
    fleet.run_for(2s);
    fleet.start_controller();
    ASSERT_TRUE(fleet.run_until_idle(400s)) << fleet.breach();
    // The first points are before anything was stored: then it never happened.
    const ReleaseNumber wanted = fleet.latest()->release;
    EXPECT_EQ(fleet.latest()->ending, Ending::released) << fleet.latest()->reason;
    EXPECT_TRUE(fleet.run_until_all_run(wanted, {}, 60s)) << fleet.breach();
    fleet.look_at_evidence();
    EXPECT_EQ(fleet.breach(), "");
  }
}

TEST(SimulatedFleet, a_held_deployment_whose_canaries_restart_goes_on_or_back_as_it_is_told) {
  for (const bool go_on : {true, false}) {
    Fleet fleet(8);
    fleet.make_quiet(kNext);
    fleet.deploy();
    fleet.run_until(Phase::held);
    for (std::size_t i = 0; i < 3; ++i) {
      fleet.crash_host(i);
      fleet.run_for(2s);
      fleet.start_host(i);
    }
    fleet.run_for(10s);
    ASSERT_EQ(fleet.running()->phase, Phase::held);
    fleet.request({.verb = go_on ? "continue" : "abort"});
    fleet.end_with(go_on ? Ending::released : Ending::aborted, go_on ? kNext : kGood);
  }
}

TEST(SimulatedFleet, a_hold_that_nobody_ends_is_taken_back_at_its_limit) {
  Fleet fleet(9);
  fleet.make_quiet(kNext);
  fleet.deploy();
  fleet.run_until(Phase::held);
  fleet.end_with(Ending::taken_back, kGood);
}

TEST(SimulatedFleet, force_goes_to_everyone_and_is_trusted_when_it_has_been_live_for_long_enough) {
  Fleet fleet(10);
  fleet.deploy(true);
  fleet.end_with(Ending::released, kNext);
  EXPECT_FALSE(fleet.latest()->verdict);
  EXPECT_EQ(fleet.controller().store().trust(SimulatedFleet::kApplication, kNext), controller::Trust::forced);
  fleet.run_for(35s);
  EXPECT_EQ(fleet.controller().store().trust(SimulatedFleet::kApplication, kNext), controller::Trust::trusted);
  fleet.look_at_evidence();
  EXPECT_EQ(fleet.breach(), "");
}

TEST(SimulatedFleet, a_rollback_in_the_middle_sends_everyone_straight_to_its_target) {
  Fleet fleet(11);
  fleet.deploy();
  fleet.run_until(Phase::soaking);
  fleet.run_until(Phase::rolling);
  fleet.run_for(1500ms);
  fleet.request({.verb = "rollback", .yes = true});
  fleet.end_with(Ending::released, kGood);
  EXPECT_TRUE(fleet.latest()->rollback);
  EXPECT_FALSE(fleet.latest()->force);
}

TEST(SimulatedFleet, hosts_that_were_away_catch_up_with_what_was_released) {
  Fleet fleet(12);
  fleet.crash_host(9);
  fleet.run_for(10s);
  fleet.deploy();
  fleet.end_with(Ending::released, kNext, {"web-10"});
  fleet.start_host(9);
  EXPECT_TRUE(fleet.run_until_all_run(kNext, {}, 60s)) << fleet.breach();
}

TEST(SimulatedFleet, nothing_goes_out_while_the_disk_is_full_and_all_goes_on_when_it_is_not) {
  Fleet fleet(13);
  fleet.controller().disk_full = true;
  fleet.deploy();
  fleet.run_for(30s);
  EXPECT_TRUE(fleet.had(kNext).empty());
  for (const SimulatedHost& host : fleet.hosts()) EXPECT_TRUE(host.ready()) << host.name() << " was hung up on";
  fleet.controller().disk_full = false;
  fleet.run_for(3s);
  fleet.deploy();
  fleet.end_with(Ending::released, fleet.next_release() - 1);
}

TEST(SimulatedFleet, wall_clocks_that_jump_change_nothing) {
  Fleet fleet(14);
  fleet.deploy();
  fleet.run_until(Phase::soaking);
  fleet.hosts()[0].step_wall_clock(1h);
  fleet.hosts()[1].step_wall_clock(-1h);
  fleet.end_with(Ending::released, kNext);
}

TEST(SimulatedFleet, a_first_release_that_cannot_be_loaded_has_nothing_to_go_back_to) {
  SimulatedFleet fleet({.seed = 15});
  fleet.hosts()[0].behaviour.hook_fails.insert(kGood);
  fleet.run_for(2s);
  fleet.deploy();
  ASSERT_TRUE(fleet.run_until_idle(120s)) << fleet.breach();
  EXPECT_EQ(fleet.latest()->ending, Ending::taken_back);
  EXPECT_EQ(fleet.wanted(), 0U);
  fleet.deploy();
  ASSERT_TRUE(fleet.run_until_idle(120s)) << fleet.breach();
  EXPECT_EQ(fleet.wanted(), 2U);
  EXPECT_TRUE(fleet.run_until_all_run(2, {}, 10s)) << fleet.breach();
}

}  // namespace
}  // namespace serin::simulation
