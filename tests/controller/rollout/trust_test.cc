// Whose seconds are a baseline, and what the end of a deployment means for its release.
#include <gtest/gtest.h>

#include "controller/rollout/deployments.h"
#include "tests/controller/core_fixture.h"

namespace serin::rollout {
namespace {

using controller::Trust;
using controller::Turn;
using controller::testing::CoreFixture;
using namespace std::chrono_literals;

constexpr auto kShop = CoreFixture::kShop;

Report report_of(std::int64_t second, std::uint32_t errors) {
  return {
      .run = "run-1",
      .sequence = 1,
      .clock_ms = second * 1'000,
      .applications = {{.application = kShop, .rules_hash = "rules", .seconds = {{second, errors, 10}}, .gap = {}}}};
}

/// web-01 has r2 and is about to be told to go back.
struct UnderTest : CoreFixture {
  UnderTest() {
    released(1);
    add_release(2, Trust::untried);
    hello_all();
    const Order stage = orders(deploy(2)).at(0);
    activate = orders(finish(1, stage, StepResult::staged)).at(0);
    finish(1, activate, StepResult::loaded);
  }
  Turn abort() {
    Turn turn;
    move_rollout(state, kShop, AbortAsked{"bob"}, now, turn);
    return turn;
  }
  Order activate;
};

TEST(Trust, a_host_is_trusted_while_it_runs_a_trusted_release_whatever_it_pulls) {
  CoreFixture fixture;
  fixture.released(1);
  fixture.hello_all();
  EXPECT_TRUE(fixture.trusted(2));
  for (const HostState state : {HostState::pulling, HostState::staged, HostState::taken_back, HostState::loaded}) {
    fixture.status(2).state = state;
    fixture.heartbeat(2);
    EXPECT_TRUE(fixture.trusted(2)) << name_of(state);
  }
  for (const HostState state : {HostState::switching, HostState::broken, HostState::unknown}) {
    fixture.status(2).state = state;
    fixture.heartbeat(2);
    EXPECT_FALSE(fixture.trusted(2)) << name_of(state);
  }
}

TEST(Trust, a_host_is_trusted_while_it_runs_the_folder_from_before_serin) {
  CoreFixture fixture;
  fixture.status(2).state = HostState::loaded;
  fixture.hello_all();
  EXPECT_FALSE(fixture.trusted(2));
  fixture.status(2).adopted = true;
  fixture.heartbeat(2);
  EXPECT_TRUE(fixture.trusted(2));
}

TEST(Trust, a_canary_that_took_itself_back_has_a_baseline_again) {
  CoreFixture fixture;
  fixture.released(1);
  fixture.add_release(2, Trust::untried);
  fixture.hello_all();
  const Order stage = fixture.orders(fixture.deploy(2)).at(0);
  const Order activate = fixture.orders(fixture.finish(1, stage, StepResult::staged)).at(0);
  EXPECT_FALSE(fixture.trusted(1)) << "between the order to switch and its outcome";
  fixture.finish(1, activate, StepResult::taken_back);
  EXPECT_FALSE(fixture.state.active.contains(kShop));
  EXPECT_TRUE(fixture.trusted(1));
}

TEST(Trust, a_host_under_test_is_not_trusted_until_it_is_back) {
  UnderTest fixture;
  EXPECT_FALSE(fixture.trusted(1));
  const Order back = fixture.orders(fixture.abort()).at(0);
  EXPECT_FALSE(fixture.trusted(1));
  fixture.finish(1, back, StepResult::loaded);
  EXPECT_TRUE(fixture.trusted(1));
  EXPECT_EQ(fixture.state.releases[kShop][2].trust, Trust::rejected);
}

TEST(Trust, seconds_of_the_test_that_are_heard_of_late_are_no_baseline) {
  UnderTest fixture;
  fixture.status(1).live_for_ms = 30'000;  // as its newest heartbeat says, of r2
  fixture.now.steady += 30s;
  fixture.heartbeat(1);
  const Order back = fixture.orders(fixture.abort()).at(0);
  fixture.finish(1, back, StepResult::loaded);
  const std::int64_t under_test = second_of(fixture.now.steady) - 10;
  fixture.say(1, report_of(under_test, 50));
  EXPECT_EQ(fixture.state.ledger.baseline(fixture.web(1), kShop, under_test + 100).errors, 0U);
  EXPECT_EQ(fixture.state.ledger.window(fixture.web(1), kShop, under_test, under_test + 1).errors, 50U);
}

TEST(Trust, begins_two_seconds_after_a_switch_whose_second_nobody_knows_exactly) {
  UnderTest fixture;
  const Order back = fixture.orders(fixture.abort()).at(0);
  fixture.finish(1, back, StepResult::loaded);
  const std::int64_t switched = second_of(fixture.now.steady);
  fixture.now.steady += 10s;
  Report report = report_of(switched, 50);
  for (int i = 1; i <= 4; ++i) report.applications[0].seconds.push_back({switched + i, 1, 10});
  fixture.say(1, report);
  const auto baseline = fixture.state.ledger.baseline(fixture.web(1), kShop, switched + 100);
  EXPECT_EQ(baseline, (judge::Tally{.errors = 3, .lines = 30, .seconds = 3}));
}

TEST(Trust, an_outcome_of_an_older_order_says_nothing_of_now) {
  UnderTest fixture;
  const OrderId stage{fixture.activate.id.deployment, fixture.activate.id.sequence - 1};
  const auto turn = fixture.say(1, Outcome{.application = kShop,
                                           .order = stage,
                                           .action = OrderAction::stage,
                                           .result = StepResult::staged,
                                           .live_release = 1,
                                           .live_root = fixture.root_of(1)});
  EXPECT_EQ(fixture.messages<OutcomeReply>(turn).size(), 1U);
  const auto& known = fixture.state.roster.find(fixture.web(1))->applications.at(kShop);
  EXPECT_EQ(known.live_release, 2U);
  EXPECT_EQ(known.state, HostState::loaded);
  EXPECT_FALSE(fixture.trusted(1));
}

TEST(Trust, the_wanted_release_is_not_rejected_when_its_own_deployment_is_aborted) {
  CoreFixture fixture;
  fixture.released(1);
  fixture.hello_all();
  fixture.deploy(1, true);
  Turn turn;
  move_rollout(fixture.state, kShop, AbortAsked{"bob"}, fixture.now, turn);
  for (const Order& back : fixture.orders(turn)) {
    for (std::size_t i = 1; i <= 4; ++i) {
      if (back.recipient == to_hex(fixture.state.roster.find(fixture.web(i))->record.public_key)) {
        fixture.finish(i, back, StepResult::loaded);
      }
    }
  }
  EXPECT_FALSE(fixture.state.active.contains(kShop));
  EXPECT_EQ(fixture.state.releases[kShop][1].trust, Trust::trusted);
  EXPECT_TRUE(fixture.trusted(1));
}

}  // namespace
}  // namespace serin::rollout
