// How deployments begin and end, around the state machine.
#include "controller/rollout/deployments.h"

#include <gtest/gtest.h>

#include "controller/operate/render.h"
#include "tests/controller/core_fixture.h"

namespace serin::rollout {
namespace {

using controller::Trust;
using controller::Turn;
using controller::testing::CoreFixture;
using namespace std::chrono_literals;

constexpr auto kShop = CoreFixture::kShop;

/// The canary web-01 runs r2 and soaks.
struct Soaking : CoreFixture {
  Soaking() {
    released(1);
    add_release(2, Trust::untried);
    hello_all();
    const Order stage = orders(deploy(2)).at(0);
    finish(1, orders(finish(1, stage, StepResult::staged)).at(0), StepResult::loaded);
  }
};

template <class T>
std::vector<T> rows(const Turn& turn) {
  std::vector<T> found;
  for (const controller::Record& record : turn.records) {
    if (const auto* row = std::get_if<T>(&record)) found.push_back(*row);
  }
  return found;
}

TEST(Deployments, without_prefetch_the_canaries_pull_past_the_proxies_which_would_keep_it) {
  struct Case {
    bool prefetch, force, from_controller;
  };
  for (const Case& each : {Case{false, false, true}, Case{true, false, false}, Case{false, true, false}}) {
    CoreFixture fleet;
    fleet.state.settings.applications.at(kShop).prefetch = each.prefetch;
    fleet.released(1);
    fleet.add_release(2, Trust::untried);
    fleet.hello_all();
    const auto sent = fleet.orders(fleet.deploy(2, each.force));
    ASSERT_FALSE(sent.empty());
    for (const Order& order : sent) {
      EXPECT_EQ(order.from_controller, each.from_controller) << each.prefetch << each.force;
    }
  }
}

TEST(Deployments, a_rollback_goes_to_everyone_at_once_and_is_no_force) {
  Soaking fleet;
  Turn turn;
  ASSERT_TRUE(
      fleet.begin({.release = 1, .owner = "bob", .rollback = true, .supersedes = "bob's rollback to r1"}, turn));
  EXPECT_EQ(fleet.orders(turn).size(), 4U);
  for (const Order& order : fleet.orders(turn)) EXPECT_EQ(order.action, OrderAction::activate);
  EXPECT_FALSE(fleet.rollout().force);
  EXPECT_TRUE(fleet.rollout().rollback);
  const auto stored = rows<controller::StoreDeployment>(turn);
  EXPECT_FALSE(stored.back().rollout.force);
  EXPECT_NE(operate::render_progress(fleet.rollout(), fleet.now).json.find("\"force\":false"), std::string::npos);
}

/// All hosts run the folder from before Serin, but web-01, the canary, which runs r1 as the first release.
struct Adopted : CoreFixture {
  Adopted() {
    for (std::size_t i = 1; i <= 4; ++i) {
      status(i).state = HostState::loaded;
      status(i).adopted = true;
    }
    add_release(1, Trust::untried);
    hello_all();
    const Order stage = orders(deploy(1)).at(0);
    finish(1, orders(finish(1, stage, StepResult::staged)).at(0), StepResult::loaded);
  }
};

TEST(Deployments, a_first_release_over_folders_from_before_serin_is_judged) {
  Adopted fleet;
  EXPECT_FALSE(fleet.rollout().first_release);
  EXPECT_EQ(fleet.rollout().phase, Phase::soaking);
  EXPECT_TRUE(fleet.trusted(2));
  EXPECT_FALSE(fleet.trusted(1));
}

TEST(Deployments, a_first_release_over_folders_from_before_serin_goes_back_to_them) {
  Adopted fleet;
  Turn turn;
  move_rollout(fleet.state, kShop, AbortAsked{"bob"}, fleet.now, turn);
  const auto orders = fleet.orders(turn);
  ASSERT_EQ(orders.size(), 4U);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(orders[i].action, OrderAction::discard) << "of what was staged ahead";
  const Order& order = orders.front();
  EXPECT_EQ(order.action, OrderAction::restore);
  EXPECT_TRUE(order.take_back);
  EXPECT_EQ(decode_release(order.release.record)->number, 1U) << "signed, so that the agent takes it";
  fleet.finish(1, order, StepResult::loaded);
  const Rollout& ended = fleet.state.latest.at(kShop);
  EXPECT_EQ(ended.hosts.at(0).step, HostStep::returned);
  EXPECT_EQ(exit_code(ended), 3);
  EXPECT_EQ(summary(ended), "aborted by bob; 1 of 1 hosts that had r1 are on their former release, 3 never had it");
  EXPECT_TRUE(fleet.trusted(1));
}

TEST(Deployments, a_host_that_cannot_restore_its_folder_is_for_a_person) {
  Adopted fleet;
  Turn turn;
  move_rollout(fleet.state, kShop, AbortAsked{"bob"}, fleet.now, turn);
  fleet.finish(1, fleet.orders(turn).at(0), StepResult::unchanged);
  EXPECT_EQ(fleet.state.latest.at(kShop).hosts.at(0).step, HostStep::broken);
  EXPECT_EQ(exit_code(fleet.state.latest.at(kShop)), 7);
}

TEST(Deployments, a_take_over_ends_the_running_one_and_begins_in_one_turn) {
  Soaking fleet;
  Turn turn;
  ASSERT_TRUE(fleet.begin({.release = 1, .rollback = true, .supersedes = "bob's rollback to r1"}, turn));
  EXPECT_EQ(fleet.state.latest.at(kShop).ending, Ending::superseded);
  EXPECT_EQ(fleet.state.latest.at(kShop).reason, "taken over by bob's rollback to r1");
  EXPECT_EQ(fleet.rollout().id, 2U);
  EXPECT_EQ(fleet.plan(1).former, 1U) << "it does not go back to what was only under test";
  EXPECT_EQ(fleet.state.releases[kShop][2].trust, Trust::untried);
}

TEST(Deployments, a_take_over_that_is_refused_leaves_the_running_one_alone) {
  Soaking fleet;
  for (std::size_t i = 1; i <= 4; ++i) fleet.state.roster.revoke(fleet.web(i));
  Turn turn;
  const auto begun = fleet.begin({.release = 1, .rollback = true, .supersedes = "bob's rollback to r1"}, turn);
  EXPECT_FALSE(begun);
  EXPECT_TRUE(turn.records.empty());
  EXPECT_EQ(fleet.rollout().phase, Phase::soaking);
}

TEST(Deployments, a_wait_that_the_ledger_cannot_hold_is_refused) {
  Soaking fleet;
  for (const std::int64_t wait_ms : {999, 7 * 60'000 + 1}) {
    Turn turn;
    const auto begun = fleet.begin({.release = 1, .wait_ms = wait_ms, .supersedes = "bob"}, turn);
    ASSERT_FALSE(begun);
    EXPECT_TRUE(begun.error().text.ends_with(" is out of range; from 1s to 7m")) << begun.error().text;
    EXPECT_EQ(fleet.rollout().phase, Phase::soaking);
  }
}

TEST(Deployments, what_was_released_is_wanted_and_trusted_and_those_that_lack_it_catch_up) {
  CoreFixture fleet;
  fleet.released(1);
  fleet.add_release(2, Trust::untried);
  fleet.status(4).last_order = {0, 0};
  for (std::size_t i = 1; i <= 3; ++i) fleet.hello(i);  // web-04 is away
  Turn turn = fleet.deploy(2, true);
  for (const Order& order : fleet.orders(turn)) {
    for (std::size_t i = 1; i <= 3; ++i) {
      const auto& key = fleet.state.roster.find(fleet.web(i))->record.public_key;
      if (order.recipient == to_hex(key)) turn = fleet.finish(i, order, StepResult::loaded);
    }
  }
  EXPECT_EQ(rows<controller::StoreWanted>(turn).size(), 1U);
  EXPECT_EQ(fleet.state.latest.at(kShop).ending, Ending::released);
  EXPECT_EQ(exit_code(fleet.state.latest.at(kShop)), 6);
  EXPECT_EQ(fleet.state.releases[kShop][2].trust, Trust::forced);
  fleet.hello(4);
  EXPECT_EQ(decode_release(fleet.orders(fleet.heartbeat(4)).at(0).release.record)->number, 2U);
}

TEST(Deployments, a_forced_release_is_trusted_when_it_was_live_for_long_enough) {
  CoreFixture fleet;
  fleet.released(1);
  fleet.add_release(2, Trust::forced);
  fleet.state.wanted[kShop] = 2;
  fleet.state.latest_ended[kShop] = fleet.now.steady;
  fleet.tick(10min - 1s);
  EXPECT_EQ(fleet.state.releases[kShop][2].trust, Trust::forced);
  EXPECT_EQ(rows<controller::StoreTrust>(fleet.tick(1s)).size(), 1U);
  EXPECT_EQ(fleet.state.releases[kShop][2].trust, Trust::trusted);
}

TEST(Deployments, a_release_that_was_taken_back_is_never_trusted) {
  Soaking fleet;
  Turn turn;
  move_rollout(fleet.state, kShop, AbortAsked{"bob"}, fleet.now, turn);
  const auto ended = fleet.finish(1, fleet.orders(turn).at(0), StepResult::loaded);
  EXPECT_EQ(rows<controller::StoreTrust>(ended).at(0).trust, Trust::rejected);
  EXPECT_TRUE(rows<controller::StoreWanted>(ended).empty());
}

}  // namespace
}  // namespace serin::rollout
