// A start of the daemon over what an earlier one has stored.
#include "controller/controller_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/controller/core_fixture.h"

namespace serin::controller {
namespace {

using rollout::Ending;
using rollout::HostStep;
using rollout::Phase;
using testing::CoreFixture;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kShop = CoreFixture::kShop;

/// A controller whose canary has loaded r2, and the next one, which finds what it has stored.
struct Restart : CoreFixture {
  Restart() {
    released(1);
    add_release(2, Trust::untried);
    hello_all();
    Turn turn = deploy(2);
    while (!orders(turn).empty()) {
      const Order order = orders(turn).front();
      turn = finish(1, order, order.action == OrderAction::stage ? StepResult::staged : StepResult::loaded);
    }
    now.steady += 5s;
  }

  /// What is in the database by now.
  [[nodiscard]] StoredState stored() const {
    StoredState stored{.releases = state.releases,
                       .wanted = state.wanted,
                       .newest_deployment = state.newest_deployment,
                       .latest = state.latest};
    for (const auto& [name, host] : state.roster.hosts()) stored.hosts.push_back(host.record);
    for (const auto& [application, active] : state.active) {
      rollout::Rollout rollout = active.rollout;
      rollout.progress = {};
      for (rollout::PlanHost& host : rollout.hosts) {
        host.connected = false;
        host.sent_at = {};
      }
      stored.baselines[rollout.id] = active.baselines;
      stored.running.push_back(std::move(rollout));
    }
    return stored;
  }
  [[nodiscard]] ControllerCore next(StoredState with) const {
    return {state.settings, state.signing_key, std::move(with), "next", 7'000};
  }
  template <class T>
  static std::vector<T> effects(const Turn& turn) {
    std::vector<T> all;
    for (const Effect& effect : turn.effects) {
      if (const auto* found = std::get_if<T>(&effect)) all.push_back(*found);
    }
    return all;
  }
  Turn hello_to(ControllerCore& core, std::size_t host) {
    return core.on_host_message({web(host), "link", "10.0.0.1"},
                                {.header = {},
                                 .message = Hello{.protocol_min = 1,
                                                  .protocol_max = 1,
                                                  .instance = "run-1",
                                                  .machine = web(host),
                                                  .applications = {status(host)}}},
                                now);
  }
};

TEST(ControllerCore, begins_empty_and_silent) {
  ControllerCore core({}, *signing_key_from_seed(std::string(32, 's')), {}, "first", 1);
  const Turn turn = core.start({});
  EXPECT_THAT(turn.records, IsEmpty());
  EXPECT_THAT(turn.effects, IsEmpty());
  EXPECT_TRUE(core.state().roster.hosts().empty());
}

TEST(ControllerCore, lets_every_accepted_host_in_again) {
  Restart fleet;
  ControllerCore core = fleet.next(fleet.stored());
  const auto admitted = fleet.effects<AdmitKey>(core.start(fleet.now));
  ASSERT_EQ(admitted.size(), 4U);
  EXPECT_EQ(admitted.front().host, "web-01");
  EXPECT_EQ(admitted.front().public_key, std::string(32, '\x01'));
  EXPECT_EQ(core.state().roster.find("web-01")->presence, fleet::Presence::never);
}

TEST(ControllerCore, goes_on_with_a_deployment_and_its_evidence) {
  Restart fleet;
  StoredState stored = fleet.stored();
  const judge::Tally baseline{.errors = 3, .lines = 300, .seconds = 100};
  const std::int64_t second = second_of(fleet.now.steady) - 2;
  stored.baselines[1]["web-01"] = baseline;
  stored.samples[1] = {{.second = second, .host = "web-01", .errors = 4, .lines = 40}};
  ControllerCore core = fleet.next(std::move(stored));
  core.start(fleet.now);
  const ActiveDeployment& active = core.state().active.at(kShop);
  EXPECT_EQ(active.rollout.phase, Phase::soaking);
  EXPECT_EQ(active.rollout.soak_from, fleet.rollout().soak_from) << "the judge's clock goes on";
  EXPECT_EQ(active.baselines.at("web-01"), baseline);
  EXPECT_EQ(active.samples_stored_until, second + 1);
  EXPECT_EQ(core.state().ledger.window("web-01", kShop, 0, second + 1).errors, 4U);
  EXPECT_EQ(core.state().newest_deployment, 1U);
  EXPECT_EQ(wanted_release(core.state(), kShop)->release.number, 1U);
}

TEST(ControllerCore, sends_an_order_again_that_a_host_may_have_missed) {
  Restart fleet;
  StoredState stored = fleet.stored();
  stored.running.front().phase = Phase::rolling;
  stored.running.front().hosts.front().step = HostStep::activating;
  ControllerCore core = fleet.next(std::move(stored));
  EXPECT_THAT(fleet.orders(core.start(fleet.now)), IsEmpty()) << "nobody is connected yet";
  fleet.status(1).last_order = {};
  const Turn turn = fleet.hello_to(core, 1);
  ASSERT_EQ(fleet.orders(turn).size(), 1U);
  EXPECT_EQ(fleet.orders(turn).front().id, (OrderId{1, fleet.rollout().hosts.front().sequence}));
  EXPECT_EQ(fleet.messages<Welcome>(turn).at(0).session, 7'000U) << "no session of the earlier daemon";
  EXPECT_EQ(fleet.messages<Welcome>(turn).at(0).controller, "next");
}

TEST(ControllerCore, ends_the_deployment_of_an_application_that_is_configured_no_more) {
  Restart fleet;
  StoredState stored = fleet.stored();
  fleet.state.settings.applications.clear();
  ControllerCore core = fleet.next(std::move(stored));
  const Turn turn = core.start(fleet.now);
  EXPECT_TRUE(core.state().active.empty());
  const rollout::Rollout& ended = core.state().latest.at(kShop);
  EXPECT_EQ(ended.ending, Ending::superseded);
  EXPECT_EQ(ended.reason, "taken over by the configuration, which no longer names it");
  EXPECT_THAT(fleet.orders(turn), IsEmpty()) << "hosts keep what they run";
  const auto stored_again = std::find_if(turn.records.begin(), turn.records.end(), [](const Record& record) {
    const auto* row = std::get_if<StoreDeployment>(&record);
    return row != nullptr && row->rollout.phase == Phase::finished;
  });
  EXPECT_NE(stored_again, turn.records.end());
  // Its hosts call as before, and nothing is sent to them.
  EXPECT_EQ(fleet.messages<Welcome>(fleet.hello_to(core, 1)).size(), 1U);
  core.on_tick(fleet.now);
}

TEST(ControllerCore, a_finished_deployment_is_remembered_with_the_time_of_its_end) {
  Restart fleet;
  StoredState stored = fleet.stored();
  rollout::Rollout finished = stored.running.front();
  finished.phase = Phase::finished;
  finished.ending = Ending::released;
  finished.phase_since = fleet.now.steady - 10min;
  stored.running.clear();
  stored.latest[kShop] = finished;
  stored.releases[kShop][1].trust = Trust::forced;
  ControllerCore core = fleet.next(std::move(stored));
  core.start(fleet.now);
  core.on_tick(fleet.now);
  EXPECT_EQ(core.state().releases.at(kShop).at(1).trust, Trust::trusted) << "forced ten minutes ago, without an alarm";
}

TEST(ControllerCore, of_two_stored_hosts_with_one_key_the_first_is_known) {
  Restart fleet;
  StoredState stored = fleet.stored();
  stored.hosts.push_back({.name = "web-99", .public_key = stored.hosts.front().public_key});
  ControllerCore core = fleet.next(std::move(stored));
  EXPECT_EQ(core.state().roster.find("web-99"), nullptr);
  EXPECT_EQ(core.state().roster.hosts().size(), 4U);
}

TEST(ControllerCore, while_nothing_can_be_stored_rollouts_stand_still_and_hosts_are_looked_after) {
  Restart fleet;
  ControllerCore core = fleet.next(fleet.stored());
  core.start(fleet.now);
  for (std::size_t host = 1; host <= 4; ++host) fleet.hello_to(core, host);
  core.set_read_only("the disk is full");
  fleet.now.steady += 5min;
  for (const std::size_t host : {1U, 3U, 4U}) fleet.hello_to(core, host);
  core.on_tick(fleet.now);
  EXPECT_EQ(core.state().active.at(kShop).rollout.phase, Phase::soaking) << "it was due to be judged long ago";
  EXPECT_EQ(core.state().roster.find("web-02")->presence, fleet::Presence::lost);
  core.set_read_only({});
  core.on_tick(fleet.now);
  EXPECT_NE(core.state().active.at(kShop).rollout.phase, Phase::soaking);
}

TEST(ControllerCore, carries_requests_and_builds_to_their_ends) {
  Restart fleet;
  ControllerCore core = fleet.next({});
  core.start(fleet.now);
  const Client client{"cli", 1};
  const operate::Caller alice{.uid = 1'000, .name = "alice"};
  EXPECT_EQ(fleet.effects<StartBuild>(core.on_request(client, alice, {.verb = "deploy"}, {}, fleet.now)).size(), 1U);
  EXPECT_TRUE(core.state().building.contains(kShop));
  const auto told =
      fleet.effects<TellClient>(core.on_built(kShop, failure(ErrorKind::refused, "the source is empty"), fleet.now));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told.front().client, client);
  EXPECT_THAT(told.front().event.text, HasSubstr("the source is empty"));
  core.set_low_space("only 1 MB is left");
  EXPECT_THAT(
      fleet.effects<TellClient>(core.on_request(client, alice, {.verb = "deploy"}, {}, fleet.now)).at(0).event.text,
      HasSubstr("only 1 MB is left"));
}

TEST(ControllerCore, tells_nothing_more_to_a_client_that_is_gone) {
  Restart fleet;
  ControllerCore core = fleet.next(fleet.stored());
  core.start(fleet.now);
  core.on_request({"cli", 1}, {.uid = 1'000, .name = "alice"}, {.verb = "attach"}, {}, fleet.now);
  EXPECT_EQ(fleet.effects<TellClient>(core.on_tick(fleet.now)).size(), 1U);
  core.on_client_gone("cli");
  EXPECT_THAT(fleet.effects<TellClient>(core.on_tick(fleet.now)), IsEmpty());
}

TEST(Records, every_trust_has_its_name) {
  EXPECT_EQ(name_of(Trust::untried), "untried");
  EXPECT_EQ(name_of(Trust::trusted), "trusted");
  EXPECT_EQ(name_of(Trust::forced), "forced");
  EXPECT_EQ(name_of(Trust::rejected), "rejected");
}

}  // namespace
}  // namespace serin::controller
