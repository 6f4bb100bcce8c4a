// Hosts that were away, are new or missed a deployment.
#include "controller/rollout/catch_up.h"

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

/// r2 is released; the hosts still run r1.
struct Behind : CoreFixture {
  explicit Behind(std::size_t hosts = 4) : CoreFixture(hosts) {
    released(1);
    add_release(2, Trust::trusted);
    state.wanted[kShop] = 2;
  }
};

TEST(CatchUp, brings_a_host_to_what_is_wanted_after_its_first_heartbeat) {
  Behind fleet;
  EXPECT_TRUE(fleet.orders(fleet.hello(2)).empty()) << "its outcomes come first";
  const auto orders = fleet.orders(fleet.heartbeat(2));
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0].action, OrderAction::activate);
  EXPECT_EQ(decode_release(orders[0].release.record)->number, 2U);
  fleet.finish(2, orders[0], StepResult::loaded);
  EXPECT_TRUE(fleet.orders(fleet.heartbeat(2)).empty());
  EXPECT_TRUE(fleet.state.catching_up.empty());
}

TEST(CatchUp, leaves_hosts_alone_that_run_it_are_at_work_or_belong_to_a_deployment) {
  Behind fleet;
  fleet.hello_all();
  fleet.status(1).live_root = fleet.root_of(2);
  fleet.status(2).state = HostState::switching;
  EXPECT_TRUE(fleet.orders(fleet.heartbeat(1)).empty());
  EXPECT_TRUE(fleet.orders(fleet.heartbeat(2)).empty());
  fleet.state.read_only = "the disk is full";
  EXPECT_TRUE(fleet.orders(fleet.heartbeat(3)).empty());
  fleet.state.read_only.clear();
  fleet.state.building[kShop] = {};
  EXPECT_TRUE(fleet.orders(fleet.heartbeat(3)).empty());
  fleet.state.building.clear();
  fleet.add_release(3, Trust::untried);
  fleet.deploy(3);
  EXPECT_TRUE(fleet.orders(fleet.heartbeat(3)).empty());
}

TEST(CatchUp, sends_the_same_order_again_until_the_host_has_it) {
  Behind fleet;
  fleet.hello_all();
  const Order first = fleet.orders(fleet.heartbeat(2)).at(0);
  fleet.now.steady += 9s;
  EXPECT_TRUE(fleet.orders(fleet.heartbeat(2)).empty());
  fleet.now.steady += 1s;
  EXPECT_EQ(fleet.orders(fleet.heartbeat(2)).at(0), first);
  fleet.status(2).last_order = first.id;
  fleet.now.steady += 1min;
  EXPECT_TRUE(fleet.orders(fleet.heartbeat(2)).empty()) << "it is at work";
}

TEST(CatchUp, orders_are_newer_than_any_that_was_sent_even_if_the_host_never_saw_it) {
  CoreFixture fleet;
  fleet.released(1);
  fleet.add_release(2, Trust::untried);
  fleet.hello_all();
  const Order stage = fleet.orders(fleet.deploy(2)).at(0);
  fleet.finish(1, stage, StepResult::staged);  // is ordered to switch, and does not hear of it
  Turn turn;
  move_rollout(fleet.state, kShop, AbortAsked{"bob"}, fleet.now, turn);
  const Order back = fleet.orders(turn).at(0);
  fleet.tick(5min);  // nor of the way back
  ASSERT_FALSE(fleet.state.active.contains(kShop));
  fleet.status(1).live_release = 2;  // by hand, say
  fleet.status(1).live_root = fleet.root_of(2);
  fleet.hello(1);
  const auto orders = fleet.orders(fleet.heartbeat(1));
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_GT(orders[0].id, back.id);
}

TEST(CatchUp, tries_again_after_five_minutes_and_three_times_in_one_session) {
  Behind fleet;
  fleet.hello_all();
  for (int i = 0; i < 3; ++i) {
    const auto orders = fleet.orders(fleet.heartbeat(2));
    ASSERT_EQ(orders.size(), 1U) << i;
    fleet.finish(2, orders[0], StepResult::taken_back);
    fleet.now.steady += 5min - 1s;
    fleet.hello(2);
    EXPECT_TRUE(fleet.orders(fleet.heartbeat(2)).empty()) << "a new session makes nobody hurry";
    fleet.now.steady += 1s;
  }
  ASSERT_EQ(fleet.orders(fleet.heartbeat(2)).size(), 1U) << "each of them in a session of its own";
}

TEST(CatchUp, a_failure_counts_once_and_also_when_the_host_told_how_it_went_on) {
  Behind fleet;
  fleet.hello_all();
  const Order order = fleet.orders(fleet.heartbeat(2)).at(0);
  for (const HostState state : {HostState::pulling, HostState::switching}) {
    fleet.status(2).state = state;
    fleet.heartbeat(2);
  }
  fleet.finish(2, order, StepResult::taken_back);
  fleet.finish(2, order, StepResult::taken_back);  // its acknowledgement was lost
  EXPECT_EQ(fleet.state.catching_up.at({fleet.web(2), kShop}).failures, 1U);
  EXPECT_TRUE(fleet.orders(fleet.heartbeat(2)).empty());
}

TEST(CatchUp, gives_up_in_one_session_and_tries_anew_in_the_next) {
  Behind fleet;
  fleet.hello_all();
  for (int i = 0; i < 3; ++i) {
    fleet.finish(2, fleet.orders(fleet.heartbeat(2)).at(0), StepResult::taken_back);
    fleet.now.steady += 5min;
  }
  EXPECT_TRUE(fleet.orders(fleet.heartbeat(2)).empty());
  fleet.hello(2);
  EXPECT_EQ(fleet.orders(fleet.heartbeat(2)).size(), 1U);
}

TEST(CatchUp, twenty_at_a_time_and_hosts_that_went_meanwhile_hold_no_place) {
  Behind fleet(25);
  fleet.hello_all();
  std::size_t ordered = 0;
  for (std::size_t i = 1; i <= 25; ++i) ordered += fleet.orders(fleet.heartbeat(i)).size();
  EXPECT_EQ(ordered, kCatchUpsAtOnce);
  for (int i = 0; i < 8; ++i) {
    for (std::size_t host = 21; host <= 25; ++host) ordered += fleet.orders(fleet.heartbeat(host)).size();
    fleet.tick(1s);
  }
  // The first twenty have been silent since.
  for (std::size_t host = 21; host <= 25; ++host) ordered += fleet.orders(fleet.heartbeat(host)).size();
  EXPECT_EQ(ordered, 25U);
}

TEST(CatchUp, an_order_that_the_host_cannot_read_has_failed) {
  Behind fleet;
  fleet.hello_all();
  const Order order = fleet.orders(fleet.heartbeat(2)).at(0);
  fleet.problem(2, order, "unsupported: colour");
  EXPECT_EQ(fleet.state.catching_up.at({fleet.web(2), kShop}).failures, 1U);
  fleet.now.steady += 1min;
  EXPECT_TRUE(fleet.orders(fleet.heartbeat(2)).empty());
}

}  // namespace
}  // namespace serin::rollout
