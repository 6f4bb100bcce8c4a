#include <gtest/gtest.h>

#include "agent/agent_core.h"

namespace serin::agent {
namespace {

using namespace std::chrono_literals;

/// One agent with two pinned controller keys whose dials a test answers by hand.
struct Dialler {
  static AgentSettings settings() {
    AgentSettings settings;
    settings.controller = "tcp://deploy:4700";
    settings.controller_keys = {std::string(32, 'a'), std::string(32, 'b')};
    settings.applications["shop"] = {.name = "shop", .live = "/srv/shop"};
    return settings;
  }

  /// Ticks until it does something but save its counts; gives that.
  Effects wait() {
    for (int tick = 0; tick < 1'000; ++tick) {
      now.steady += 250ms;
      auto effects = core.on_tick(now);
      std::erase_if(effects, [](const Effect& effect) { return std::holds_alternative<SaveCounts>(effect); });
      if (!effects.empty()) return effects;
    }
    ADD_FAILURE() << "nothing happens";
    return {};
  }
  /// The key of the next dial.
  std::size_t dial() {
    const Effects effects = wait();
    const auto* dialled = effects.size() == 1 ? std::get_if<Dial>(&effects[0]) : nullptr;
    EXPECT_NE(dialled, nullptr) << "it does something else";
    return dialled == nullptr ? 99 : dialled->key;
  }
  /// What it says for the log when the link ends like this.
  std::string end(LinkEnd how) { return words(core.on_link_end(how, now)); }
  static std::string words(const Effects& effects) {
    std::string text;
    for (const Effect& effect : effects) {
      if (const auto* line = std::get_if<LogLine>(&effect)) text += line->text;
    }
    return text;
  }
  template <class M>
  static std::vector<Envelope> sent(const Effects& effects) {
    std::vector<Envelope> found;
    for (const Effect& effect : effects) {
      const auto* send = std::get_if<SendMessage>(&effect);
      if (send != nullptr && std::holds_alternative<M>(send->envelope.message)) found.push_back(send->envelope);
    }
    return found;
  }
  Effects hear(Message message, std::uint64_t reply_to = 0) {
    return core.on_message({.header = {.session = 7, .reply_to = reply_to}, .message = std::move(message)}, now);
  }
  void connect() {
    dial();
    const auto hellos = sent<Hello>(core.on_link_up(now));
    ASSERT_EQ(hellos.size(), 1U);
    hear(Welcome{.session = 7, .heartbeat_ms = 2'000}, hellos[0].header.request);
    ASSERT_TRUE(core.ready());
  }

  Now now{SteadyTime{1h}, WallTime{std::chrono::hours{500'000}}};
  AgentCore core{settings(), {.public_key = std::string(32, 'k'), .instance = "run-1", .machine = "m"}, 1, now};
};

TEST(AgentDials, alternate_the_pinned_keys) {
  Dialler agent;
  for (const std::size_t key : {0U, 1U, 0U, 1U}) {
    EXPECT_EQ(agent.dial(), key);
    EXPECT_EQ(agent.core.key_in_use(), key);
    agent.end(LinkEnd::lost);
  }
}

TEST(AgentDials, that_are_never_answered_are_given_up) {
  Dialler agent;
  EXPECT_EQ(agent.dial(), 0U);
  const SteadyTime before = agent.now.steady;
  const Effects given_up = agent.wait();
  EXPECT_TRUE(std::holds_alternative<CloseLink>(given_up.at(0)));
  EXPECT_LE(agent.now.steady - before, 16s);
  EXPECT_EQ(agent.dial(), 1U);
}

TEST(AgentDials, three_silent_ones_are_told_once) {
  Dialler agent;
  std::vector<std::string> lines;
  for (int i = 0; i < 5; ++i) {
    agent.dial();
    lines.push_back(agent.end(LinkEnd::lost));
  }
  const std::string told =
      "wrong key or no controller at tcp://deploy:4700: compare controller_keys with `serin-controller --print-keys`; "
      "dialling on";
  EXPECT_EQ(lines, (std::vector<std::string>{"", "", told, "", ""}));
}

TEST(AgentDials, that_are_silent_again_an_hour_later_or_after_a_session_are_told_again) {
  Dialler agent;
  const auto silent = [&](int times) {
    std::string said;
    for (int i = 0; i < times; ++i) {
      agent.dial();
      said += agent.end(LinkEnd::lost);
    }
    return said;
  };
  EXPECT_NE(silent(3), "");
  agent.now.steady += 1h;
  EXPECT_NE(silent(1), "");
  agent.connect();
  EXPECT_EQ(agent.end(LinkEnd::lost), "lost the controller: going on alone, dialling again");
  EXPECT_EQ(silent(2), "");
  EXPECT_NE(silent(1), "");
}

TEST(AgentDials, wait_longer_after_each_failure_but_never_more_than_a_minute) {
  Dialler agent;
  Duration longest{};
  for (int i = 0; i < 60; ++i) {
    const SteadyTime before = agent.now.steady;
    agent.dial();
    EXPECT_TRUE(i >= 2 || agent.now.steady - before <= 3s) << i;
    longest = std::max(longest, agent.now.steady - before);
    agent.end(LinkEnd::lost);
  }
  EXPECT_GT(longest, 30s);
  EXPECT_LE(longest, 61s);
}

TEST(AgentDials, that_are_denied_tell_how_to_accept_the_key_and_keep_the_controllers) {
  Dialler agent;
  EXPECT_EQ(agent.dial(), 0U);
  const std::string said = agent.end(LinkEnd::denied);
  EXPECT_NE(said.find("serin hosts accept " + to_hex(std::string(32, 'k')) + " --name NAME"), std::string::npos)
      << said;
  const SteadyTime before = agent.now.steady;
  EXPECT_EQ(agent.dial(), 0U);
  EXPECT_LE(agent.now.steady - before, 12s);
  EXPECT_EQ(agent.end(LinkEnd::denied), "") << "once an hour";
}

TEST(AgentDials, whose_hello_is_not_answered_try_the_other_key) {
  Dialler agent;
  EXPECT_EQ(agent.dial(), 0U);
  agent.core.on_link_up(agent.now);
  EXPECT_TRUE(std::holds_alternative<CloseLink>(agent.wait().at(0)));
  EXPECT_EQ(agent.dial(), 1U);
}

TEST(AgentDials, begin_again_when_the_controller_falls_silent) {
  Dialler agent;
  agent.connect();
  const SteadyTime before = agent.now.steady;
  std::string said;
  while (said.empty()) said = Dialler::words(agent.wait());
  EXPECT_EQ(said, "lost the controller: going on alone, dialling again");
  EXPECT_LE(agent.now.steady - before, 8s);
  EXPECT_EQ(agent.dial(), 0U) << "it was the right key";
}

TEST(AgentOrders, with_an_unknown_key_are_refused_by_name) {
  Dialler agent;
  agent.connect();
  const Effects effects = agent.core.on_bad_message({.request = 42}, {ErrorKind::unsupported, "unsupported: colour"});
  const auto problems = Dialler::sent<Problem>(effects);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].header.reply_to, 42U);
  EXPECT_EQ(std::get<Problem>(problems[0].message).text, "unsupported: colour");
  EXPECT_NE(Dialler::words(effects).find("unsupported: colour"), std::string::npos);
}

TEST(AgentOrders, of_an_unknown_kind_or_application_end_unchanged_with_the_remedy) {
  Dialler agent;
  agent.connect();
  Order order{.application = "shop", .id = {5, 1}, .recipient = to_hex(std::string(32, 'k'))};
  auto refused = Dialler::sent<Outcome>(agent.hear(order));
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(std::get<Outcome>(refused[0].message).result, StepResult::unchanged);
  EXPECT_EQ(std::get<Outcome>(refused[0].message).output,
            "unsupported: this agent does not know the action; upgrade it");
  agent.hear(OutcomeReply{"shop", {5, 1}});
  order.application = "wiki";
  order.action = OrderAction::activate;
  refused = Dialler::sent<Outcome>(agent.hear(order));
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(std::get<Outcome>(refused[0].message).output, "agent.toml has no [application.wiki]");
}

}  // namespace
}  // namespace serin::agent
