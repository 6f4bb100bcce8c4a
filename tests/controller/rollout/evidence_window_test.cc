// What the judge is shown, and when.
#include "controller/rollout/evidence_window.h"

#include <gtest/gtest.h>

#include "controller/rollout/deployments.h"
#include "controller/rollout/source_verdicts.h"
#include "tests/controller/core_fixture.h"

namespace serin::rollout {
namespace {

using controller::Trust;
using controller::Turn;
using controller::testing::CoreFixture;
using namespace std::chrono_literals;

constexpr auto kShop = CoreFixture::kShop;
constexpr std::uint32_t kMany = 50;

/// Two canaries have loaded r2 and logged 0.1 errors/s before; 20 s of wait.
struct Soaking : CoreFixture {
  Soaking() : CoreFixture(4, 2) {
    released(1);
    add_release(2, Trust::untried);
    hello_all();
    Turn turn = deploy(2);
    for (auto& [host, tally] : state.active.at(kShop).baselines) tally = {.errors = 10, .lines = 1'000, .seconds = 100};
    for (const OrderAction action : {OrderAction::stage, OrderAction::activate}) {
      for (const Order& order : orders(turn)) {
        const std::size_t host = order.recipient == to_hex(std::string(32, 1)) ? 1 : 2;
        const Turn next = finish(host, order, action == OrderAction::stage ? StepResult::staged : StepResult::loaded);
        more.effects.insert(more.effects.end(), next.effects.begin(), next.effects.end());
      }
      turn = std::exchange(more, {});
    }
    from = second_of(now.steady) + 1;
  }
  /// Reports these seconds of the wait, as the wire brings them: by the host's clock, which is the controller's here.
  void report(std::size_t host, std::int64_t first, std::int64_t last, std::uint32_t errors) {
    ApplicationCounts counts{.application = kShop, .rules_hash = "rules"};
    for (std::int64_t i = first; i <= last; ++i) counts.seconds.push_back({from + i, errors, 10});
    say(host, Report{.run = "run-1",
                     .sequence = ++sequence,
                     .clock_ms = now.steady.time_since_epoch().count(),
                     .applications = {counts}});
  }
  void pass(Duration length) {
    now.steady += length;
    now.wall += length;
  }
  judge::Verdict judged() { return serin::rollout::judged(state, state.active.at(kShop), now); }

  Turn more;
  std::int64_t from = 0;
  std::uint64_t sequence = 0;
};

TEST(EvidenceWindow, is_the_wait_and_is_judged_when_its_last_second_is_there) {
  Soaking fleet;
  ASSERT_EQ(fleet.rollout().phase, Phase::soaking);
  fleet.pass(19s);
  EXPECT_EQ(fleet.judged().answer, judge::Answer::undecided);
  fleet.pass(2s);
  fleet.report(1, 0, 19, 0);
  fleet.report(2, 0, 18, 0);
  EXPECT_EQ(fleet.judged().answer, judge::Answer::undecided) << "web-02's last second may still come";
  fleet.report(2, 19, 25, 0);
  const auto verdict = fleet.judged();
  EXPECT_EQ(verdict.answer, judge::Answer::pass);
  EXPECT_EQ(verdict.hosts.size(), 2U);
}

TEST(EvidenceWindow, begins_after_a_second_that_may_be_of_the_old_release_by_the_hosts_clock) {
  Soaking fleet;
  fleet.pass(21s);
  fleet.report(1, 0, 0, kMany);  // what the old one logged last
  fleet.report(1, 1, 19, 0);
  fleet.report(2, 0, 19, 0);
  const auto verdict = fleet.judged();
  EXPECT_EQ(verdict.answer, judge::Answer::pass) << verdict.text;
  EXPECT_EQ(verdict.hosts.at(0).rate_after, 0);
}

TEST(EvidenceWindow, of_a_very_short_wait_is_its_last_second) {
  Soaking fleet;
  fleet.state.active.at(kShop).rollout.wait = 1s;
  fleet.pass(2s);
  fleet.report(1, 0, 0, kMany);
  fleet.report(2, 0, 0, kMany);
  EXPECT_EQ(fleet.judged().answer, judge::Answer::fail);
}

TEST(EvidenceWindow, waits_for_a_late_report_no_longer_than_silence_max) {
  Soaking fleet;
  fleet.pass(24s);
  fleet.report(1, 0, 19, 0);
  const auto verdict = fleet.judged();
  EXPECT_EQ(verdict.answer, judge::Answer::inconclusive);
  EXPECT_EQ(verdict.reason, "no-report");
}

TEST(EvidenceWindow, after_a_restart_half_a_canary_is_no_evidence_until_it_is_back) {
  Soaking fleet;
  // One second was stored before the controller died, and it had an error more than the limit bears.
  fleet.report(1, 1, 1, 2);
  fleet.pass(30s);
  fleet.report(2, 0, 19, 0);
  auto& active = fleet.state.active.at(kShop);
  active.rollout = advance(std::move(active.rollout), Restored{}, fleet.now).next;
  EXPECT_EQ(fleet.judged().answer, judge::Answer::inconclusive) << "which nobody acts on yet";

  fleet.report(1, 0, 19, 0);  // all that it counted, once it is back
  EXPECT_EQ(fleet.judged().answer, judge::Answer::pass);
  fleet.report(1, 0, 19, kMany);
  EXPECT_EQ(fleet.judged().answer, judge::Answer::fail) << "one canary that is there is enough to fail";
}

TEST(EvidenceWindow, a_fail_that_is_seen_late_takes_a_held_one_back) {
  Soaking fleet;
  fleet.pass(26s);
  for (std::size_t host = 1; host <= 4; ++host) fleet.heartbeat(host);
  fleet.report(2, 0, 19, 0);
  fleet.tick(1ms);
  ASSERT_EQ(fleet.rollout().phase, Phase::held) << fleet.rollout().reason;
  fleet.report(1, 0, 19, kMany);
  fleet.tick(1s);
  EXPECT_EQ(fleet.rollout().phase, Phase::going_back);
  EXPECT_EQ(fleet.rollout().verdict->answer, judge::Answer::fail);
}

TEST(EvidenceWindow, is_looked_at_no_more_when_its_first_seconds_are_forgotten) {
  Soaking fleet;
  fleet.pass(26s);
  for (std::size_t host = 1; host <= 4; ++host) fleet.heartbeat(host);
  fleet.report(2, 0, 19, 0);
  fleet.report(1, 0, 14, 0);
  fleet.report(1, 19, 19, kMany);  // 3 errors/s over all, and far more over what is kept last
  fleet.state.active.at(kShop).baselines[fleet.web(1)].errors = 40;
  fleet.tick(1ms);
  ASSERT_EQ(fleet.rollout().phase, Phase::held) << fleet.rollout().reason;
  fleet.pass(588s);
  fleet.report(1, 610, 612, 0);
  for (std::size_t host = 1; host <= 4; ++host) fleet.heartbeat(host);
  fleet.tick(1ms);
  EXPECT_EQ(fleet.rollout().phase, Phase::held);
}

TEST(EvidenceWindow, a_fail_that_is_seen_late_ends_the_later_stages) {
  Soaking fleet;
  fleet.pass(21s);
  for (std::size_t host = 1; host <= 4; ++host) fleet.heartbeat(host);
  fleet.report(1, 0, 19, 0);
  fleet.report(2, 0, 19, 0);
  fleet.tick(1ms);
  ASSERT_EQ(fleet.rollout().stage, 1U);
  fleet.report(1, 0, 19, kMany);
  fleet.tick(1ms);
  EXPECT_EQ(fleet.rollout().phase, Phase::going_back);
}

}  // namespace
}  // namespace serin::rollout
