// Which releases are kept, and why.
#include "controller/retention.h"

#include <gmock/gmock.h>

#include "tests/controller/core_fixture.h"

namespace serin::controller {
namespace {

using namespace std::chrono_literals;
using testing::CoreFixture;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Twelve releases that were all built long ago; the hosts run r12, which is wanted.
struct Retaining : CoreFixture {
  Retaining() {
    for (ReleaseNumber number = 1; number <= 12; ++number) add_release(number, Trust::trusted);
    released(12);
    for (auto& [number, release] : state.releases[kShop]) release.release.created_s = 1'000;
    state.settings.keep_releases = 3;
    hello_all();
  }
  [[nodiscard]] std::vector<ReleaseNumber> kept() const {
    std::vector<ReleaseNumber> numbers;
    for (const KeptRelease& each : plan_retention(state, now).kept) numbers.push_back(each.release);
    return numbers;
  }
  [[nodiscard]] std::string why(ReleaseNumber number) const {
    for (const KeptRelease& each : plan_retention(state, now).kept) {
      if (each.release == number) return each.why;
    }
    return "gone";
  }
  [[nodiscard]] std::int64_t wall_ms() const { return now.wall.time_since_epoch().count(); }
};

TEST(Retention, the_wanted_release_and_the_last_that_were_released_are_kept) {
  const Retaining fleet;
  EXPECT_THAT(fleet.kept(), ElementsAre(10, 11, 12));
  EXPECT_EQ(fleet.why(12), "it is released");
  EXPECT_EQ(fleet.why(10), "one of the last 3 that were released");
  EXPECT_EQ(plan_retention(fleet.state, fleet.now).collected.size(), 9U);
}

TEST(Retention, what_failed_or_was_never_judged_is_none_of_the_last_that_were_released) {
  Retaining fleet;
  fleet.state.releases[Retaining::kShop][11].trust = Trust::rejected;
  fleet.state.releases[Retaining::kShop][10].trust = Trust::untried;
  fleet.state.releases[Retaining::kShop][9].trust = Trust::forced;
  EXPECT_THAT(fleet.kept(), ElementsAre(8, 9, 12));
}

TEST(Retention, what_a_host_runs_or_has_in_a_slot_is_kept_for_thirty_days_after_it_was_heard_of) {
  Retaining fleet;
  fleet.status(2).slots = {3, 12};
  fleet.status(3).slots = {3, 4};
  fleet.heartbeat(2);
  fleet.heartbeat(3);
  EXPECT_THAT(fleet.kept(), ElementsAre(3, 4, 10, 11, 12));
  EXPECT_EQ(fleet.why(3), "2 hosts have it, web-02 among them");
  EXPECT_EQ(fleet.why(4), "web-03 has it");
  fleet.now.wall += 30 * 24h;
  EXPECT_EQ(fleet.why(4), "web-03 has it");
  fleet.now.wall += 1s;
  EXPECT_EQ(fleet.why(4), "gone");
}

TEST(Retention, what_a_host_has_is_stored_when_it_changes_and_once_an_hour) {
  Retaining fleet;
  fleet.status(2).slots = {3, 12};
  const auto rows = [](const Turn& turn) {
    return std::ranges::count_if(turn.records,
                                 [](const Record& each) { return std::holds_alternative<StoreHostReleases>(each); });
  };
  EXPECT_EQ(rows(fleet.heartbeat(2)), 1);
  EXPECT_EQ(rows(fleet.heartbeat(2)), 0);
  fleet.now.wall += 1h;
  EXPECT_EQ(rows(fleet.heartbeat(2)), 1);
}

TEST(Retention, a_deployment_keeps_its_release_and_what_its_hosts_go_back_to) {
  Retaining fleet;
  fleet.state.host_releases.clear();
  fleet.deploy(5);
  ASSERT_TRUE(fleet.state.active.contains(Retaining::kShop));
  fleet.state.active.at(Retaining::kShop).rollout.hosts[0].former = 2;
  EXPECT_THAT(fleet.kept(), ElementsAre(2, 5, 10, 11, 12));
  EXPECT_EQ(fleet.why(2), "a deployment that runs needs it");
}

TEST(Retention, a_release_is_kept_for_an_hour_after_it_was_built) {
  Retaining fleet;
  auto& release = fleet.state.releases[Retaining::kShop][1];
  release.release.created_s = fleet.wall_ms() / 1'000 - 3'599;
  EXPECT_THAT(fleet.why(1), HasSubstr("built"));
  release.release.created_s -= 1;
  EXPECT_EQ(fleet.why(1), "gone");
  release.release.created_s = fleet.wall_ms() / 1'000 + 100;
  EXPECT_THAT(fleet.why(1), HasSubstr("built")) << "the clock went back";
}

TEST(Retention, what_was_collected_is_neither_kept_nor_collected_again) {
  Retaining fleet;
  for (auto& [number, release] : fleet.state.releases[Retaining::kShop]) release.collected = number < 12;
  EXPECT_THAT(fleet.kept(), ElementsAre(12));
  EXPECT_THAT(plan_retention(fleet.state, fleet.now).collected, IsEmpty());
}

TEST(Retention, a_host_does_not_go_back_to_what_was_collected) {
  Retaining fleet;
  fleet.status(1).live_release = 4;
  fleet.status(1).live_root = fleet.root_of(4);
  fleet.heartbeat(1);
  fleet.state.releases[Retaining::kShop][4].collected = true;
  fleet.deploy(11);
  EXPECT_EQ(fleet.plan(1).former, 12U);
}

}  // namespace
}  // namespace serin::controller
