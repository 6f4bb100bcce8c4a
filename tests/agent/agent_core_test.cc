#include "agent/agent_core.h"

#include <gtest/gtest.h>

namespace serin::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto kShop = "shop";

/// One agent at a link that a test feeds by hand.
struct Driver {
  Driver() : core(settings(), {.public_key = std::string(32, 'k'), .instance = "run-1", .machine = "m"}, 1, now) {
    core.on_status(status(HostState::loaded, 1), now);
  }

  static AgentSettings settings() {
    AgentSettings settings;
    settings.controller = "tcp://deploy:4700";
    settings.controller_keys = {std::string(32, 'c')};
    settings.release_keys = {key().public_key};
    settings.applications[kShop] = {.name = kShop, .live = "/srv/shop"};
    return settings;
  }
  static SigningKey key() { return *signing_key_from_seed(std::string(32, 's')); }
  static ApplicationStatus status(HostState state, ReleaseNumber live) {
    return {.application = kShop, .state = state, .live_release = live};
  }

  template <class T>
  std::vector<T> all(const Effects& effects) {
    std::vector<T> found;
    for (const Effect& effect : effects) {
      if (const auto* value = std::get_if<T>(&effect)) found.push_back(*value);
    }
    return found;
  }
  /// Messages of one type that the effects send, with their request numbers.
  template <class M>
  std::vector<std::pair<std::uint64_t, M>> sent(const Effects& effects) {
    std::vector<std::pair<std::uint64_t, M>> found;
    for (const SendMessage& send : all<SendMessage>(effects)) {
      if (const auto* message = std::get_if<M>(&send.envelope.message)) {
        found.emplace_back(send.envelope.header.request, *message);
      }
    }
    return found;
  }

