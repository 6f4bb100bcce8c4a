#include <gtest/gtest.h>

#include "rollout_driver.h"

namespace serin::rollout::testing {

using namespace std::chrono_literals;

namespace {

Driver prefetching(const Shape& shape) {
  Rollout rollout = make_rollout(shape);
  rollout.prefetch = true;
  rollout.max_in_flight = {0, 100.0};
  return Driver(std::move(rollout));
}

std::set<HostName> asked(const Driver& driver, OrderAction action) {
  std::set<HostName> hosts;
  for (const Sent& sent : driver.all_sent) {
    if (sent.action == action) hosts.insert(sent.host);
  }
  return hosts;
}

}  // namespace

TEST(Prefetch, stages_the_fleet_while_the_canaries_soak_and_switches_nobody) {
  Driver driver = prefetching({.hosts = 8, .canaries = 2});
  driver.start();
  EXPECT_EQ(driver.rollout.phase, Phase::soaking);
  EXPECT_EQ(asked(driver, OrderAction::prefetch).size(), 6U);
  for (const HostName host : {"web-03", "web-08"}) EXPECT_EQ(driver.step_of(host), HostStep::staged);
  EXPECT_EQ(driver.live_on(kNew), (std::set<HostName>{"web-01", "web-02"}));
  driver.all_sent.clear();
  driver.judge(passing());
  EXPECT_EQ(driver.rollout.ending, Ending::released);
  EXPECT_EQ(driver.all_sent.size(), 6U) << "one order for each host";
  EXPECT_EQ(asked(driver, OrderAction::activate).size(), 6U);
}

TEST(Prefetch, stages_the_proxies_first) {
  Driver driver = prefetching({.hosts = 8, .canaries = 2, .proxies = 2});
  driver.feed(Started{});
  for (const HostName host : {"web-03", "web-04"}) driver.agents.at(host).mute = true;
  driver.settle();
  EXPECT_EQ(asked(driver, OrderAction::prefetch), (std::set<HostName>{"web-03", "web-04"}));
  driver.gone("web-03");
  EXPECT_EQ(driver.step_of("web-03"), HostStep::waiting) << "its turn has not come";
  driver.feed(HostFinished{"web-04", Outcome{.application = "shop",
                                             .order = {driver.rollout.id, driver.host("web-04").sequence},
                                             .action = OrderAction::prefetch,
                                             .result = StepResult::staged}});
  driver.settle();
  EXPECT_EQ(asked(driver, OrderAction::prefetch).size(), 6U);
}

TEST(Prefetch, off_leaves_even_the_bytes_away) {
  Rollout rollout = make_rollout({.hosts = 8, .canaries = 2});
  Driver driver(std::move(rollout));
  driver.start();
  EXPECT_TRUE(asked(driver, OrderAction::prefetch).empty());
  EXPECT_EQ(asked(driver, OrderAction::stage), (std::set<HostName>{"web-01", "web-02"}));
}

TEST(Prefetch, drops_what_was_staged_of_a_release_that_fails) {
  Driver driver = prefetching({.hosts = 8, .canaries = 2});
  driver.start();
  driver.judge(failing());
  EXPECT_EQ(driver.rollout.ending, Ending::taken_back);
  EXPECT_EQ(asked(driver, OrderAction::discard).size(), 6U);
  EXPECT_EQ(driver.live_on(kOld).size(), 8U);
  for (std::size_t i = 3; i <= 8; ++i) {
    const auto& obeyed = driver.agents.at(web(i)).obeyed;
    EXPECT_EQ(std::count(obeyed.begin(), obeyed.end(), OrderAction::activate), 0) << "never live";
  }
}

TEST(Prefetch, that_failed_is_tried_again_in_its_stage_and_counts_only_there) {
  Driver driver = prefetching({.hosts = 8, .canaries = 2});
  driver.feed(Started{});
  driver.agents.at("web-05").on_stage = StepResult::unchanged;
  driver.settle();
  EXPECT_EQ(driver.step_of("web-05"), HostStep::waiting);
  EXPECT_TRUE(driver.was_told("web-05 could not stage ahead"));
  driver.agents.at("web-05").on_stage = StepResult::staged;
  driver.judge(passing());
  EXPECT_EQ(driver.live_on(kNew).size(), 8U);
}

TEST(Prefetch, that_is_not_done_when_the_verdict_comes_goes_on_at_full_speed) {
  Driver driver = prefetching({.hosts = 4, .canaries = 2});
  driver.feed(Started{});
  driver.agents.at("web-04").mute = true;
  driver.settle();
  EXPECT_EQ(driver.step_of("web-04"), HostStep::staging);
  driver.pass(10min);
  driver.agents.at("web-04").mute = false;
  driver.all_sent.clear();
  driver.judge(passing());
  EXPECT_EQ(asked(driver, OrderAction::stage), (std::set<HostName>{"web-04"}));
  EXPECT_EQ(driver.live_on(kNew).size(), 4U) << "and is not overdue because it had time before";
}

TEST(Prefetch, takes_in_a_host_that_comes_while_the_canaries_soak) {
  Driver driver = prefetching({.hosts = 5, .canaries = 2});
  driver.feed(Started{});
  driver.gone("web-05");
  driver.settle();
  EXPECT_EQ(driver.step_of("web-05"), HostStep::waiting);
  driver.back("web-05");
  driver.settle();
  EXPECT_EQ(driver.step_of("web-05"), HostStep::staged);
}

TEST(Prefetch, survives_a_restart_of_the_controller) {
  Driver driver = prefetching({.hosts = 8, .canaries = 2});
  driver.start();
  driver.restart(5s);
  driver.reconnect_all();
  EXPECT_EQ(driver.rollout.phase, Phase::soaking);
  driver.judge(passing());
  EXPECT_EQ(driver.live_on(kNew).size(), 8U);
}

}  // namespace serin::rollout::testing
