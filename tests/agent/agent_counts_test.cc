// What was counted is written down before it is reported, and goes on in another process.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "agent/agent_core.h"

namespace serin::agent {
namespace {

using namespace std::chrono_literals;

/// An agent that counts, at a link that a test feeds by hand.
struct Counting {
  explicit Counting(const count::Resumed& resumed = {})
      : core(settings(), {.public_key = std::string(32, 'k'), .instance = "instance", .boot_id = "boot"}, 1, now,
             resumed) {}

  static AgentSettings settings() {
    AgentSettings settings;
    settings.controller = "tcp://deploy:4700";
    settings.controller_keys = {std::string(32, 'c')};
    ApplicationSettings shop{.name = "shop", .live = "/srv/shop"};
    shop.sources.push_back({.path = "/var/log/shop.log"});
    settings.applications["shop"] = shop;
    return settings;
  }
  void connect() {
    core.on_tick(now);
    const auto hello = core.on_link_up(now);
    const auto& envelope = std::get<SendMessage>(hello.at(0)).envelope;
    core.on_message({.header = {.session = 0, .reply_to = envelope.header.request},
                     .message = Welcome{.session = 7, .heartbeat_ms = 2'000}},
                    now);
    ASSERT_TRUE(core.ready());
  }
  /// One second with so many errors; what it does then.
  Effects second(std::uint64_t errors) {
    core.counter("shop").add({.lines = errors, .errors = errors}, count::Written::lately);
    now.steady += 1s;
    return core.on_tick(now);
  }
  void acknowledge(const Report& report) {
    core.on_message({.header = {.session = 7}, .message = HeartbeatReply{report.run, report.sequence}}, now);
  }
  static const count::Checkpoint* saved(const Effects& effects) {
    for (const auto& effect : effects) {
      if (const auto* save = std::get_if<SaveCounts>(&effect)) return &save->checkpoint;
    }
    return nullptr;
  }
  static const Report* reported(const Effects& effects) {
    for (const auto& effect : effects) {
      const auto* send = std::get_if<SendMessage>(&effect);
      const auto* report = send == nullptr ? nullptr : std::get_if<Report>(&send->envelope.message);
      if (report != nullptr) return report;
    }
    return nullptr;
  }

  Now now{SteadyTime{1h}, WallTime{std::chrono::hours{500'000}}};
  AgentCore core;
};

TEST(AgentCounts, are_written_down_before_the_report_that_holds_them_leaves) {
  Counting agent;
  agent.connect();
  for (int i = 0; i < 5; ++i) {
    const auto effects = agent.second(2);
    std::vector<std::string> order;
    for (const auto& effect : effects) {
      if (std::holds_alternative<SaveCounts>(effect)) order.emplace_back("save");
      const auto* send = std::get_if<SendMessage>(&effect);
      if (send != nullptr && std::holds_alternative<Report>(send->envelope.message)) order.emplace_back("report");
    }
    ASSERT_EQ(order, (std::vector<std::string>{"save", "report"}));
    const auto* saved = Counting::saved(effects);
    const auto* report = Counting::reported(effects);
    EXPECT_EQ(saved->run, report->run);
    EXPECT_EQ(saved->sequence, report->sequence);
    EXPECT_EQ(saved->applications.at(0).counts.totals.errors, 2U * static_cast<unsigned>(i + 1));
  }
}

TEST(AgentCounts, are_written_down_while_the_controller_is_away_and_at_the_stop) {
  Counting agent;
  for (int i = 0; i < 200; ++i) {
    const auto effects = agent.second(1);
    const auto* saved = Counting::saved(effects);
    ASSERT_NE(saved, nullptr) << i;
    EXPECT_FALSE(saved->at_stop);
    EXPECT_LE(saved->applications.at(0).counts.seconds.size(), 121U);
  }
  const auto effects = agent.core.on_stop(agent.now);
  const auto* saved = Counting::saved(effects);
  ASSERT_NE(saved, nullptr);
  EXPECT_TRUE(saved->at_stop);
  EXPECT_EQ(saved->applications.at(0).counts.totals.errors, 200U);
}

TEST(AgentCounts, that_are_acknowledged_are_remembered_as_such) {
  Counting agent;
  agent.connect();
  const auto first = agent.second(3);
  agent.acknowledge(*Counting::reported(first));
  const auto second = agent.second(4);
  const auto* saved = Counting::saved(second);
  EXPECT_EQ(saved->applications.at(0).acknowledged.errors, 3U);
  EXPECT_EQ(saved->applications.at(0).counts.totals.errors, 7U);
  EXPECT_LE(saved->applications.at(0).counts.seconds.size(), 2U) << "acknowledged seconds need not be kept";
}

TEST(AgentCounts, of_another_process_go_on_in_its_run) {
  Counting before;
  before.connect();
  before.second(3);
  const auto effects = before.second(4);
  const auto* saved = Counting::saved(effects);
  const auto resumed = count::resume(*saved, {{"shop", hash_of_rules(Counting::settings().applications.at("shop"))}},
                                     "boot", "other", before.now);
  Counting after(resumed);
  after.connect();
  const auto report = after.second(5);
  ASSERT_NE(Counting::reported(report), nullptr);
  EXPECT_EQ(Counting::reported(report)->run, "instance");
  EXPECT_GT(Counting::reported(report)->sequence, saved->sequence);
  EXPECT_EQ(after.core.counter("shop").totals().errors, 12U);
}

bool dials(const Effects& effects) {
  return std::ranges::any_of(effects, [](const Effect& effect) { return std::holds_alternative<Dial>(effect); });
}

TEST(AgentCounts, of_ten_minutes_without_a_controller_are_all_there_when_it_is_back_and_take_no_more_room) {
  Counting agent;
  std::size_t largest_early = 0, largest_late = 0;
  for (int i = 0; i < 600; ++i) {
    // Of two minutes each second is kept, with its messages.
    agent.core.counter("shop").signatures().add("php", std::string(1 + static_cast<std::size_t>(i % 40), 'x'),
                                                agent.now.steady);
    const auto effects = agent.second(1);
    const auto bytes = count::encode_checkpoint(*Counting::saved(effects)).size();
    auto& largest = i < 300 ? largest_early : largest_late;
    largest = std::max(largest, bytes);
  }
  EXPECT_LE(largest_late, largest_early + 200);
  for (int i = 0; i < 300 && !dials(agent.second(0)); ++i) {
  }
  agent.connect();
  const auto effects = agent.second(0);
  const auto* report = Counting::reported(effects);
  ASSERT_NE(report, nullptr);
  EXPECT_EQ(report->applications.back().totals.errors, 600U);
  EXPECT_EQ(report->applications.back().texts.size(), 40U);
  std::size_t seconds = 0;
  for (const auto& entry : report->applications) seconds += entry.seconds.size();
  EXPECT_EQ(seconds, 120U);
}

TEST(AgentCounts, of_a_new_message_are_reported_with_its_words_in_the_next_second) {
  Counting agent;
  agent.connect();
  agent.second(0);
  agent.core.counter("shop").signatures().add("php", "a class that nobody knew", agent.now.steady);
  const auto effects = agent.second(1);
  const auto& entry = Counting::reported(effects)->applications.back();
  ASSERT_EQ(entry.texts.size(), 1U);
  EXPECT_EQ(entry.texts[0].text, "a class that nobody knew");
  EXPECT_EQ(entry.seconds.back().signatures, (std::vector<SignatureCount>{{.id = entry.texts[0].id, .count = 1}}));
}

TEST(AgentCounts, that_are_no_evidence_any_more_are_told_once) {
  Counting agent;
  EXPECT_FALSE(agent.core.set_blind("shop", ""));
  EXPECT_TRUE(agent.core.set_blind("shop", "cannot read a.log"));
  EXPECT_FALSE(agent.core.set_blind("shop", "cannot read a.log"));
  EXPECT_TRUE(agent.core.set_blind("shop", "cannot read b.log"));
  EXPECT_TRUE(agent.core.set_blind("shop", ""));
}

TEST(AgentCounts, of_another_process_are_told_with_their_words) {
  Counting before;
  before.connect();
  before.core.counter("shop").signatures().add("php", "disk is gone", before.now.steady);
  before.second(1);
  before.core.counter("shop").signatures().add("php", "cart is empty", before.now.steady);
  before.core.counter("shop").add({.lines = 1, .errors = 1}, count::Written::lately);
  const auto effects = before.core.on_stop(before.now);
  const auto* saved = Counting::saved(effects);
  Counting after(count::resume(*count::decode_checkpoint(count::encode_checkpoint(*saved)),
                               {{"shop", hash_of_rules(Counting::settings().applications.at("shop"))}}, "boot", "other",
                               before.now));
  after.connect();
  const auto report = after.second(0);
  std::set<std::string> words;
  for (const auto& text : Counting::reported(report)->applications.back().texts) words.insert(text.text);
  EXPECT_EQ(words, (std::set<std::string>{"cart is empty", "disk is gone"}));
}

}  // namespace
}  // namespace serin::agent
