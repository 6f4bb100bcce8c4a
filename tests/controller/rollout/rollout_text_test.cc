#include <gtest/gtest.h>

#include "rollout_driver.h"

namespace serin::rollout::testing {
namespace {

TEST(RolloutText, names_are_the_words_of_the_documents) {
  EXPECT_EQ(name_of(HostStep::taken_back), "taken back");
  EXPECT_EQ(name_of(HostStep::absent), "absent");
  EXPECT_EQ(name_of(Phase::going_back), "going_back");
  EXPECT_EQ(name_of(Ending::superseded), "superseded");
}

TEST(RolloutText, counts_hosts_on_the_way_forward) {
  Rollout rollout = make_rollout({.hosts = 9, .canaries = 9});
  const std::array steps{HostStep::loaded,     HostStep::unchanged, HostStep::taken_back,
                         HostStep::broken,     HostStep::overdue,   HostStep::staging,
                         HostStep::activating, HostStep::staged,    HostStep::absent};
  for (std::size_t i = 0; i < steps.size(); ++i) rollout.hosts[i].step = steps[i];
  EXPECT_EQ(count_hosts(rollout), (Counts{.total = 9, .ok = 1, .failed = 4, .in_flight = 2, .left = 1, .absent = 1}));
}

TEST(RolloutText, counts_hosts_on_the_way_back) {
  Rollout rollout = make_rollout({.hosts = 9, .canaries = 9});
  rollout.phase = Phase::going_back;
  rollout.ending = Ending::aborted;
  const std::array steps{HostStep::loaded,   HostStep::unchanged, HostStep::taken_back,
                         HostStep::broken,   HostStep::overdue,   HostStep::returning,
                         HostStep::returned, HostStep::waiting,   HostStep::absent};
  for (std::size_t i = 0; i < steps.size(); ++i) rollout.hosts[i].step = steps[i];
  EXPECT_EQ(count_hosts(rollout), (Counts{.total = 9, .ok = 4, .failed = 3, .in_flight = 1, .absent = 1}));
}

TEST(RolloutText, a_failure_ends_with_what_the_hook_said_last_and_is_safe_to_show) {
  Driver driver{Shape{}};
  driver.feed(Started{});
  Outcome outcome{.application = "shop", .order = {7, 1}, .result = StepResult::unchanged, .step = "pull"};
  outcome.exit_status = 3;
  outcome.output = std::string(5'000, 'x') + "\x1b[31mthe cause\n";
  driver.feed(HostFinished{"web-01", outcome});
  const std::string& detail = driver.host("web-01").detail;
  EXPECT_TRUE(detail.starts_with("pull, exit 3: … xxx")) << detail;
  EXPECT_TRUE(detail.ends_with("[31mthe cause")) << detail;
  EXPECT_EQ(detail.find('\x1b'), std::string::npos);
  EXPECT_LT(detail.size(), 1'100U);
}

TEST(RolloutText, a_failure_without_words_says_so) {
  Driver driver{Shape{}};
  driver.feed(Started{});
  driver.feed(HostFinished{"web-01", {.application = "shop", .order = {7, 1}, .result = StepResult::unchanged}});
  EXPECT_EQ(driver.host("web-01").detail, "no reason given");
}

TEST(RolloutText, long_lists_are_cut) {
  Driver driver{Shape{.hosts = 40, .canaries = 1}};
  driver.start();
  driver.rollout.force = true;  // no failure limit, no mass loss
  for (std::size_t i = 2; i <= 40; ++i) driver.gone(web(i));
  driver.rollout.force = false;
  driver.judge(passing());
  const std::string text = summary(driver.rollout);
  EXPECT_TRUE(text.starts_with("released r12 on 1 of 40 hosts in 0.0 s; 39 lack it and catch up: web-02 (absent), "))
      << text;
  EXPECT_TRUE(text.ends_with("web-11 (absent) and 29 more")) << text;
}

TEST(RolloutText, says_where_a_running_one_stands) {
  Driver driver{Shape{}};
  driver.start();
  EXPECT_EQ(summary(driver.rollout), "r12 is soaking, stage canary: 3 of 12 hosts run it");
}

}  // namespace
}  // namespace serin::rollout::testing
