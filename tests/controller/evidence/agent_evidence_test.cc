#include "controller/evidence/agent_evidence.h"

#include <gtest/gtest.h>

namespace serin::evidence {
namespace {

using fleet::HostSeconds;
using fleet::SecondOfHost;

constexpr SecondOfHost kGood{.errors = 1, .lines = 9, .reported = true, .trusted = true};
constexpr SecondOfHost kUntrusted{.errors = 5, .lines = 9, .reported = true, .trusted = false};

TEST(AgentEvidence, an_untrusted_or_unreported_second_is_not_seen) {
  const auto baseline =
      baseline_of({.host = "web-1", .first = 7, .seconds = {kGood, {}, kUntrusted}}, judge::Role::canary);
  EXPECT_EQ(baseline.host, "web-1");
  EXPECT_EQ(baseline.role, judge::Role::canary);
  ASSERT_EQ(baseline.seconds.size(), 3U);
  EXPECT_EQ(baseline.seconds[0], (judge::Counts{.seen = true, .errors = 1, .lines = 9}));
  EXPECT_FALSE(baseline.seconds[1].seen);
  EXPECT_FALSE(baseline.seconds[2].seen);
}

TEST(AgentEvidence, has_trusted_needs_one_trusted_second) {
  EXPECT_TRUE(has_trusted({.host = "a", .seconds = {kUntrusted, kGood}}));
  EXPECT_FALSE(has_trusted({.host = "a", .seconds = {kUntrusted, {}}}));
}

TEST(AgentEvidence, stored_hosts_come_in_the_plans_order_and_a_missing_one_is_unknown) {
  rollout::Rollout rollout;
  rollout.hosts = {{.host = "web-2"}, {.host = "web-3"}, {.host = "web-1"}};
  const auto all = in_plan_order(rollout, {{.host = "web-1", .first = 10, .seconds = {kGood, kGood}},
                                           {.host = "web-2", .first = 10, .seconds = {kUntrusted, {}}}});
  EXPECT_EQ(all, (std::vector<HostSeconds>{{.host = "web-2", .first = 10, .seconds = {kUntrusted, {}}},
                                           {.host = "web-3", .first = 10, .seconds = {{}, {}}},
                                           {.host = "web-1", .first = 10, .seconds = {kGood, kGood}}}));
  EXPECT_TRUE(in_plan_order(rollout, {}).empty());
}

TEST(AgentEvidence, the_common_rules_are_those_of_most_hosts_and_the_first_of_equals) {
  EXPECT_EQ(common_rules({"b", "a", "b"}), "b");
  EXPECT_EQ(common_rules({"b", "a"}), "a");
  EXPECT_EQ(common_rules({}), "");
}

TEST(AgentEvidence, a_second_with_a_gap_or_by_other_rules_is_not_seen) {
  controller::ControllerState state;
  const Now now{SteadyTime{std::chrono::seconds{1'000}}, WallTime{}};
  const auto report = [&](std::int64_t second, const std::string& gap, const std::string& rules) {
    state.ledger.record(
        "web-1",
        {.run = "r",
         .sequence = 1,
         .clock_ms = 1'000'000,
         .applications = {{.application = "shop", .rules_hash = rules, .seconds = {{second, 2, 8}}, .gap = gap}}},
        now);
  };
  report(990, "", "rules");
  report(991, "cannot read x", "rules");
  EXPECT_EQ(counts_at(state, "shop", "web-1", "rules", 990), (judge::Counts{.seen = true, .errors = 2, .lines = 8}));
  EXPECT_FALSE(counts_at(state, "shop", "web-1", "rules", 991).seen);
  EXPECT_FALSE(counts_at(state, "shop", "web-1", "rules", 992).seen);
  EXPECT_FALSE(counts_at(state, "shop", "web-1", "others", 990).seen);
  EXPECT_FALSE(counts_at(state, "shop", "web-2", "rules", 990).seen);
}

}  // namespace
}  // namespace serin::evidence