  Effects hear(Message message, std::uint64_t session = 0, std::uint64_t reply_to = 0) {
    return core.on_message({.header = {.session = session, .reply_to = reply_to}, .message = std::move(message)}, now);
  }
  /// Dials and says hello; gives the hello's request number.
  std::uint64_t greet() {
    core.on_tick(now);
    return sent<Hello>(core.on_link_up(now)).at(0).first;
  }
  void connect(std::uint64_t session = 7) { hear(Welcome{.session = session, .heartbeat_ms = 2'000}, 0, greet()); }
  void pass(Duration length) { now.steady += length; }
  std::int64_t live_for() {
    pass(2s);
    const auto beats = sent<Heartbeat>(core.on_tick(now));
    return beats.empty() ? -1 : beats.at(0).second.applications.at(0).live_for_ms;
  }

  Order order(OrderId id, OrderAction action = OrderAction::activate) {
    const Release release{.application = kShop, .number = 2, .root = digest_of("tree 2")};
    return {.application = kShop,
            .id = id,
            .action = action,
            .recipient = to_hex(std::string(32, 'k')),
            .release = sign_release(key(), release)};
  }

  Now now{SteadyTime{1h}, WallTime{std::chrono::hours{500'000}}};
  AgentCore core;
};

TEST(AgentCore, says_hello_again_once_however_many_of_its_messages_were_of_an_old_session) {
  Driver driver;
  driver.connect();
  driver.pass(2s);
  const auto lost = driver.core.on_tick(driver.now);  // a heartbeat and a report
  const auto sent = driver.all<SendMessage>(lost);
  ASSERT_EQ(sent.size(), 2U);
  const auto first = driver.hear(Resync{"old"}, 0, sent[0].envelope.header.request);
  const auto second = driver.hear(Resync{"old"}, 0, sent[1].envelope.header.request);
  ASSERT_EQ(driver.sent<Hello>(first).size(), 1U);
  EXPECT_TRUE(driver.sent<Hello>(second).empty());

  // Nor does one that was on its way while the new session began end that again.
  driver.hear(Welcome{.session = 8, .heartbeat_ms = 2'000}, 0, driver.sent<Hello>(first).at(0).first);
  ASSERT_TRUE(driver.core.ready());
  EXPECT_TRUE(driver.sent<Hello>(driver.hear(Resync{"old"}, 0, sent[1].envelope.header.request)).empty());
  EXPECT_TRUE(driver.core.ready());
}

TEST(AgentCore, a_verify_of_a_good_release_is_taken_and_any_other_answered_with_why_not) {
  Driver driver;
  driver.connect();
  const auto request = [&](const Order& like, const std::string& application) {
    return VerifyRequest{.application = application, .number = 9, .recipient = like.recipient, .release = like.release};
  };
  const Order good = driver.order({1, 1});
  const auto taken = driver.all<TakeVerify>(driver.hear(request(good, kShop), 7));
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].release.number, 2U);

  Order forged = good;
  forged.release.signature.assign(forged.release.signature.size(), 'x');
  Order for_another = good;
  for_another.recipient = to_hex(std::string(32, 'o'));
  EXPECT_TRUE(driver.all<TakeVerify>(driver.hear(request(for_another, kShop), 7)).empty());
  for (const VerifyRequest& bad : {request(forged, kShop), request(good, "blog")}) {
    const auto refused = driver.sent<VerifyReport>(driver.hear(bad, 7));
    ASSERT_EQ(refused.size(), 1U);
    EXPECT_TRUE(refused[0].second.final);
    EXPECT_NE(refused[0].second.trouble, "");
  }
}

TEST(AgentCore, drift_is_told_at_once_when_it_is_news) {
  Driver driver;
  driver.connect();
  const auto told = driver.sent<Heartbeat>(driver.core.on_drift(kShop, 3, "a", driver.now.steady, driver.now));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].second.applications.at(0).drift, 3U);
  EXPECT_EQ(told[0].second.applications.at(0).drift_path, "a");
  EXPECT_EQ(told[0].second.applications.at(0).verified_ms_ago, 0);
  EXPECT_TRUE(driver.core.on_drift(kShop, 3, "a", driver.now.steady, driver.now).empty());
}

TEST(AgentCore, takes_the_session_of_its_newest_hello_only) {
  Driver driver;
  const std::uint64_t first = driver.greet();
  const auto again = driver.hear(Resync{"who are you"}, 0, first);
  EXPECT_TRUE(driver.all<SendMessage>(again).empty()) << "the hello itself was not of a session";
  driver.hear(Welcome{.session = 6}, 0, first + 1'000);
  EXPECT_FALSE(driver.core.ready());
  driver.hear(Welcome{.session = 7}, 0, first);
  EXPECT_TRUE(driver.core.ready());
}

TEST(AgentCore, live_for_goes_on_while_the_next_release_is_pulled_and_staged) {
  Driver driver;
  driver.connect();
  driver.pass(60s);
  driver.hear(HeartbeatReply{}, 7);
  for (const HostState state : {HostState::pulling, HostState::staged, HostState::loaded}) {
    driver.core.on_status(Driver::status(state, 1), driver.now);
    EXPECT_GT(driver.live_for(), 60'000) << name_of(state);
    driver.hear(HeartbeatReply{}, 7);
  }
}

TEST(AgentCore, tells_of_a_step_that_is_quick_at_its_end_only) {
  Driver driver;
  driver.connect();
  driver.pass(1s);
  driver.hear(HeartbeatReply{}, 7);
  EXPECT_TRUE(driver.core.on_status(Driver::status(HostState::pulling, 1), driver.now).empty());
  EXPECT_TRUE(driver.core.on_status(Driver::status(HostState::switching, 2), driver.now).empty());
  const auto end = driver.sent<Heartbeat>(driver.core.on_status(Driver::status(HostState::loaded, 2), driver.now));
  ASSERT_EQ(end.size(), 1U);
  EXPECT_EQ(end[0].second.applications.at(0).state, HostState::loaded);

  // One that takes its time is told of at the next tick.
  EXPECT_TRUE(driver.core.on_status(Driver::status(HostState::switching, 3), driver.now).empty());
  driver.pass(250ms);
  const auto tick = driver.sent<Heartbeat>(driver.core.on_tick(driver.now));
  ASSERT_EQ(tick.size(), 1U);
  EXPECT_EQ(tick[0].second.applications.at(0).state, HostState::switching);
}

TEST(AgentCore, live_for_begins_anew_when_something_was_loaded) {
  Driver driver;
  driver.connect();
  driver.pass(60s);
  driver.hear(HeartbeatReply{}, 7);
  driver.core.on_status(Driver::status(HostState::switching, 1), driver.now);
  driver.core.on_status(Driver::status(HostState::switching, 2), driver.now);
  driver.core.on_status(Driver::status(HostState::loaded, 2), driver.now);
  EXPECT_EQ(driver.live_for(), 2'000);
  driver.hear(HeartbeatReply{}, 7);
  driver.pass(3s);
  driver.core.on_status(Driver::status(HostState::switching, 2), driver.now);  // the hook runs again
  driver.core.on_status(Driver::status(HostState::loaded, 2), driver.now);
  EXPECT_EQ(driver.live_for(), 2'000);
}

TEST(AgentCore, hands_out_one_order_at_a_time_and_keeps_the_newest_of_those_that_wait) {
  Driver driver;
  driver.connect();
  EXPECT_EQ(driver.all<RunOrder>(driver.hear(driver.order({5, 1}), 7)).size(), 1U);
  EXPECT_TRUE(driver.hear(driver.order({5, 1}), 7).empty()) << "it is at work";
  EXPECT_TRUE(driver.hear(driver.order({4, 9}), 7).empty()) << "it is old";
  EXPECT_EQ(driver.all<StopStaging>(driver.hear(driver.order({5, 3}), 7)).size(), 1U);
  EXPECT_TRUE(driver.hear(driver.order({5, 2}), 7).empty()) << "it was replaced before it came";
  const auto next = driver.all<RunOrder>(driver.core.on_step_ended(kShop));
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].order.id, (OrderId{5, 3}));
  EXPECT_TRUE(driver.core.on_step_ended(kShop).empty());
}

TEST(AgentCore, sends_an_outcome_until_it_is_acknowledged_in_its_session) {
  Driver driver;
  driver.connect();
  const Outcome outcome{.application = kShop, .order = {5, 2}, .result = StepResult::loaded};
  EXPECT_EQ(driver.sent<Outcome>(driver.core.on_outcome(outcome, driver.now)).size(), 1U);
  driver.pass(5s);
  EXPECT_EQ(driver.sent<Outcome>(driver.core.on_tick(driver.now)).size(), 1U);
  EXPECT_TRUE(driver.hear(OutcomeReply{kShop, {5, 2}}, 6).empty()) << "of another session";
  EXPECT_EQ(driver.all<AcknowledgeOutcome>(driver.hear(OutcomeReply{kShop, {5, 2}}, 7)).size(), 1U);
  driver.pass(5s);
  EXPECT_TRUE(driver.sent<Outcome>(driver.core.on_tick(driver.now)).empty());
}

TEST(AgentCore, refuses_what_is_not_for_it_or_not_signed) {
  Driver driver;
  driver.connect();
  Order foreign = driver.order({5, 1});
  foreign.recipient = to_hex(std::string(32, 'x'));
  EXPECT_TRUE(driver.all<SendMessage>(driver.hear(foreign, 7)).empty());
  Order forged = driver.order({5, 1});
  forged.release.signature[0] ^= 1;
  const auto refused = driver.sent<Outcome>(driver.hear(forged, 7));
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].second.result, StepResult::unchanged);
  EXPECT_EQ(refused[0].second.step, "verify");
  EXPECT_EQ(refused[0].second.live_release, 1U);
}

}  // namespace
}  // namespace serin::agent
