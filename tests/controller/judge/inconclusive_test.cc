#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "fleet_of.h"

namespace serin::judge {
namespace {

/// 3 canaries and 12 controls; what each reason needs to be the first that holds.
struct Row {
  std::string reason;
  std::size_t canaries = 3, controls = 12;
  std::size_t baseline_seconds = 300;
  Errors before = every(4);
  Errors after = every(4);
  std::function<void(std::size_t t, std::vector<Counts>& second)> change = [](std::size_t, std::vector<Counts>&) {};
};

/// Twelve errors in eight seconds where six are usual, on the canaries: 1.75 times.
std::uint64_t in_between(std::size_t host, std::size_t t) {
  return host < 3 ? (t % 4 == 0 ? 4U : 3U) - (t % 4 == 1 ? 1U : 0U) : 2U;
}

std::uint64_t waves(std::size_t host, std::size_t t) {
  return (t / 30 + host) % 2 == 0 ? 60U : 0U;
}

const std::vector<Row> kRows{
    {.reason = "no-canary", .canaries = 0},
    {.reason = "no-baseline", .baseline_seconds = 59},
    {.reason = "no-report", .change = [](std::size_t, auto& second) { second[1] = {}; }},
    {.reason = "no-traffic",
     .change = [](std::size_t, auto& second) { second[1] = {.seen = true, .errors = 0, .lines = 2}; }},
    {.reason = "one-canary",
     .after = [](std::size_t host, std::size_t t) { return host == 1 ? 40 : every(4)(host, t); }},
    {.reason = "few-controls", .controls = 1},
    {.reason = "noisy-fleet", .before = waves, .after = waves},
    {.reason = "too-few-errors",
     .canaries = 2,
     .controls = 6,
     .before = every(100),
     .after = [](std::size_t host,
                 std::size_t t) { return (t == 13 || t == 33) && host < 2 ? 1U : every(100)(host, t); }},
    {.reason = "in-between", .before = every(1, 2), .after = in_between},
};

TEST(Inconclusive, has_each_reason_and_says_what_to_do) {
  for (const Row& row : kRows) {
    SequentialJudge judge({}, baseline_of(row.canaries, row.controls, row.baseline_seconds, row.before));
    for (std::size_t t = 0; t < 60; ++t) {
      auto second = second_of(row.canaries + row.controls, t, row.after);
      row.change(t, second);
      judge.add_second(second);
    }
    EXPECT_EQ(said(judge.verdict()), "inconclusive 60 " + row.reason) << judge.verdict().text;
    EXPECT_TRUE(judge.verdict().text.starts_with("cannot tell after 60 s: ")) << judge.verdict().text;
    EXPECT_EQ(judge.verdict().text.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace serin::judge
