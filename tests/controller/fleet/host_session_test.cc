// The rules of a session, and what a host's messages say of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/fleet/host_messages.h"
#include "protocol/limits.h"
#include "tests/controller/core_fixture.h"

namespace serin::fleet {
namespace {

using controller::Trust;
using controller::Turn;
using controller::testing::CoreFixture;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kShop = CoreFixture::kShop;

struct Session : CoreFixture {
  Session() { released(1); }

  /// A message as it stands, with this header.
  Turn take(const Header& header, Message message, const std::string& connection = "link-web-01") {
    Turn turn;
    take_host_message(state, {web(1), connection, "10.0.0.1"}, {.header = header, .message = std::move(message)}, now,
                      turn);
    return turn;
  }
  Hello a_hello() {
    return {.protocol_min = 1, .protocol_max = 1, .instance = "run-1", .machine = web(1), .applications = {status(1)}};
  }
  [[nodiscard]] std::uint64_t session() const { return state.roster.find(web(1))->session->id; }
  [[nodiscard]] ApplicationStatus seen() const { return state.roster.find(web(1))->applications.at(kShop); }
  static std::string problem(const Turn& turn) {
    const auto problems = messages<Problem>(turn);
    return problems.size() == 1 ? problems.front().text : "";
  }
};

TEST(HostSession, a_welcome_gives_name_session_and_the_times_of_the_link) {
  Session fleet;
  fleet.state.settings.content_port = 4'711;
  fleet.state.settings.heartbeat = 3s;
  fleet.state.settings.lease = 40s;
  const auto turn = fleet.take({.request = 7}, fleet.a_hello());
  EXPECT_THAT(fleet.messages<Welcome>(turn), ElementsAre(Welcome{.protocol = 1,
                                                                 .controller = "controller",
                                                                 .host = "web-01",
                                                                 .session = 100,
                                                                 .heartbeat_ms = 3'000,
                                                                 .lease_ms = 40'000,
                                                                 .spread_ms = 20,
                                                                 .content_port = 4'711,
                                                                 .report_since = 0}));
  const auto& sent = std::get<controller::SendToHost>(turn.effects.front());
  EXPECT_EQ(sent.connection, "link-web-01");
  EXPECT_EQ(sent.envelope.header.reply_to, 7U);
  EXPECT_EQ(sent.envelope.header.session, 100U);
  EXPECT_EQ(fleet.seen(), fleet.status(1));
}

TEST(HostSession, every_hello_gets_a_session_of_its_own) {
  Session fleet;
  fleet.hello(1);
  const std::uint64_t first = fleet.session();
  fleet.hello(2);
  fleet.hello(1);
  EXPECT_GT(fleet.session(), first);
  EXPECT_NE(fleet.session(), fleet.state.roster.find(fleet.web(2))->session->id);
}

TEST(HostSession, an_agent_that_speaks_no_common_protocol_is_told_which_to_upgrade) {
  for (const auto& [least, most] : {std::pair<std::uint16_t, std::uint16_t>{2, 9}, {0, 0}}) {
    Session fleet;
    Hello hello = fleet.a_hello();
    hello.protocol_min = least;
    hello.protocol_max = most;
    const auto turn = fleet.take({}, hello);
    EXPECT_EQ(fleet.problem(turn), "protocol: the agent speaks " + std::to_string(least) + " to " +
                                       std::to_string(most) + ", this controller 1 to 1; upgrade the older one");
    EXPECT_FALSE(fleet.state.roster.find(fleet.web(1))->session);
  }
}

TEST(HostSession, a_newer_agent_that_still_speaks_ours_is_welcome) {
  Session fleet;
  Hello hello = fleet.a_hello();
  hello.protocol_max = 9;
  EXPECT_EQ(fleet.messages<Welcome>(fleet.take({}, hello)).at(0).protocol, 1);
}

TEST(HostSession, before_the_hello_everything_is_answered_with_resync) {
  Session fleet;
  const auto turn = fleet.take({.session = 0, .request = 3}, Heartbeat{.applications = {fleet.status(1)}});
  EXPECT_EQ(fleet.messages<Resync>(turn).size(), 1U);
  EXPECT_EQ(std::get<controller::SendToHost>(turn.effects.front()).envelope.header.reply_to, 3U);
  EXPECT_THAT(fleet.state.roster.find(fleet.web(1))->applications, IsEmpty());
}

TEST(HostSession, the_right_number_from_another_connection_is_not_the_session) {
  Session fleet;
  fleet.hello(1);
  const auto turn = fleet.take({.session = fleet.session()}, Heartbeat{}, "link-of-somebody");
  EXPECT_EQ(fleet.messages<Resync>(turn).size(), 1U);
  EXPECT_EQ(fleet.seen(), fleet.status(1));
}

TEST(HostSession, a_heartbeat_is_answered_with_the_newest_report_that_arrived) {
  Session fleet;
  fleet.hello(1);
  fleet.say(1, Report{.run = "counter", .sequence = 41, .clock_ms = 1'000});
  EXPECT_THAT(fleet.messages<HeartbeatReply>(fleet.heartbeat(1)), ElementsAre(HeartbeatReply{"counter", 41}));
}

TEST(HostSession, a_heartbeat_tells_of_state_and_wall_clock) {
  Session fleet;
  fleet.hello(1);
  fleet.status(1).state = HostState::pulling;
  fleet.say(1,
            Heartbeat{.wall_ms = fleet.now.wall.time_since_epoch().count() - 5'000, .applications = {fleet.status(1)}});
  EXPECT_EQ(fleet.seen().state, HostState::pulling);
  EXPECT_EQ(fleet.state.roster.find(fleet.web(1))->session->wall_offset_ms, -5'000);
}

TEST(HostSession, the_welcome_asks_for_the_seconds_that_are_missing) {
  Session fleet;
  const std::int64_t clock_ms = 5'000'000;
  Hello hello = fleet.a_hello();
  hello.clock_ms = clock_ms;
  hello.boot_id = "boot";
  fleet.take({}, hello);
  fleet.take({.session = fleet.session()},
             Report{.run = "counter",
                    .sequence = 1,
                    .clock_ms = clock_ms,
                    .applications = {{.application = kShop, .rules_hash = "rules", .seconds = {{4'998, 0, 1}}}}});
  EXPECT_EQ(fleet.messages<Welcome>(fleet.take({}, hello)).at(0).report_since, 4'998);
  hello.boot_id = "another boot";
  EXPECT_EQ(fleet.messages<Welcome>(fleet.take({}, hello)).at(0).report_since, 0);
}

TEST(HostSession, an_outcome_says_where_the_host_stands_until_the_next_heartbeat) {
  const struct {
    StepResult result;
    HostState state;
  } rows[] = {
      {StepResult::staged, HostState::staged},         {StepResult::loaded, HostState::loaded},
      {StepResult::taken_back, HostState::taken_back}, {StepResult::broken, HostState::broken},
      {StepResult::unchanged, HostState::switching},   {StepResult::discarded, HostState::switching},
      {StepResult::unknown, HostState::switching},
  };
  EXPECT_EQ(std::size(rows), 7U);
  for (const auto& row : rows) {
    Session fleet;
    fleet.status(1).state = HostState::switching;
    fleet.hello(1);
    const Outcome outcome{.application = kShop,
                          .order = {3, 2},
                          .action = OrderAction::activate,
                          .result = row.result,
                          .live_release = 5,
                          .live_root = fleet.root_of(5)};
    const auto turn = fleet.say(1, outcome);
    EXPECT_EQ(fleet.seen().state, row.state) << name_of(row.result);
    EXPECT_EQ(fleet.seen().live_release, 5U);
    EXPECT_EQ(fleet.seen().live_root, fleet.root_of(5));
    EXPECT_EQ(fleet.seen().last_order, (OrderId{3, 2}));
    EXPECT_THAT(fleet.messages<OutcomeReply>(turn), ElementsAre(OutcomeReply{kShop, {3, 2}})) << name_of(row.result);
  }
}

TEST(HostSession, an_outcome_that_was_sent_again_does_not_bring_the_past_back) {
  Session fleet;
  fleet.hello(1);
  fleet.say(1, Outcome{.application = kShop, .order = {3, 2}, .result = StepResult::loaded, .live_release = 5});
  const auto turn =
      fleet.say(1, Outcome{.application = kShop, .order = {3, 1}, .result = StepResult::broken, .live_release = 4});
  EXPECT_EQ(fleet.seen().state, HostState::loaded);
  EXPECT_EQ(fleet.seen().live_release, 5U);
  EXPECT_THAT(fleet.messages<OutcomeReply>(turn), ElementsAre(OutcomeReply{kShop, {3, 1}})) << "so that it ends";
}

TEST(HostSession, an_outcome_of_an_application_that_is_not_configured_is_taken_so_that_it_is_sent_no_more) {
  Session fleet;
  fleet.hello(1);
  const auto turn = fleet.say(1, Outcome{.application = "blog", .order = {1, 1}, .result = StepResult::loaded});
  EXPECT_THAT(fleet.messages<OutcomeReply>(turn), ElementsAre(OutcomeReply{"blog", {1, 1}}));
  EXPECT_THAT(turn.records, IsEmpty());
}

TEST(HostSession, a_message_that_no_agent_sends_is_named_as_such) {
  Session fleet;
  fleet.hello(1);
  EXPECT_EQ(fleet.problem(fleet.say(1, Welcome{})), "this message does not come from an agent");
}

TEST(HostSession, numbers_that_a_host_may_claim_break_nothing) {
  for (const std::int64_t claimed : {INT64_MIN, std::int64_t{-1}, INT64_MAX}) {
    Session fleet;
    Hello hello = fleet.a_hello();
    hello.clock_ms = claimed;
    hello.wall_ms = claimed;
    hello.applications.front().live_for_ms = claimed;
    fleet.take({}, hello);
    fleet.status(1).live_for_ms = claimed;
    fleet.say(1, Heartbeat{.clock_ms = claimed, .wall_ms = claimed, .applications = {fleet.status(1)}});
    fleet.take({.session = fleet.session()},
               Report{.clock_ms = claimed,
                      .applications = {{.application = kShop, .rules_hash = "rules", .seconds = {{claimed, 1, 1}}}}});
    EXPECT_EQ(fleet.state.roster.find(fleet.web(1))->presence, Presence::connected);
  }
}

/// r2 soaks on web-01, and its seconds so far are stored.
struct Soaking : Session {
  Soaking() {
    hello_all();
    add_release(2, Trust::untried);
    Turn turn = deploy(2);
    while (!orders(turn).empty()) turn = finish(1, orders(turn).front(), next_result(orders(turn).front()));
    tick(5s);
  }
  static StepResult next_result(const Order& order) {
    return order.action == OrderAction::stage ? StepResult::staged : StepResult::loaded;
  }
  Turn report(std::int64_t seconds_ago, std::uint32_t errors) {
    const std::int64_t clock_ms = now.steady.time_since_epoch().count();
    return say(1, Report{.run = "counter",
                         .sequence = 1,
                         .clock_ms = clock_ms,
                         .applications = {{.application = kShop,
                                           .rules_hash = "rules",
                                           .seconds = {{second_of(now.steady) - seconds_ago, errors, 10}}}}});
  }
};

TEST(HostSession, a_second_that_comes_late_is_stored_all_the_same) {
  Soaking fleet;
  ASSERT_EQ(fleet.rollout().phase, rollout::Phase::soaking);
  EXPECT_THAT(fleet.report(0, 2).records, IsEmpty()) << "it is stored with those of its second";
  const auto turn = fleet.report(3, 2);
  ASSERT_EQ(turn.records.size(), 1U);
  const auto& rows = std::get<controller::StoreSamples>(turn.records.front());
  EXPECT_EQ(rows.deployment, fleet.rollout().id);
  ASSERT_EQ(rows.samples.size(), 1U);
  EXPECT_EQ(rows.samples.front().second, second_of(fleet.now.steady) - 3);
  EXPECT_EQ(rows.samples.front().errors, 2U);
  EXPECT_THAT(fleet.report(3, 2).records, IsEmpty()) << "nothing is new";
}

TEST(HostSession, while_nothing_can_be_stored_reports_are_counted_and_heartbeats_answered) {
  Soaking fleet;
  fleet.state.read_only = "the disk is full";
  EXPECT_THAT(fleet.report(3, 2).records, IsEmpty());
  EXPECT_EQ(fleet.state.ledger.samples(fleet.web(1), kShop, 0, second_of(fleet.now.steady)).size(), 1U);
  EXPECT_EQ(fleet.messages<HeartbeatReply>(fleet.heartbeat(1)).size(), 1U);
}

}  // namespace
}  // namespace serin::fleet
