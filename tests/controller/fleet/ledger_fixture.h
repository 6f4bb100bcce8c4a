#pragma once

#include <gtest/gtest.h>

#include "controller/fleet/report_ledger.h"

namespace serin::fleet {

/// A ledger and web-01, whose clock stands `shift` seconds behind the controller's.
struct LedgerFixture : ::testing::Test {
  using Seconds = std::vector<SecondCounts>;
  static constexpr auto kHost = "web-01";
  static constexpr auto kShop = "shop";

  /// Both clocks, in seconds of the controller's.
  void go_to(std::int64_t second) { now.steady = start_of(second); }
  [[nodiscard]] std::int64_t host_ms() const { return now.steady.time_since_epoch().count() - shift * 1'000; }

  void hello(const std::string& boot = "boot 1") { ledger.begin_session(kHost, boot, host_ms(), now); }

  /// A report of these seconds of the host's clock, which arrives `late` after it was sent.
  std::vector<ChangedSample> report(const Seconds& seconds, const std::string& gap = {}, Duration late = {}) {
    return ledger.record(
        kHost,
        {.run = "run",
         .sequence = ++sequence,
         .clock_ms = host_ms() - late.count(),
         .applications = {{.application = kShop, .rules_hash = rules, .seconds = seconds, .gap = gap}}},
        now);
  }
  /// One report for each second of the controller's clock in [from, until), as it ends.
  void count(std::int64_t from, std::int64_t until, std::uint32_t errors, std::uint32_t lines,
             const std::string& gap = {}) {
    for (std::int64_t second = from; second < until; ++second) {
      go_to(second + 1);
      report({{second - shift, errors, lines}}, gap);
    }
  }
  void trust_from(std::int64_t second) { ledger.trust(kHost, kShop, start_of(second)); }

  [[nodiscard]] judge::Tally baseline(std::int64_t until) const { return ledger.baseline(kHost, kShop, until); }
  [[nodiscard]] judge::Tally window(std::int64_t from, std::int64_t until) const {
    return ledger.window(kHost, kShop, from, until);
  }
  [[nodiscard]] std::vector<Sample> samples(std::int64_t from, std::int64_t until) const {
    return ledger.samples(kHost, kShop, from, until);
  }
  static Sample sample(std::int64_t second, std::uint32_t errors, std::uint32_t lines, bool trusted = false) {
    return {.second = second, .host = kHost, .errors = errors, .lines = lines, .trusted = trusted};
  }

  ReportLedger ledger;
  std::int64_t shift = 900'000;
  std::string rules = "rules 1";
  std::uint64_t sequence = 0;
  Now now{start_of(1'000'000), WallTime{}};
};

}  // namespace serin::fleet
