// Verdicts, holds, lost canaries, mass loss.
#include <gtest/gtest.h>

#include "rollout_driver.h"

namespace serin::rollout::testing {
namespace {

using namespace std::chrono_literals;

/// Canaries loaded, the wait over, everybody heard just now.
Driver soaked(const Shape& shape = {}) {
  Driver driver{shape};
  driver.start();
  driver.pass(20s);
  driver.report_all();
  return driver;
}

TEST(Verdicts, a_fail_takes_the_canaries_back_and_no_other_host_ever_saw_it) {
  Driver driver = soaked();
  driver.judge(failing());
  EXPECT_EQ(driver.rollout.ending, Ending::taken_back);
  EXPECT_EQ(driver.live_on(kOld).size(), 12U);
  EXPECT_EQ(driver.activations(), 3U);
  EXPECT_EQ(exit_code(driver.rollout), 3);
  EXPECT_EQ(
      summary(driver.rollout),
      "taken back: 2 of 3 canaries log more errors; 3 of 3 hosts that had r12 are on their former release, 9 never "
      "had it");
  EXPECT_TRUE(driver.was_told("web-02 is back on r11"));
}

TEST(Verdicts, undecided_and_early_answers_change_nothing) {
  Driver driver{Shape{}};
  driver.feed(Started{});
  driver.feed(JudgeAnswered{passing()});
  EXPECT_EQ(driver.rollout.phase, Phase::rolling);
  driver.settle();
  EXPECT_TRUE(driver.feed(JudgeAnswered{verdict_of(judge::Answer::undecided, "waiting", "")}).empty());
  EXPECT_EQ(driver.rollout.phase, Phase::soaking);
}

TEST(Verdicts, inconclusive_holds_and_never_passes) {
  Driver driver = soaked();
  driver.judge(no_report());
  EXPECT_EQ(driver.rollout.phase, Phase::held);
  EXPECT_EQ(exit_code(driver.rollout), 4);
  EXPECT_EQ(driver.rollout.reason, "inconclusive (no-report): web-01 sent no report for 9 s");
  EXPECT_TRUE(driver.was_told("`serin continue` goes on, `serin abort` takes it back, which happens by itself in 30m"));
  driver.judge(passing());
  EXPECT_EQ(driver.rollout.phase, Phase::held);
  EXPECT_EQ(driver.activations(), 3U);
}

TEST(Verdicts, a_held_one_goes_on_when_an_operator_says_so) {
  Driver driver = soaked();
  driver.judge(no_report());
  driver.feed(ContinueAsked{"bob"});
  EXPECT_TRUE(driver.rollout.forced_on);
  driver.settle();
  EXPECT_EQ(exit_code(driver.rollout), 0);
  EXPECT_NE(summary(driver.rollout).find("(continued by bob, it was held because: inconclusive (no-report)"),
            std::string::npos)
      << summary(driver.rollout);
}

TEST(Verdicts, a_held_one_goes_back_when_an_operator_aborts_it) {
  Driver driver = soaked();
  driver.judge(no_report());
  driver.feed(AbortAsked{"bob"});
  driver.settle();
  EXPECT_EQ(driver.rollout.ending, Ending::aborted);
  EXPECT_EQ(exit_code(driver.rollout), 3);
  EXPECT_EQ(driver.live_on(kOld).size(), 12U);
  EXPECT_TRUE(summary(driver.rollout).starts_with("aborted by bob; 3 of 3 hosts")) << summary(driver.rollout);
}

TEST(Verdicts, a_hold_ends_at_its_limit_as_configured) {
  for (const auto on_hold_end : {controller::OnHoldEnd::abort, controller::OnHoldEnd::keep}) {
    Driver driver{Shape{}};
    driver.rollout.on_hold_end = on_hold_end;
    driver.start();
    driver.pass(20s);
    driver.report_all();
    driver.judge(no_report());
    driver.pass(30min - 1ms);
    EXPECT_EQ(driver.rollout.phase, Phase::held);
    driver.pass(1ms);
    if (on_hold_end == controller::OnHoldEnd::keep) {
      EXPECT_EQ(driver.rollout.phase, Phase::held);
      continue;
    }
    EXPECT_EQ(driver.rollout.ending, Ending::taken_back);
    EXPECT_TRUE(driver.rollout.reason.starts_with("nobody decided before the hold's limit; it was held because: "))
        << driver.rollout.reason;
  }
}

TEST(Verdicts, unattended_an_inconclusive_one_can_go_back_by_itself) {
  Driver driver{Shape{}};
  driver.rollout.on_inconclusive = controller::OnInconclusive::abort;
  driver.start();
  driver.judge(no_report());
  EXPECT_EQ(driver.rollout.ending, Ending::taken_back);
  EXPECT_EQ(driver.live_on(kOld).size(), 12U);
}

TEST(Verdicts, a_fail_also_counts_while_held_and_in_the_later_stages) {
  Driver held = soaked();
  held.judge(no_report());
  held.judge(failing());
  EXPECT_EQ(held.rollout.ending, Ending::taken_back);

  Driver later = soaked();
  later.feed(JudgeAnswered{passing()});
  ASSERT_EQ(later.rollout.stage, 1U);
  later.feed(JudgeAnswered{no_report()});  // changes nothing any more
  later.drop_orders();
  later.feed(JudgeAnswered{failing()});
  later.settle();
  EXPECT_EQ(later.rollout.ending, Ending::taken_back);
  EXPECT_TRUE(later.live_on(kNew).empty());
}

TEST(Verdicts, a_canary_that_died_under_the_release_fails_it) {
  Driver driver = soaked();
  driver.gone("web-02");
  driver.judge(no_report());
  EXPECT_EQ(driver.rollout.phase, Phase::going_back);
  EXPECT_EQ(driver.rollout.reason, "canary-lost: web-02 loaded r12 and fell silent");
  EXPECT_EQ(driver.step_of("web-01"), HostStep::returned);
  EXPECT_EQ(driver.step_of("web-02"), HostStep::returning);
  driver.pass(5min);
  EXPECT_EQ(driver.step_of("web-02"), HostStep::overdue);
  EXPECT_EQ(exit_code(driver.rollout), 7);
  EXPECT_NE(
      summary(driver.rollout).find("1 may still run it: web-02 (overdue: is away and has not gone back within 5m)"),
      std::string::npos)
      << summary(driver.rollout);
}

TEST(Verdicts, a_lost_canary_holds_where_that_is_wanted) {
  Driver driver{Shape{}};
  driver.rollout.on_canary_lost = controller::OnCanaryLost::hold;
  driver.start();
  driver.gone("web-02");
  driver.judge(no_report());
  EXPECT_EQ(driver.rollout.phase, Phase::held);
  EXPECT_TRUE(driver.rollout.reason.starts_with("canary-lost: web-02"));
}

TEST(Verdicts, a_canary_that_has_only_just_fallen_silent_is_waited_for) {
  Driver driver = soaked();
  driver.pass(7s);
  for (const auto* name : {"web-01", "web-03"}) driver.report(name);
  driver.judge(no_report());
  EXPECT_EQ(driver.rollout.phase, Phase::soaking) << "web-02's lease decides";

  Driver returns = driver;
  returns.report("web-02");
  returns.judge(no_report());
  EXPECT_EQ(returns.rollout.phase, Phase::held) << "it lives, and its counts have a hole";

  driver.gone("web-02");
  driver.judge(no_report());
  EXPECT_EQ(driver.rollout.phase, Phase::going_back);
}

TEST(Verdicts, nobody_waits_for_a_silent_canary_for_ever) {
  Driver driver = soaked();
  driver.pass(36s);  // 56 s after the last load: wait 20 s, lease 30 s, 6 s
  driver.judge(no_report());
  EXPECT_EQ(driver.rollout.phase, Phase::held);
}

TEST(Verdicts, losing_many_hosts_at_once_freezes_instead_of_deciding) {
  Driver driver = soaked();
  for (const auto* name : {"web-05", "web-06"}) driver.gone(name);
  EXPECT_EQ(driver.rollout.phase, Phase::soaking);
  driver.gone("web-07");
  EXPECT_EQ(driver.rollout.phase, Phase::held);
  EXPECT_TRUE(driver.rollout.reason.starts_with("mass-loss: 3 hosts were lost within 10 s")) << driver.rollout.reason;
  driver.judge(failing());
  EXPECT_EQ(driver.rollout.phase, Phase::held) << "suspect ourselves: decide nothing";

  driver.feed(ContinueAsked{"bob"});
  EXPECT_EQ(driver.rollout.phase, Phase::soaking) << "the verdict is still due";
  EXPECT_FALSE(driver.rollout.forced_on);
  driver.gone("web-08");
  EXPECT_EQ(driver.rollout.phase, Phase::soaking) << "those that an operator has seen are not counted again";
  driver.judge(passing());
  EXPECT_EQ(driver.rollout.ending, Ending::released);
  EXPECT_EQ(exit_code(driver.rollout), 6);
}

TEST(Verdicts, hosts_lost_one_after_the_other_are_no_mass_loss) {
  Driver driver = soaked();
  for (const auto* name : {"web-05", "web-06", "web-07", "web-08"}) {
    driver.gone(name);
    driver.pass(5001ms);
  }
  EXPECT_EQ(driver.rollout.phase, Phase::soaking);
}

TEST(Verdicts, lost_canaries_are_no_mass_loss) {
  Driver driver = soaked({.hosts = 12, .canaries = 6});
  for (std::size_t i = 1; i <= 6; ++i) driver.gone(web(i));
  EXPECT_EQ(driver.rollout.phase, Phase::soaking);
  driver.judge(no_report());
  EXPECT_EQ(driver.rollout.phase, Phase::going_back);
}

TEST(Verdicts, a_frozen_stage_goes_on_where_it_stood) {
  Driver driver = soaked();
  for (std::size_t i = 4; i <= 12; ++i) driver.agents[web(i)].mute_switch = true;
  driver.judge(passing());
  for (const auto* name : {"web-10", "web-11", "web-12"}) driver.gone(name);  // staged
  ASSERT_EQ(driver.rollout.phase, Phase::held);
  driver.pass(6min);  // no deadline runs while it is frozen
  EXPECT_EQ(driver.step_of("web-04"), HostStep::activating);
  for (std::size_t i = 4; i <= 12; ++i) driver.agents[web(i)].mute_switch = false;
  for (const auto* name : {"web-10", "web-11", "web-12"}) driver.back(name);
  EXPECT_EQ(driver.step_of("web-10"), HostStep::absent);
  driver.feed(ContinueAsked{"bob"});
  driver.feed(TimePassed{});
  for (const auto* name : {"web-04", "web-05"}) {
    driver.feed(HostFinished{
        name, {.application = "shop", .order = driver.agents[name].last_order, .result = StepResult::loaded}});
  }
  driver.settle();
  EXPECT_EQ(driver.rollout.ending, Ending::released);
  EXPECT_EQ(exit_code(driver.rollout), 0);
  EXPECT_EQ(driver.live_on(kNew).size(), 12U);
}

}  // namespace
}  // namespace serin::rollout::testing
