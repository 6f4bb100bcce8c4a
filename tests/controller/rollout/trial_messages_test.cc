// What hosts log beside the number of errors: messages that are new with a release, and requests.
#include <gmock/gmock.h>

#include "controller/rollout/trial.h"
#include "tests/controller/rollout/trial_fleet.h"

namespace serin::rollout {
namespace {

using judge::Answer;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr SignatureId kCart = 0xca47;

/// One of the usual errors is this message, on the canaries.
std::vector<SignatureCount> cart_on_canaries(std::size_t host, std::int64_t at) {
  if (host > kCanaries || Fleet::usual(host, at) == 0) return {};
  return {{.id = kCart, .count = 1}};
}

struct MessageFleet : Fleet {
  MessageFleet() { texts = {{.id = kCart, .rule = "php", .text = "Call to a member function total() on <q>"}}; }
};

TEST(TrialMessages, one_that_is_new_on_two_canaries_fails_a_release_whose_errors_are_no_more_than_before) {
  MessageFleet fleet;
  fleet.run(1, none);
  fleet.messages = cart_on_canaries;
  fleet.run(60, none);
  ASSERT_FALSE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.last().ending, Ending::taken_back);
  ASSERT_TRUE(fleet.last().verdict);
  EXPECT_EQ(fleet.last().verdict->answer, Answer::fail);
  EXPECT_EQ(fleet.last().verdict->reason, "new-message");
  EXPECT_THAT(fleet.last().verdict->text, HasSubstr("Call to a member function total() on <q>"));
  ASSERT_EQ(fleet.last().verdict->numbers->signatures.size(), 1U);
  const auto& named = fleet.last().verdict->numbers->signatures.front();
  EXPECT_EQ(named.id, "000000000000ca47");
  EXPECT_GE(named.hosts, 2U);
  EXPECT_TRUE(named.fails);
}

TEST(TrialMessages, one_that_the_fleet_logged_before_the_deployment_is_not_new) {
  MessageFleet fleet;
  fleet.messages = [](std::size_t host, std::int64_t at) {
    return host == 9 && at % 60 == 0 ? std::vector<SignatureCount>{{.id = kCart, .count = 1}}
                                     : std::vector<SignatureCount>{};
  };
  for (int i = 0; i < 120; ++i) fleet.second(Fleet::usual);
  fleet.messages = cart_on_canaries;
  fleet.run(90, none);
  ASSERT_FALSE(fleet.state.active.contains(kShop)) << fleet.rollout().reason;
  EXPECT_EQ(fleet.last().ending, Ending::released);
  EXPECT_TRUE(fleet.last().verdict->numbers->signatures.empty());
}

TEST(TrialMessages, one_that_a_control_logs_too_is_not_new) {
  MessageFleet fleet;
  fleet.run(1, none);
  fleet.messages = [](std::size_t host, std::int64_t at) {
    return host == 12 && at % 2 == 0 ? std::vector<SignatureCount>{{.id = kCart, .count = 1}}
                                     : cart_on_canaries(host, at);
  };
  fleet.run(90, none);
  ASSERT_FALSE(fleet.state.active.contains(kShop)) << fleet.rollout().reason;
  EXPECT_EQ(fleet.last().ending, Ending::released);
}

TEST(TrialMessages, one_of_a_release_that_was_taken_back_is_new_again_at_the_next_try) {
  MessageFleet fleet;
  fleet.messages = cart_on_canaries;
  fleet.run(60, none);
  ASSERT_EQ(fleet.last().ending, Ending::taken_back);
  fleet.messages = [](auto...) { return std::vector<SignatureCount>{}; };
  for (int i = 0; i < 120; ++i) fleet.second(Fleet::usual);
  EXPECT_FALSE(fleet.state.messages.history(kShop, fleet.now.wall).contains("000000000000ca47"));
}

TEST(TrialMessages, made_anew_in_the_middle_says_the_same_in_the_same_second) {
  MessageFleet straight;
  straight.messages = cart_on_canaries;
  straight.run(60, none);
  MessageFleet restarted;
  restarted.messages = cart_on_canaries;
  for (int i = 0; i < 60; ++i) {
    restarted.run(1, none);
    const auto active = restarted.state.active.find(kShop);
    if (active != restarted.state.active.end()) active->second.trial.reset();
  }
  EXPECT_EQ(restarted.last().verdict, straight.last().verdict);
  EXPECT_EQ(restarted.elapsed, straight.elapsed);
}

/// Canaries get three times the traffic from the deploy on, and log three times the errors.
struct TrafficFleet : Fleet {
  static bool surges(const CoreFixture& fleet, std::size_t host) {
    return host <= kCanaries && fleet.state.active.contains(kShop) && fleet.rollout().soak_from;
  }
  void surge() {
    run(90, [this](std::size_t host, std::int64_t) {
      return surges(*this, host) ? 2 * usual(host, second_of(now.steady) - 1) : 0U;
    });
  }
};

TEST(TrialRequests, more_errors_with_as_many_more_requests_are_no_fault) {
  TrafficFleet fleet;
  fleet.requests = [&](std::size_t host, std::int64_t) { return TrafficFleet::surges(fleet, host) ? 300U : 100U; };
  for (int i = 0; i < 120; ++i) fleet.second(Fleet::usual);
  fleet.surge();
  EXPECT_TRUE(fleet.returned.empty());
  EXPECT_FALSE(fleet.state.latest.contains(kShop) && fleet.last().ending == Ending::taken_back);
}

TEST(TrialRequests, the_same_errors_with_the_usual_requests_are_one) {
  TrafficFleet fleet;
  fleet.requests = [](std::size_t, std::int64_t) { return 100U; };
  for (int i = 0; i < 120; ++i) fleet.second(Fleet::usual);
  fleet.surge();
  ASSERT_FALSE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.last().ending, Ending::taken_back);
}

TEST(TrialRequests, canaries_that_nobody_asks_anything_do_not_pass) {
  Fleet fleet;
  fleet.requests = [&](std::size_t host, std::int64_t) {
    return host <= kCanaries && fleet.state.active.contains(kShop) && fleet.rollout().soak_from ? 0U : 100U;
  };
  for (int i = 0; i < 120; ++i) fleet.second(Fleet::usual);
  fleet.run(70, none);
  ASSERT_TRUE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.rollout().phase, Phase::held);
  EXPECT_EQ(fleet.rollout().verdict->reason, "no-traffic");
}

}  // namespace
}  // namespace serin::rollout
