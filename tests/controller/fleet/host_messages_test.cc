#include "controller/fleet/host_messages.h"

#include <gtest/gtest.h>

#include "tests/controller/core_fixture.h"

namespace serin::fleet {
namespace {

using controller::Trust;
using controller::Turn;
using controller::testing::CoreFixture;
using rollout::HostStep;
using namespace std::chrono_literals;

constexpr auto kShop = CoreFixture::kShop;

/// r2 has just begun: web-01 is ordered to stage it.
struct Deploying : CoreFixture {
  Deploying() {
    released(1);
    add_release(2, Trust::untried);
    hello_all();
    stage = orders(deploy(2)).at(0);
  }
  Order stage;
};

TEST(HostMessages, a_message_of_another_session_is_answered_with_resync_and_changes_nothing) {
  Deploying fleet;
  const Envelope stale{.header = {.session = 1, .request = 9},
                       .message = Outcome{.application = kShop, .order = fleet.stage.id, .result = StepResult::staged}};
  Turn turn;
  take_host_message(fleet.state, {fleet.web(1), "link-web-01", "10.0.0.1"}, stale, fleet.now, turn);
  EXPECT_EQ(fleet.messages<Resync>(turn).size(), 1U);
  EXPECT_TRUE(turn.records.empty());
  EXPECT_EQ(fleet.plan(1).step, HostStep::staging);
}

TEST(HostMessages, an_order_that_was_lost_goes_out_again_after_the_welcome) {
  Deploying fleet;
  fleet.now.steady += 1s;
  const auto turn = fleet.hello(1);
  ASSERT_EQ(turn.effects.size(), 2U);
  const auto* first = std::get_if<controller::SendToHost>(&turn.effects[0]);
  ASSERT_NE(first, nullptr);
  EXPECT_TRUE(std::holds_alternative<Welcome>(first->envelope.message));
  EXPECT_EQ(fleet.orders(turn).at(0), fleet.stage);
}

TEST(HostMessages, an_order_that_the_host_cannot_read_has_failed_before_the_switch) {
  Deploying fleet;
  fleet.problem(1, fleet.stage, "unsupported: colour");
  EXPECT_FALSE(fleet.state.active.contains(kShop));
  const auto& ended = fleet.state.latest.at(kShop);
  EXPECT_EQ(ended.hosts.at(0).step, HostStep::unchanged);
  EXPECT_EQ(ended.hosts.at(0).detail, "read the order: unsupported: colour");
}

TEST(HostMessages, two_machines_with_one_key_are_given_no_work) {
  Deploying fleet;
  const Hello clone{.protocol_min = 1, .protocol_max = 1, .instance = "run-2", .machine = "a clone"};
  Turn turn;
  take_host_message(fleet.state, {fleet.web(1), "link-clone", "10.0.0.9"}, {.header = {}, .message = clone}, fleet.now,
                    turn);
  EXPECT_TRUE(fleet.messages<Welcome>(turn).empty());
  EXPECT_EQ(fleet.messages<Problem>(turn).size(), 1U);
  // The canary is as good as away: it was not switched yet, and all canaries are needed.
  EXPECT_FALSE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.state.latest.at(kShop).hosts.at(0).step, HostStep::absent);
  EXPECT_TRUE(fleet.orders(turn).empty()) << "not even to drop what is staged";
  EXPECT_EQ(fleet.messages<Resync>(fleet.heartbeat(1)).size(), 1U) << "which of them is it?";
}

TEST(HostMessages, a_revoked_host_has_no_say_in_the_deployment) {
  Deploying fleet;
  fleet.state.roster.revoke(fleet.web(1));
  const auto heartbeat = fleet.heartbeat(1);
  EXPECT_EQ(fleet.messages<Resync>(heartbeat).size(), 1U);
  const auto hello = fleet.hello(1);
  EXPECT_TRUE(fleet.messages<Welcome>(hello).empty());
  EXPECT_TRUE(hello.records.empty());
  fleet.tick(1min);
}

TEST(HostMessages, a_silent_host_is_gone_for_the_deployment_and_back_with_its_next_heartbeat) {
  Deploying fleet;
  for (int i = 0; i < 7; ++i) {
    fleet.tick(1s);
    for (std::size_t host : {1U, 2U, 4U}) fleet.heartbeat(host);
  }
  EXPECT_FALSE(fleet.plan(3).connected);
  EXPECT_TRUE(fleet.plan(2).connected);
  fleet.heartbeat(3);
  EXPECT_TRUE(fleet.plan(3).connected);
}

TEST(HostMessages, the_problem_of_a_host_is_not_that_of_another) {
  Deploying fleet;
  fleet.problem(2, fleet.stage, "unsupported: colour");
  EXPECT_EQ(fleet.plan(1).step, HostStep::staging);
  EXPECT_EQ(fleet.plan(2).step, HostStep::waiting);
}

}  // namespace
}  // namespace serin::fleet
