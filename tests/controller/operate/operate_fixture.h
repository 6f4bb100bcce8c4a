#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "controller/operate/answers.h"
#include "controller/operate/commands.h"
#include "controller/operate/release_commands.h"
#include "tests/controller/core_fixture.h"

namespace serin::operate {

/// Operators at a controller with four hosts, one of them a canary, that all run r1. Every event that is told is looked
/// at: its JSON can be read, and final ones alone have an exit code.
struct Operating : controller::testing::CoreFixture {
  using Client = controller::Client;
  using Turn = controller::Turn;

  Operating() {
    state.settings.applications[kShop].source = "/srv/shop";
    released(1);
    state.releases[kShop][1].release.author = "alice";
    hello_all();
  }

  static Client alices() { return {"cli of alice", 1}; }
  static Client bobs() { return {"cli of bob", 7}; }
  static Caller alice() { return {.uid = 1'000, .name = "alice"}; }
  static Caller bob() { return {.uid = 1'001, .name = "bob"}; }

  Turn ask(const OperatorRequest& request, const Caller& caller = alice(), const Client& client = alices()) {
    Turn turn;
    take_request(state, client, caller, request, pending, now, turn);
    return turn;
  }
  Turn ask_as_bob(const OperatorRequest& request) { return ask(request, bob(), bobs()); }
  /// The worker has built this tree.
  Turn built(const ObjectId& root) { return build_ended(release::BuildResult{.root = root, .files = 3, .bytes = 300}); }
  Turn build_ended(const Result<release::BuildResult>& result) {
    Turn turn;
    take_build(state, kShop, result, now, turn);
    return turn;
  }
  Turn deploy_tree(std::string message = "faster cart", bool force = false) {
    ask({.verb = "deploy", .message = std::move(message), .force = force});
    return built(root_of(2));
  }
  /// r2 runs on the canary, which the judge watches.
  void soak() {
    Turn turn = deploy_tree();
    while (!orders(turn).empty()) {
      const Order order = orders(turn).front();
      turn = finish(1, order, order.action == OrderAction::stage ? StepResult::staged : StepResult::loaded);
    }
    ASSERT_EQ(rollout().phase, rollout::Phase::soaking);
  }
  /// The judge could not tell.
  void hold() {
    soak();
    for (int second = 0; second < 60 && rollout().phase == rollout::Phase::soaking; ++second) {
      for (std::size_t host = 1; host <= 4; ++host) heartbeat(host);
      tick(std::chrono::seconds{1});
    }
    ASSERT_EQ(rollout().phase, rollout::Phase::held);
  }

  static std::vector<OperatorEvent> told(const Turn& turn, const Client& client) {
    std::vector<OperatorEvent> events;
    for (const auto& effect : turn.effects) {
      const auto* tell = std::get_if<controller::TellClient>(&effect);
      if (tell == nullptr || tell->client != client) continue;
      EXPECT_TRUE(nlohmann::json::accept(tell->event.json)) << tell->event.json;
      EXPECT_TRUE(tell->event.final || tell->event.exit_code == 0);
      events.push_back(tell->event);
    }
    return events;
  }
  static std::vector<OperatorEvent> told_alice(const Turn& turn) { return told(turn, alices()); }
  static std::vector<OperatorEvent> told_bob(const Turn& turn) { return told(turn, bobs()); }
  /// What ends the request: "KIND EXIT: TEXT". Empty when it goes on.
  static std::string answer(const Turn& turn, const Client& client = alices()) {
    const auto events = told(turn, client);
    if (events.empty() || !events.back().final) return {};
    const OperatorEvent& last = events.back();
    return last.kind + " " + std::to_string(last.exit_code) + ": " + last.text;
  }
  static std::string answer_to_bob(const Turn& turn) { return answer(turn, bobs()); }

  template <class T>
  static std::vector<T> effects(const Turn& turn) {
    std::vector<T> all;
    for (const auto& effect : turn.effects) {
      if (const auto* found = std::get_if<T>(&effect)) all.push_back(*found);
    }
    return all;
  }
  template <class T>
  static std::vector<T> records(const Turn& turn) {
    std::vector<T> all;
    for (const auto& record : turn.records) {
      if (const auto* found = std::get_if<T>(&record)) all.push_back(*found);
    }
    return all;
  }

  std::vector<PendingKey> pending;
};

}  // namespace serin::operate
