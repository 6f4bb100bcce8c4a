#include "controller/rollout/orders.h"

#include <gtest/gtest.h>

#include "tests/controller/core_fixture.h"

namespace serin::rollout {
namespace {

using controller::Trust;
using controller::testing::CoreFixture;

constexpr auto kShop = CoreFixture::kShop;
using Pack = std::optional<std::pair<ObjectId, ObjectId>>;

/// All hosts run r1; r2 is known.
struct Running : CoreFixture {
  Running() {
    released(1);
    add_release(2, Trust::trusted);
    hello_all();
  }
  /// The pack that goes ahead of such an order to web-01.
  Pack pack_of(OrderAction action) {
    const controller::KnownRelease& release = *controller::find_release(state, kShop, 2);
    controller::Turn turn;
    send_order(state, web(1),
               make_order(state, web(1), kShop, {.deployment = 9, .sequence = 1}, action, release, false), release,
               turn);
    return std::get<controller::SendToHost>(turn.effects.at(0)).pack;
  }
  ApplicationStatus& told() { return *state.roster.application(web(1), kShop); }
};

TEST(Orders, a_host_that_will_have_to_pull_may_get_the_pack_ahead) {
  Running fleet;
  const Pack pack{{fleet.root_of(1), fleet.root_of(2)}};
  EXPECT_EQ(fleet.pack_of(OrderAction::stage), pack);
  EXPECT_EQ(fleet.pack_of(OrderAction::prefetch), pack);
  EXPECT_EQ(fleet.pack_of(OrderAction::activate), pack);
  EXPECT_EQ(fleet.pack_of(OrderAction::discard), std::nullopt);
  EXPECT_EQ(fleet.pack_of(OrderAction::restore), std::nullopt);
}

TEST(Orders, a_host_that_has_the_release_gets_none) {
  Running fleet;
  fleet.told().state = HostState::staged;
  EXPECT_EQ(fleet.pack_of(OrderAction::activate), std::nullopt);
  fleet.told().state = HostState::loaded;
  fleet.told().slots = {1, 2};
  EXPECT_EQ(fleet.pack_of(OrderAction::activate), std::nullopt) << "a slot holds it";
  fleet.told().slots = {1};
  fleet.told().live_root = fleet.root_of(2);
  EXPECT_EQ(fleet.pack_of(OrderAction::activate), std::nullopt) << "it runs it";
}

}  // namespace
}  // namespace serin::rollout
