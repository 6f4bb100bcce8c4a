// The way back, aborts, take-overs, restarts.
#include <gtest/gtest.h>

#include "rollout_driver.h"

namespace serin::rollout::testing {
namespace {

using namespace std::chrono_literals;

TEST(GoingBack, touches_only_what_was_touched_and_drops_what_was_staged) {
  Driver driver{Shape{}};
  for (std::size_t i = 4; i <= 5; ++i) driver.agents[web(i)].mute_switch = true;
  driver.start().judge(passing());
  ASSERT_EQ(count_hosts(driver.rollout), (Counts{.total = 12, .ok = 3, .in_flight = 2, .left = 7}));
  const auto effects = driver.feed(AbortAsked{"bob"});
  EXPECT_EQ(effects_text(effects),
            "H0 H1 H2 H3 H4 H5 H6 H7 H8 H9 H10 H11 D back:0 back:1 back:2 back:3 back:4 "
            "discard:5 discard:6 discard:7 discard:8 discard:9 discard:10 discard:11");
  EXPECT_EQ(count_hosts(driver.rollout), (Counts{.total = 12, .ok = 7, .in_flight = 5}));
  driver.settle();
  EXPECT_EQ(driver.rollout.ending, Ending::aborted);
  EXPECT_EQ(driver.live_on(kOld).size(), 12U);
  EXPECT_EQ(exit_code(driver.rollout), 3);
  EXPECT_EQ(summary(driver.rollout),
            "aborted by bob; 5 of 5 hosts that had r12 are on their former release, 7 never had it");
}

TEST(GoingBack, goes_everywhere_at_once) {
  Driver driver{Shape{.hosts = 40, .canaries = 4}};
  driver.rollout.max_in_flight = {1, 0};
  driver.agents["web-40"].mute_switch = true;
  driver.start().judge(passing());
  driver.feed(AbortAsked{"bob"});
  EXPECT_EQ(driver.on_the_way.size(), 40U);
  EXPECT_TRUE(std::all_of(driver.on_the_way.begin(), driver.on_the_way.end(),
                          [](const Sent& sent) { return sent.take_back && sent.release == kOld; }));
  EXPECT_EQ(driver.on_the_way.front().host, "web-01");
  driver.settle();
  EXPECT_EQ(driver.live_on(kOld).size(), 40U);
}

TEST(GoingBack, an_abort_before_anything_was_touched_ends_at_once) {
  Driver driver{Shape{}};
  driver.feed(Started{});
  driver.drop_orders();
  driver.feed(AbortAsked{"bob"});
  EXPECT_EQ(driver.rollout.phase, Phase::finished);
  EXPECT_EQ(exit_code(driver.rollout), 3);
  EXPECT_EQ(summary(driver.rollout), "aborted by bob; r12 was not live on any host");
}

TEST(GoingBack, a_first_release_stays_where_it_is_and_is_named) {
  Driver driver{Shape{.hosts = 4, .canaries = 2, .former = 0}};
  driver.agents["web-02"].on_activate = StepResult::broken;
  driver.start();
  EXPECT_EQ(driver.rollout.ending, Ending::taken_back);
  EXPECT_EQ(driver.step_of("web-01"), HostStep::loaded);
  EXPECT_TRUE(driver.was_told("nothing to go back to, stays as it is: web-01, web-02"));
  EXPECT_EQ(exit_code(driver.rollout), 7);
  EXPECT_NE(summary(driver.rollout).find("2 may still run it: web-02 (broken: "), std::string::npos)
      << summary(driver.rollout);
}

TEST(GoingBack, waits_for_a_first_release_that_is_switching) {
  Driver driver{Shape{.hosts = 4, .canaries = 2, .former = 0}};
  driver.agents["web-01"].mute_switch = true;
  driver.agents["web-02"].mute_switch = true;
  driver.start();
  driver.feed(AbortAsked{"bob"});
  EXPECT_EQ(driver.rollout.phase, Phase::going_back);
  driver.feed(HostFinished{
      "web-01", {.application = "shop", .order = driver.agents["web-01"].last_order, .result = StepResult::loaded}});
  driver.pass(5min);
  EXPECT_EQ(driver.step_of("web-01"), HostStep::loaded);
  EXPECT_EQ(driver.step_of("web-02"), HostStep::overdue);
  EXPECT_EQ(exit_code(driver.rollout), 7);
}

TEST(GoingBack, a_host_that_cannot_go_back_is_for_a_person) {
  Driver driver{Shape{}};
  driver.agents["web-01"].on_take_back = StepResult::unchanged;
  driver.agents["web-02"].on_take_back = StepResult::broken;
  driver.start().judge(failing());
  EXPECT_EQ(driver.step_of("web-01"), HostStep::broken);
  EXPECT_EQ(driver.host("web-01").detail, "could not go back: reload hook, exit 1: no such thing");
  EXPECT_EQ(driver.step_of("web-02"), HostStep::broken);
  EXPECT_EQ(driver.step_of("web-03"), HostStep::returned);
  EXPECT_EQ(exit_code(driver.rollout), 7);
  EXPECT_EQ(count_hosts(driver.rollout), (Counts{.total = 12, .ok = 10, .failed = 2}));
}

TEST(GoingBack, a_host_that_had_gone_back_by_itself_is_back) {
  Driver driver{Shape{}};
  driver.agents["web-01"].mute_switch = true;
  driver.agents["web-01"].on_activate = StepResult::taken_back;
  driver.agents["web-01"].on_take_back = StepResult::taken_back;  // its hook fails with every release
  driver.start();
  driver.feed(AbortAsked{"bob"});
  driver.settle();
  EXPECT_EQ(driver.step_of("web-01"), HostStep::returned);
  EXPECT_NE(driver.host("web-01").detail, "");
  EXPECT_EQ(exit_code(driver.rollout), 3);
}

TEST(GoingBack, an_unreachable_host_is_ordered_back_when_it_returns_in_time) {
  Driver driver{Shape{}};
  driver.start();
  driver.gone("web-03");
  driver.judge(failing());
  EXPECT_EQ(driver.step_of("web-03"), HostStep::returning);
  driver.pass(4min);
  driver.back("web-03");
  EXPECT_EQ(driver.step_of("web-03"), HostStep::returned);
  EXPECT_EQ(exit_code(driver.rollout), 3);
}

TEST(GoingBack, a_second_abort_is_told_that_it_goes_back_already) {
  Driver driver{Shape{}};
  driver.start();
  driver.feed(JudgeAnswered{failing()});
  driver.feed(AbortAsked{"bob"});
  EXPECT_TRUE(driver.was_told("nothing to abort: it goes back already"));
  EXPECT_EQ(driver.rollout.ending, Ending::taken_back);
}

TEST(GoingBack, a_take_over_ends_it_at_once_and_leaves_the_hosts_to_the_next) {
  for (const Phase phase : {Phase::rolling, Phase::soaking, Phase::held, Phase::going_back}) {
    Driver driver{Shape{}};
    driver.feed(Started{});
    if (phase != Phase::rolling) driver.settle();
    if (phase == Phase::held) driver.judge(no_report());
    if (phase == Phase::going_back) driver.feed(JudgeAnswered{failing()});
    driver.drop_orders();
    ASSERT_EQ(driver.rollout.phase, phase);
    EXPECT_EQ(effects_text(driver.feed(Superseded{"carol's rollback to r11"})), "D end");
    EXPECT_EQ(driver.rollout.ending, Ending::superseded);
    EXPECT_EQ(exit_code(driver.rollout), 1);
    EXPECT_TRUE(summary(driver.rollout).starts_with("ended: taken over by carol's rollback to r11"))
        << summary(driver.rollout);
  }
}

TEST(GoingBack, an_abort_in_any_phase_brings_every_host_back) {
  for (const Phase phase : {Phase::rolling, Phase::soaking, Phase::held}) {
    Driver driver{Shape{}};
    if (phase == Phase::rolling) driver.agents["web-01"].mute_switch = true;
    driver.start();
    if (phase == Phase::held) driver.judge(no_report());
    ASSERT_EQ(driver.rollout.phase, phase);
    driver.feed(AbortAsked{"bob"});
    driver.settle();
    EXPECT_EQ(driver.rollout.ending, Ending::aborted);
    EXPECT_EQ(driver.live_on(kOld).size(), 12U);
  }
}

// ---- restarts of the daemon ----

TEST(Restart, while_staging_goes_on_with_the_same_orders) {
  Driver driver{Shape{}};
  driver.feed(Started{});
  driver.restart(10min);  // the orders were lost with the daemon
  driver.pass(1s);
  EXPECT_EQ(driver.step_of("web-01"), HostStep::staging) << "overdue because the daemon was away";
  driver.reconnect_all();
  EXPECT_EQ(driver.rollout.phase, Phase::soaking);
  driver.judge(passing());
  EXPECT_EQ(exit_code(driver.rollout), 0);
  for (const auto& [name, agent] : driver.agents) {
    EXPECT_EQ(agent.obeyed, (std::vector{OrderAction::stage, OrderAction::activate})) << name;
  }
}

TEST(Restart, a_short_deadline_does_not_run_out_while_the_hosts_come_back) {
  for (const Phase phase : {Phase::rolling, Phase::going_back}) {
    Driver driver{Shape{}};
    driver.rollout.step_deadline = 30s;
    if (phase == Phase::rolling) driver.feed(Started{});
    if (phase == Phase::going_back) driver.start().feed(JudgeAnswered{failing()});
    driver.restart(1s);
    driver.pass(59s);
    EXPECT_EQ(driver.rollout.phase, phase);
    driver.reconnect_all();
    driver.pass(2s);
    EXPECT_EQ(count_hosts(driver.rollout).failed, 0U);
  }
}

TEST(Restart, while_switching_takes_the_outcome_that_comes_again) {
  Driver driver{Shape{}};
  for (auto& [name, agent] : driver.agents) agent.mute_switch = true;
  driver.start();
  ASSERT_EQ(driver.step_of("web-01"), HostStep::activating);
  driver.restart(10min);
  driver.reconnect_all();
  for (auto& [name, agent] : driver.agents) agent.mute_switch = false;
  for (const auto* name : {"web-01", "web-02"}) {
    driver.feed(HostFinished{
        name, {.application = "shop", .order = driver.agents[name].last_order, .result = StepResult::loaded}});
  }
  driver.settle();
  EXPECT_EQ(driver.rollout.phase, Phase::soaking);
  EXPECT_EQ(driver.agents["web-01"].obeyed.size(), 2U) << "it was not told to switch twice";
}

TEST(Restart, while_soaking_keeps_the_clock_and_lets_the_hosts_come_back_first) {
  Driver driver{Shape{}};
  driver.start();
  const auto soak_from = driver.rollout.soak_from;
  driver.restart(20s);
  driver.judge(no_report());  // what the canaries counted meanwhile is still with them
  EXPECT_EQ(driver.rollout.phase, Phase::soaking);
  EXPECT_EQ(driver.rollout.soak_from, soak_from);
  EXPECT_EQ(driver.clocks, 1U);
  driver.reconnect_all();
  driver.judge(passing());
  EXPECT_EQ(exit_code(driver.rollout), 0);
}

TEST(Restart, while_soaking_leaves_nobody_out_who_is_still_dialling) {
  Driver driver{Shape{}};
  driver.start();
  driver.restart(20s);
  driver.judge(passing());  // before one host of the fleet is back
  EXPECT_EQ(driver.step_of("web-12"), HostStep::waiting);
  driver.reconnect_all();
  EXPECT_EQ(exit_code(driver.rollout), 0);
}

TEST(Restart, a_canary_that_does_not_come_back_is_lost) {
  Driver driver{Shape{}};
  driver.start();
  driver.agents["web-02"].connected = false;
  driver.restart(20s);
  driver.reconnect_all();
  driver.judge(no_report());
  EXPECT_EQ(driver.rollout.phase, Phase::soaking);
  driver.pass(1min);
  driver.judge(no_report());
  EXPECT_EQ(driver.rollout.phase, Phase::going_back);
  EXPECT_TRUE(driver.rollout.reason.starts_with("canary-lost: web-02"));
}

TEST(Restart, hosts_that_do_not_come_back_are_left_out_after_a_minute) {
  Driver driver{Shape{}};
  driver.start();
  driver.agents["web-12"].connected = false;
  driver.restart(20s);
  driver.judge(passing());
  driver.reconnect_all();
  EXPECT_EQ(driver.rollout.phase, Phase::rolling);
  driver.pass(1min);
  EXPECT_EQ(driver.step_of("web-12"), HostStep::absent);
  EXPECT_EQ(exit_code(driver.rollout), 6);
}

TEST(Restart, many_hosts_that_do_not_come_back_freeze_it) {
  Driver driver{Shape{}};
  driver.start();
  for (std::size_t i = 10; i <= 12; ++i) driver.agents[web(i)].connected = false;
  driver.restart(20s);
  driver.reconnect_all();
  driver.pass(1min);
  EXPECT_EQ(driver.rollout.phase, Phase::held);
  EXPECT_TRUE(driver.rollout.reason.starts_with("mass-loss: 3 of 9 hosts did not come back")) << driver.rollout.reason;
}

TEST(Restart, while_held_stays_held_and_begins_its_limit_anew) {
  Driver driver{Shape{}};
  driver.start().judge(no_report());
  driver.restart(1h);
  driver.reconnect_all();
  driver.pass(29min);
  EXPECT_EQ(driver.rollout.phase, Phase::held);
  driver.feed(ContinueAsked{"bob"});
  driver.settle();
  EXPECT_EQ(exit_code(driver.rollout), 0);
}

TEST(Restart, while_going_back_brings_every_host_back) {
  Driver driver{Shape{}};
  driver.start();
  driver.feed(JudgeAnswered{failing()});
  driver.restart(1h);
  driver.pass(1s);
  EXPECT_EQ(driver.rollout.phase, Phase::going_back);
  driver.reconnect_all();
  EXPECT_EQ(driver.rollout.ending, Ending::taken_back);
  EXPECT_EQ(driver.live_on(kOld).size(), 12U);
}

}  // namespace
}  // namespace serin::rollout::testing
