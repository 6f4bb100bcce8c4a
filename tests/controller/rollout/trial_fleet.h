#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "controller/rollout/deployments.h"
#include "tests/controller/core_fixture.h"

namespace serin::rollout {

inline constexpr auto kShop = controller::testing::CoreFixture::kShop;
inline constexpr std::size_t kHosts = 14;
inline constexpr std::size_t kCanaries = 4;

/// Errors of a host (from 1 on) in a second after the deploy.
using Errors = std::function<std::uint32_t(std::size_t host, std::int64_t second)>;

/// Four canaries and ten others have run r1 for an hour, with one error a second each; each second all of them report
/// and the controller's clock ticks.
struct Fleet : controller::testing::CoreFixture {
  explicit Fleet(const std::function<void(controller::ApplicationSettings&)>& change = [](auto&) {})
      : CoreFixture(kHosts, kCanaries) {
    auto& shop = state.settings.applications.at(kShop);
    shop.judge = controller::JudgeKind::sequential;
    change(shop);
    released(1);
    add_release(2, controller::Trust::untried);
    for (std::size_t host = 1; host <= kHosts; ++host) status(host).live_for_ms = 3'600'000;
    hello_all();
    for (int i = 0; i < 120; ++i) second([](std::size_t host, std::int64_t at) { return usual(host, at); });
  }
  static std::uint32_t usual(std::size_t host, std::int64_t at) {
    return static_cast<std::uint32_t>((static_cast<std::int64_t>(host) * 7 + at * 3 + at / 5) % 3);
  }

  /// Everybody tells of the second that has just passed; what the controller orders is done at once.
  void second(const Errors& errors) {
    const std::int64_t at = second_of(now.steady);
    now.steady += std::chrono::seconds{1};
    now.wall += std::chrono::seconds{1};
    for (std::size_t host = 1; host <= kHosts; ++host) {
      if (silent.contains(host)) continue;
      obey(heartbeat(host));
      ApplicationCounts counts{.application = kShop, .rules_hash = rules.contains(host) ? rules[host] : "rules"};
      counts.seconds.push_back({at, errors(host, at), 20, requests(host, at), messages(host, at)});
      counts.texts = texts;
      if (blind.contains(host)) counts.gap = "cannot read /var/log/shop: Permission denied";
      if (silent_counters) continue;
      say(host, Report{.run = "run-1",
                       .sequence = ++sequence,
                       .clock_ms = now.steady.time_since_epoch().count(),
                       .applications = {counts}});
    }
    obey(tick(Duration{0}));
  }
  void obey(const controller::Turn& turn) {
    also(turn);
    std::vector<Order> todo = orders(turn);
    while (!todo.empty()) {
      std::vector<Order> next;
      for (const Order& order : todo) {
        std::size_t host = 1;
        while (order.recipient != to_hex(std::string(32, static_cast<char>(host)))) ++host;
        if (order.take_back) returned.insert(host);
        const auto more =
            orders(finish(host, order, order.action == OrderAction::stage ? StepResult::staged : StepResult::loaded));
        next.insert(next.end(), more.begin(), more.end());
      }
      todo = std::move(next);
    }
  }
  /// Deploys r2 and lets so many seconds pass, or until it has ended.
  void run(std::int64_t seconds, const Errors& errors) {
    if (!state.active.contains(kShop) && !begun) obey(deploy(2));
    begun = true;
    for (std::int64_t i = 0; i < seconds && state.active.contains(kShop); ++i, ++elapsed) {
      second([&](std::size_t host, std::int64_t at) { return usual(host, at) + errors(host, elapsed); });
    }
  }
  [[nodiscard]] const Rollout& last() const { return state.latest.at(kShop); }
  [[nodiscard]] bool on_new(std::size_t host) const { return plan(host).step == HostStep::loaded; }
  [[nodiscard]] std::size_t loaded() const {
    std::size_t count = 0;
    for (std::size_t host = 1; host <= kHosts; ++host) count += on_new(host) ? 1U : 0U;
    return count;
  }

  std::set<std::size_t> silent, blind, returned;
  bool silent_counters = false;  ///< agents live, and count nothing
  /// Looks at every turn.
  std::function<void(const controller::Turn&)> also = [](const auto&) {};
  /// Beside the errors, in each second of the controller's clock.
  std::function<std::uint32_t(std::size_t host, std::int64_t at)> requests = [](auto...) { return 0U; };
  std::function<std::vector<SignatureCount>(std::size_t host, std::int64_t at)> messages = [](auto...) {
    return std::vector<SignatureCount>{};
  };
  std::vector<SignatureText> texts;
  std::map<std::size_t, std::string> rules;
  std::uint64_t sequence = 0;
  std::int64_t elapsed = 0;
  bool begun = false;
};

inline std::uint32_t none(std::size_t /*host*/, std::int64_t /*second*/) {
  return 0;
}

}  // namespace serin::rollout
