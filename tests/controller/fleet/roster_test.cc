#include "controller/fleet/roster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace serin::fleet {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kHeartbeat = 2s;
constexpr auto kLease = 30s;

Hello hello_of(const std::string& machine, const std::string& instance = "first run") {
  return {.agent_version = "0.1", .instance = instance, .boot_id = "boot", .machine = machine};
}

/// A roster with web-01 under a manual clock.
struct Fleet {
  Fleet() { EXPECT_TRUE(roster.accept({.name = "web-01", .public_key = "key 1", .labels = {"canary"}})); }

  Roster::HelloOutcome hello(const std::string& machine, const std::string& instance = "first run",
                             const std::string& address = "10.0.0.4") {
    return roster.hello("web-01", hello_of(machine, instance), "link-" + machine + instance, address, ++session, now);
  }
  bool heard(const std::string& machine, const std::string& instance = "first run") {
    return roster.heard("web-01", session, "link-" + machine + instance, now);
  }
  std::vector<HostName> pass(Duration time) {
    now.steady += time;
    now.wall += time;
    return roster.tick(now);
  }
  [[nodiscard]] const Host& host() const { return *roster.find("web-01"); }

  Roster roster{kHeartbeat, kLease};
  Now now{SteadyTime{100h}, WallTime{500'000h}};
  std::uint64_t session = 0;
};

TEST(Roster, a_host_that_never_called_is_never_seen) {
  Fleet fleet;
  EXPECT_EQ(fleet.host().presence, Presence::never);
  EXPECT_THAT(fleet.pass(24h), IsEmpty());
  EXPECT_EQ(fleet.host().presence, Presence::never);
  EXPECT_FALSE(fleet.host().last_heard);
}

TEST(Roster, a_hello_is_welcomed_and_its_session_kept) {
  Fleet fleet;
  const auto outcome = fleet.hello("machine 1");
  EXPECT_TRUE(outcome.welcome);
  EXPECT_EQ(outcome.session, 1U);
  ASSERT_TRUE(fleet.host().session);
  EXPECT_EQ(fleet.host().presence, Presence::connected);
  EXPECT_EQ(fleet.host().session->connection, "link-machine 1first run");
  EXPECT_EQ(fleet.host().session->address, "10.0.0.4");
  EXPECT_EQ(fleet.host().last_heard, fleet.now.steady);
}

TEST(Roster, only_messages_of_the_present_session_and_connection_count) {
  Fleet fleet;
  fleet.hello("machine 1");
  fleet.pass(10s);
  EXPECT_FALSE(fleet.roster.heard("web-01", 77, "link-machine 1first run", fleet.now));
  EXPECT_FALSE(fleet.roster.heard("web-01", 1, "another connection", fleet.now));
  EXPECT_FALSE(fleet.roster.heard("web-02", 1, "link-machine 1first run", fleet.now));
  EXPECT_EQ(fleet.host().last_heard, fleet.now.steady - 10s);
  EXPECT_TRUE(fleet.heard("machine 1"));
  EXPECT_EQ(fleet.host().last_heard, fleet.now.steady);
}

TEST(Roster, falls_silent_after_three_heartbeats_and_is_lost_after_its_lease) {
  Fleet fleet;
  fleet.hello("machine 1");
  EXPECT_THAT(fleet.pass(3 * kHeartbeat - 1ms), IsEmpty());
  EXPECT_THAT(fleet.pass(1ms), ElementsAre("web-01"));
  EXPECT_EQ(fleet.host().presence, Presence::silent);
  EXPECT_THAT(fleet.pass(kLease - 3 * kHeartbeat - 1ms), IsEmpty()) << "a change is told once";
  EXPECT_TRUE(fleet.host().session);
  EXPECT_THAT(fleet.pass(1ms), ElementsAre("web-01"));
  EXPECT_EQ(fleet.host().presence, Presence::lost);
  EXPECT_FALSE(fleet.host().session);
  EXPECT_FALSE(fleet.heard("machine 1")) << "it has to say hello again";
}

TEST(Roster, a_silent_host_that_is_heard_is_connected_again) {
  Fleet fleet;
  fleet.hello("machine 1");
  fleet.pass(7s);
  ASSERT_EQ(fleet.host().presence, Presence::silent);
  EXPECT_TRUE(fleet.heard("machine 1"));
  EXPECT_EQ(fleet.host().presence, Presence::connected);
  EXPECT_THAT(fleet.pass(1s), IsEmpty());
}

TEST(Roster, a_restarted_agent_replaces_its_own_session_at_once) {
  Fleet fleet;
  fleet.hello("machine 1", "first run");
  fleet.pass(1s);
  EXPECT_TRUE(fleet.hello("machine 1", "second run").welcome);
  EXPECT_EQ(fleet.host().session->instance, "second run");
  EXPECT_TRUE(fleet.heard("machine 1", "second run"));
  EXPECT_FALSE(fleet.roster.heard("web-01", 1, "link-machine 1first run", fleet.now));
}

TEST(Roster, an_agent_that_says_hello_once_more_gets_a_new_session) {
  Fleet fleet;
  fleet.hello("machine 1");
  const auto again = fleet.hello("machine 1");
  EXPECT_TRUE(again.welcome);
  EXPECT_EQ(fleet.host().session->id, again.session);
}

TEST(Roster, a_host_that_moved_to_another_machine_is_welcome_when_the_lease_of_the_first_is_over) {
  Fleet fleet;
  fleet.hello("machine 1");
  fleet.pass(kLease);
  EXPECT_TRUE(fleet.hello("machine 2").welcome);
  EXPECT_EQ(fleet.host().conflict, "");
}

TEST(Roster, a_second_machine_with_the_same_key_puts_both_in_conflict) {
  Fleet fleet;
  fleet.hello("machine 1", "run", "10.0.0.4");
  fleet.pass(29s);
  const auto clone = fleet.hello("machine 2", "run", "10.0.0.9");
  EXPECT_FALSE(clone.welcome);
  EXPECT_EQ(clone.refusal,
            "two machines use its key, at 10.0.0.4 and 10.0.0.9: one is a clone; on it stop serin-agent, remove its "
            "state_dir/keys and accept the new key");
  EXPECT_EQ(fleet.host().presence, Presence::conflict);
  EXPECT_EQ(fleet.host().conflict, clone.refusal);
  EXPECT_FALSE(fleet.host().session);
  EXPECT_FALSE(fleet.heard("machine 1", "run")) << "the first one gets no work either";
  EXPECT_FALSE(fleet.hello("machine 1", "run", "10.0.0.4").welcome);
}

TEST(Roster, a_conflict_lasts_as_long_as_both_machines_call) {
  Fleet fleet;
  fleet.hello("machine 1");
  fleet.hello("machine 2");
  for (int round = 0; round < 20; ++round) {
    fleet.pass(70s);  // the longest pause between two dials
    EXPECT_FALSE(fleet.hello("machine 1").welcome) << round;
    EXPECT_FALSE(fleet.hello("machine 2").welcome) << round;
    EXPECT_EQ(fleet.host().presence, Presence::conflict);
  }
}

TEST(Roster, a_conflict_is_over_when_one_of_the_machines_has_been_quiet_for_long_enough) {
  Fleet fleet;
  fleet.hello("machine 1");
  fleet.hello("machine 2");
  fleet.pass(1min);
  EXPECT_FALSE(fleet.hello("machine 1").welcome);
  fleet.pass(1min);
  EXPECT_EQ(fleet.host().presence, Presence::conflict);
  EXPECT_TRUE(fleet.hello("machine 1").welcome);
  EXPECT_EQ(fleet.host().conflict, "");
  EXPECT_EQ(fleet.host().presence, Presence::connected);
}

TEST(Roster, a_conflict_in_which_nobody_calls_any_more_ends_as_lost) {
  Fleet fleet;
  fleet.hello("machine 1");
  fleet.hello("machine 2");
  EXPECT_THAT(fleet.pass(kConflictQuiet - 1ms), IsEmpty());
  EXPECT_THAT(fleet.pass(1ms), ElementsAre("web-01"));
  EXPECT_EQ(fleet.host().presence, Presence::lost);
  EXPECT_EQ(fleet.host().conflict, "");
  EXPECT_TRUE(fleet.hello("machine 2").welcome);
}

TEST(Roster, two_agents_on_one_machine_are_noticed_when_the_replaced_one_comes_back) {
  Fleet fleet;
  fleet.hello("machine 1", "first agent");
  fleet.hello("machine 1", "second agent");
  const auto back = fleet.hello("machine 1", "first agent");
  EXPECT_FALSE(back.welcome);
  EXPECT_THAT(back.refusal, HasSubstr("two agents on one machine use its key"));
  EXPECT_THAT(back.refusal, HasSubstr("stop one of them"));
  EXPECT_FALSE(fleet.hello("machine 1", "second agent").welcome);
}

TEST(Roster, a_clone_is_named_as_another_machine_though_the_agent_was_restarted_before) {
  Fleet fleet;
  fleet.hello("machine 1", "first run", "10.0.0.4");
  fleet.hello("machine 1", "second run", "10.0.0.4");
  const auto clone = fleet.hello("machine 2", "run", "10.0.0.9");
  EXPECT_THAT(clone.refusal, HasSubstr("two machines use its key, at 10.0.0.4 and 10.0.0.9"));
  EXPECT_THAT(fleet.hello("machine 1", "second run", "10.0.0.4").refusal,
              HasSubstr("two machines use its key, at 10.0.0.9 and 10.0.0.4"));
}

TEST(Roster, restarts_however_many_are_no_conflict_and_take_no_memory) {
  Fleet fleet;
  for (int run = 0; run < 1'000; ++run) {
    EXPECT_TRUE(fleet.hello("machine 1", std::to_string(run)).welcome);
  }
  EXPECT_LE(fleet.host().claims.size(), 4U);
}

TEST(Roster, a_name_belongs_to_one_key_and_a_key_to_one_name) {
  Fleet fleet;
  const auto again = fleet.roster.accept({.name = "web-01", .public_key = "key 1"});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error(), (Error{ErrorKind::refused, "web-01 is accepted already with this key"}));
  const auto same_name = fleet.roster.accept({.name = "web-01", .public_key = "key 2"});
  ASSERT_FALSE(same_name);
  EXPECT_EQ(same_name.error(), (Error{ErrorKind::refused,
                                      "another key is called web-01: revoke it first (serin hosts revoke web-01), or "
                                      "choose another name"}));
  const auto same_key = fleet.roster.accept({.name = "web-02", .public_key = "key 1"});
  ASSERT_FALSE(same_key);
  EXPECT_EQ(same_key.error(), (Error{ErrorKind::refused,
                                     "this key is called web-01 already: revoke that first (serin "
                                     "hosts revoke web-01)"}));
  EXPECT_EQ(fleet.roster.hosts().size(), 1U);
  EXPECT_EQ(fleet.roster.find_key("key 1"), fleet.roster.find("web-01"));
  EXPECT_EQ(fleet.roster.find_key("key 2"), nullptr);
}

TEST(Roster, a_revoked_host_is_refused_and_its_name_and_key_are_free) {
  Fleet fleet;
  fleet.hello("machine 1");
  const auto record = fleet.roster.revoke("web-01");
  ASSERT_TRUE(record);
  EXPECT_EQ(*record, (HostRecord{.name = "web-01", .public_key = "key 1", .labels = {"canary"}}));
  EXPECT_FALSE(fleet.heard("machine 1"));
  EXPECT_EQ(fleet.hello("machine 1").refusal, "this host was revoked");
  EXPECT_EQ(fleet.roster.revoke("web-01"), std::nullopt);
  EXPECT_TRUE(fleet.roster.accept({.name = "web-01", .public_key = "key 2"}));
  EXPECT_TRUE(fleet.roster.accept({.name = "web-02", .public_key = "key 1"}));
  EXPECT_EQ(fleet.host().presence, Presence::never);
}

TEST(Roster, what_a_host_says_of_its_applications_replaces_what_it_said_before) {
  Fleet fleet;
  fleet.hello("machine 1");
  const ApplicationStatus shop{.application = "shop", .state = HostState::loaded, .live_release = 3};
  const ApplicationStatus blog{.application = "blog", .state = HostState::staged};
  fleet.roster.update("web-01", {shop, blog}, 250);
  EXPECT_EQ(fleet.host().applications, (std::map<ApplicationName, ApplicationStatus>{{"blog", blog}, {"shop", shop}}));
  EXPECT_EQ(fleet.host().session->wall_offset_ms, 250);
  fleet.roster.update("web-01", {blog}, 0);
  EXPECT_EQ(fleet.host().applications, (std::map<ApplicationName, ApplicationStatus>{{"blog", blog}}));
  ASSERT_NE(fleet.roster.application("web-01", "blog"), nullptr);
  EXPECT_EQ(*fleet.roster.application("web-01", "blog"), blog);
  EXPECT_EQ(fleet.roster.application("web-01", "shop"), nullptr);
  EXPECT_EQ(fleet.roster.application("web-02", "blog"), nullptr);
}

TEST(Roster, no_wall_clock_that_a_host_may_claim_breaks_the_arithmetic) {
  const Now now{SteadyTime{100h}, WallTime{500'000h}};
  const std::int64_t ours = now.wall.time_since_epoch().count();
  EXPECT_EQ(wall_offset_ms(ours + 3'600'000, now), 3'600'000);
  EXPECT_LT(wall_offset_ms(INT64_MIN, now), -1'000'000'000);
  EXPECT_GT(wall_offset_ms(INT64_MAX, now), 1'000'000'000);
}

TEST(Roster, every_presence_has_a_name) {
  std::string names;
  for (const Presence presence :
       {Presence::never, Presence::connected, Presence::silent, Presence::lost, Presence::conflict}) {
    names += std::string(name_of(presence)) + ", ";
  }
  EXPECT_EQ(names, "never seen, connected, silent, lost, conflict, ");
}

}  // namespace
}  // namespace serin::fleet
