// The way forward.
#include <gtest/gtest.h>

#include "rollout_driver.h"

namespace serin::rollout::testing {
namespace {

using namespace std::chrono_literals;

TEST(Rolling, a_good_release_reaches_every_host_after_the_verdict_only) {
  Driver driver{Shape{.hosts = 12, .canaries = 3, .proxies = 2}};
  driver.start();
  EXPECT_EQ(driver.rollout.phase, Phase::soaking);
  EXPECT_EQ(driver.rollout.soak_from, driver.now.steady);
  EXPECT_EQ(driver.clocks, 1U);
  EXPECT_EQ(driver.live_on(kNew), (std::set<HostName>{"web-01", "web-02", "web-03"}));

  driver.pass(20s);
  driver.judge(passing());
  EXPECT_EQ(driver.rollout.phase, Phase::finished);
  EXPECT_EQ(driver.rollout.ending, Ending::released);
  EXPECT_EQ(driver.rollout.ended_wall, driver.now.wall);
  EXPECT_EQ(driver.live_on(kNew).size(), 12U);
  EXPECT_EQ(driver.finished, 1U);
  EXPECT_EQ(exit_code(driver.rollout), 0);
  EXPECT_EQ(summary(driver.rollout), "released r12 on 12 of 12 hosts in 20 s");
  EXPECT_EQ(count_hosts(driver.rollout), (Counts{.total = 12, .ok = 12}));
}

TEST(Rolling, stages_everybody_of_a_stage_at_once_and_switches_as_many_as_may) {
  Driver driver{Shape{.hosts = 30, .canaries = 3}};
  driver.rollout.max_in_flight = {0, 10.0};
  driver.start();
  EXPECT_EQ(driver.most_in_flight, 3U);
  driver.feed(JudgeAnswered{passing()});
  EXPECT_EQ(driver.on_the_way.size(), 27U);
  for (const Sent& sent : driver.on_the_way) EXPECT_EQ(sent.action, OrderAction::stage);
  driver.settle();
  EXPECT_EQ(driver.most_in_flight, 3U);
  EXPECT_EQ(driver.rollout.ending, Ending::released);
}

TEST(Rolling, switches_one_by_one_where_the_share_is_less_than_a_host) {
  Driver driver{Shape{.hosts = 5, .canaries = 2}};
  driver.rollout.max_in_flight = {0, 10.0};
  driver.start().judge(passing());
  EXPECT_EQ(driver.most_in_flight, 1U);
  EXPECT_EQ(driver.rollout.ending, Ending::released);
}

TEST(Rolling, force_goes_to_everyone_at_once_without_a_verdict) {
  Driver driver{Shape{.force = true}};
  driver.feed(Started{});
  EXPECT_EQ(driver.on_the_way.size(), 12U);
  EXPECT_EQ(driver.most_in_flight, 12U);
  driver.settle();
  EXPECT_EQ(driver.clocks, 0U);
  EXPECT_EQ(exit_code(driver.rollout), 0);
  EXPECT_EQ(summary(driver.rollout), "released r12 on 12 of 12 hosts in 0.0 s (forced: no checks, no verdict)");
}

TEST(Rolling, force_has_no_failure_limit_and_lists_who_lacks_it) {
  Driver driver{Shape{.hosts = 4, .force = true}};
  driver.agents["web-01"].on_activate = StepResult::taken_back;
  driver.agents["web-02"].on_activate = StepResult::unchanged;
  driver.agents["web-03"].on_activate = StepResult::broken;
  driver.start();
  EXPECT_EQ(driver.rollout.ending, Ending::released);
  EXPECT_EQ(exit_code(driver.rollout), 6);
  const std::string text = summary(driver.rollout);
  EXPECT_NE(text.find("released r12 on 1 of 4 hosts"), std::string::npos) << text;
  EXPECT_NE(text.find("; 3 lack it and catch up: web-03 (broken: reload hook, exit 1: no such thing)"),
            std::string::npos)
      << text;
}

TEST(Rolling, force_that_no_host_could_load_is_no_release) {
  Driver driver{Shape{.hosts = 3, .force = true}};
  for (auto& [name, agent] : driver.agents) agent.on_activate = StepResult::taken_back;
  driver.start();
  EXPECT_EQ(driver.rollout.ending, Ending::taken_back);
  EXPECT_EQ(exit_code(driver.rollout), 3);
  EXPECT_TRUE(driver.rollout.reason.starts_with("no host loaded r12: web-01 (taken back")) << driver.rollout.reason;
}

TEST(Rolling, a_first_release_goes_through_its_stages_without_a_verdict_and_says_so) {
  Driver driver{Shape{.former = 0}};
  driver.feed(Started{});
  EXPECT_EQ(driver.on_the_way.size(), 3U);
  driver.settle();
  EXPECT_TRUE(driver.was_told("no verdict: first release"));
  EXPECT_EQ(driver.clocks, 0U);
  EXPECT_EQ(driver.most_in_flight, 2U);
  EXPECT_EQ(exit_code(driver.rollout), 0);
}

TEST(Rolling, a_canary_that_takes_itself_back_leaves_the_fleet_untouched) {
  Driver driver{Shape{}};
  driver.agents["web-02"].on_activate = StepResult::taken_back;
  driver.start();
  EXPECT_EQ(driver.rollout.phase, Phase::finished);
  EXPECT_EQ(driver.rollout.ending, Ending::taken_back);
  EXPECT_EQ(driver.live_on(kOld).size(), 12U);
  EXPECT_EQ(driver.step_of("web-02"), HostStep::taken_back);
  EXPECT_EQ(driver.step_of("web-12"), HostStep::waiting);
  EXPECT_EQ(driver.host("web-12").sequence, 0U);
  EXPECT_EQ(driver.rollout.reason,
            "stage canary: 1 of the 3 canaries that are needed loaded r12: "
            "web-02 (taken back: reload hook, exit 1: no such thing)");
  EXPECT_EQ(exit_code(driver.rollout), 3);
}

TEST(Rolling, min_canaries_lets_the_verdict_do_with_fewer) {
  Driver driver{Shape{}};
  driver.rollout.min_canaries = 2;
  driver.agents["web-02"].on_activate = StepResult::taken_back;
  driver.start();
  EXPECT_EQ(driver.rollout.phase, Phase::soaking);
  driver.judge(passing());
  EXPECT_EQ(driver.rollout.ending, Ending::released);
  EXPECT_EQ(exit_code(driver.rollout), 6);
  EXPECT_EQ(driver.live_on(kNew).size(), 11U);
}

TEST(Rolling, a_later_stage_bears_its_failure_limit_and_no_more) {
  for (const std::size_t failing_hosts : {1U, 2U}) {
    Driver driver{Shape{}};
    for (std::size_t i = 0; i < failing_hosts; ++i) driver.agents[web(11 + i)].on_activate = StepResult::unchanged;
    driver.start().judge(passing());
    if (failing_hosts == 1) {
      EXPECT_EQ(driver.rollout.ending, Ending::released);
      EXPECT_EQ(exit_code(driver.rollout), 6);
    } else {
      EXPECT_EQ(driver.rollout.ending, Ending::taken_back);
      EXPECT_TRUE(driver.rollout.reason.starts_with("stage fleet: 2 hosts of 9 failed, the limit is 1: web-11"))
          << driver.rollout.reason;
      EXPECT_TRUE(driver.live_on(kNew).empty());
      EXPECT_EQ(exit_code(driver.rollout), 3);
    }
  }
}

TEST(Rolling, a_host_that_is_away_is_left_out_and_listed) {
  Driver driver{Shape{}};
  driver.start();
  driver.gone("web-05");
  driver.judge(passing());
  EXPECT_EQ(driver.step_of("web-05"), HostStep::absent);
  EXPECT_TRUE(driver.was_told("left out, to catch up later: web-05"));
  EXPECT_EQ(exit_code(driver.rollout), 6);
  EXPECT_NE(summary(driver.rollout).find("11 of 12 hosts in 0.0 s; 1 lack it and catch up: web-05 (absent)"),
            std::string::npos)
      << summary(driver.rollout);
}

TEST(Rolling, a_host_that_returns_while_its_stage_rolls_is_taken_along) {
  Driver driver{Shape{}};
  driver.start();
  driver.gone("web-05");
  driver.agents["web-06"].mute = true;  // keeps the stage open
  driver.judge(passing());
  ASSERT_EQ(driver.rollout.phase, Phase::rolling);
  driver.back("web-05");
  EXPECT_EQ(driver.step_of("web-05"), HostStep::loaded);
}

TEST(Rolling, a_host_that_lacks_the_application_is_not_ordered) {
  Rollout rollout = make_rollout({});
  rollout.hosts[8].step = HostStep::absent;  // connected all the same
  Driver driver{rollout};
  driver.start();
  driver.feed(HostReported{"web-09", {.application = ""}});
  driver.judge(passing());
  EXPECT_EQ(driver.host("web-09").sequence, 0U);
  EXPECT_EQ(driver.rollout.ending, Ending::released);
}

TEST(Rolling, a_host_that_vanishes_before_its_switch_is_left_out) {
  Driver driver{Shape{}};
  driver.start();
  driver.feed(JudgeAnswered{passing()});
  driver.gone("web-04");  // staging
  EXPECT_EQ(driver.step_of("web-04"), HostStep::absent);
  EXPECT_TRUE(driver.was_told("web-04 is gone before its switch"));
  EXPECT_EQ(driver.rollout.ending, Ending::released);
}

TEST(Rolling, a_host_that_vanishes_in_its_switch_is_overdue_at_the_deadline) {
  Driver driver{Shape{}};
  driver.agents["web-05"].mute_switch = true;
  driver.start().judge(passing());
  driver.gone("web-05");
  driver.pass(5min - 1ms);
  EXPECT_EQ(driver.step_of("web-05"), HostStep::activating);
  driver.pass(1ms);
  EXPECT_EQ(driver.step_of("web-05"), HostStep::overdue);
  EXPECT_EQ(driver.host("web-05").detail, "no outcome within 5m of the order to switch");
  EXPECT_EQ(driver.rollout.ending, Ending::released);
  EXPECT_EQ(exit_code(driver.rollout), 6);
}

TEST(Rolling, a_late_outcome_of_an_overdue_host_counts) {
  Driver driver{Shape{.hosts = 6, .canaries = 1}};
  driver.rollout.max_in_flight = {1, 0};
  driver.rollout.failure_limit = {2, 0};
  driver.agents["web-02"].mute_switch = true;
  driver.agents["web-03"].mute_switch = true;  // keeps the stage open
  driver.start().judge(passing());
  driver.pass(5min);
  ASSERT_EQ(driver.step_of("web-02"), HostStep::overdue);
  ASSERT_EQ(driver.step_of("web-03"), HostStep::activating);
  EXPECT_EQ(count_hosts(driver.rollout).failed, 1U);
  driver.feed(HostFinished{
      "web-02", {.application = "shop", .order = driver.agents["web-02"].last_order, .result = StepResult::loaded}});
  EXPECT_EQ(driver.step_of("web-02"), HostStep::loaded);
  EXPECT_EQ(driver.host("web-02").detail, "");
  EXPECT_EQ(count_hosts(driver.rollout).failed, 0U);
}

TEST(Rolling, a_slow_pull_fails_the_host_but_leaves_it_on_its_release) {
  Driver driver{Shape{}};
  driver.start();
  driver.agents["web-08"].mute = true;
  driver.judge(passing());
  driver.pass(4min + 59s);
  EXPECT_EQ(driver.step_of("web-08"), HostStep::staging);
  driver.pass(1s);
  EXPECT_EQ(driver.step_of("web-08"), HostStep::unchanged);
  EXPECT_EQ(driver.host("web-08").detail, "did not finish pulling within 5m");
  EXPECT_FALSE(driver.host("web-08").touched);
  EXPECT_EQ(driver.rollout.ending, Ending::released);
}

TEST(Rolling, a_lost_order_is_sent_again_with_the_same_number) {
  Driver driver{Shape{}};
  driver.feed(Started{});
  driver.drop_orders();
  driver.now.steady += 3s;
  EXPECT_TRUE(driver.feed(HostReported{"web-01", driver.status_of("web-01")}).empty()) << "it may still be on its way";
  driver.now.steady += 1s;
  EXPECT_EQ(effects_text(driver.feed(HostReported{"web-01", driver.status_of("web-01")})), "stage:0");
  EXPECT_EQ(driver.on_the_way.front().id, (OrderId{7, 1}));
  EXPECT_TRUE(driver.feed(HostReported{"web-01", driver.status_of("web-01")}).empty()) << "sent just now";
  EXPECT_EQ(effects_text(driver.feed(HostConnected{"web-02", driver.status_of("web-02")})), "stage:1");
}

TEST(Rolling, an_order_that_the_host_has_is_not_sent_again) {
  Driver driver{Shape{}};
  driver.agents["web-01"].mute = true;
  driver.start();
  driver.now.steady += 1min;
  EXPECT_TRUE(driver.feed(HostConnected{"web-01", driver.status_of("web-01")}).empty());
}

TEST(Rolling, a_repeated_or_older_outcome_changes_nothing) {
  Driver driver{Shape{}};
  driver.start();
  const Rollout before = driver.rollout;
  Outcome outcome{.application = "shop", .order = {7, driver.host("web-01").sequence}, .result = StepResult::loaded};
  EXPECT_TRUE(driver.feed(HostFinished{"web-01", outcome}).empty());
  outcome.result = StepResult::taken_back;
  EXPECT_TRUE(driver.feed(HostFinished{"web-01", outcome}).empty());
  --outcome.order.sequence;
  EXPECT_TRUE(driver.feed(HostFinished{"web-01", outcome}).empty());
  outcome.order = {6, 2};
  EXPECT_TRUE(driver.feed(HostFinished{"web-01", outcome}).empty());
  EXPECT_EQ(driver.rollout, before);
}

TEST(Rolling, an_answer_to_another_question_is_no_outcome) {
  Driver driver{Shape{}};
  driver.agents["web-01"].on_stage = StepResult::loaded;
  driver.agents["web-02"].on_activate = StepResult::staged;
  driver.start();
  EXPECT_EQ(driver.step_of("web-01"), HostStep::staging);
  EXPECT_EQ(driver.step_of("web-02"), HostStep::activating);
  EXPECT_EQ(driver.step_of("web-03"), HostStep::loaded);
}

}  // namespace
}  // namespace serin::rollout::testing
