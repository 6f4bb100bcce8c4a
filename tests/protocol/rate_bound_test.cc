#include "protocol/rate_bound.h"

#include <gtest/gtest.h>

namespace serin {
namespace {

using namespace std::chrono_literals;

/// Bytes that pass in ten seconds when always as much is wanted, in parts of that size.
std::uint64_t pass_for_ten_seconds(RateBound& bound, std::uint64_t part, SteadyTime begin) {
  std::uint64_t passed = 0;
  for (SteadyTime now = begin; now < begin + 10s; now += 1ms) {
    while (bound.wait(now) == 0ms) {
      bound.passed(part, now);
      passed += part;
    }
  }
  return passed;
}

TEST(RateBound, lets_as_much_pass_as_it_says_whatever_the_parts) {
  for (const std::uint64_t part : {1'000U, 37'000U, 262'144U}) {
    RateBound bound(1'000'000);
    const std::uint64_t passed = pass_for_ten_seconds(bound, part, SteadyTime{1h});
    EXPECT_GE(passed, 9'900'000U) << part;
    EXPECT_LE(passed, 10'100'000U + part) << part;
  }
}

TEST(RateBound, does_not_save_up_what_was_not_used) {
  RateBound bound(1'000'000);
  bound.passed(500'000, SteadyTime{1h});
  EXPECT_LE(pass_for_ten_seconds(bound, 1'000, SteadyTime{2h}), 10'101'000U);
}

TEST(RateBound, says_how_long_to_wait) {
  RateBound bound(1'000'000);
  EXPECT_EQ(bound.wait(SteadyTime{1h}), 0ms);
  bound.passed(1'100'000, SteadyTime{1h});
  EXPECT_EQ(bound.wait(SteadyTime{1h}), 1'000ms);
  EXPECT_EQ(bound.wait(SteadyTime{1h} + 999ms), 1ms);
  EXPECT_EQ(bound.wait(SteadyTime{1h} + 1s), 0ms);
}

TEST(RateBound, bears_with_a_clock_that_stands_still_or_goes_back) {
  RateBound bound(1'000'000);
  bound.passed(1'100'000, SteadyTime{1h});
  EXPECT_EQ(bound.wait(SteadyTime{59min}), 1'000ms);
}

TEST(RateBound, of_nothing_is_no_bound) {
  RateBound bound(0);
  bound.passed(1'000'000'000'000, SteadyTime{1h});
  EXPECT_EQ(bound.wait(SteadyTime{1h}), 0ms);
}

}  // namespace
}  // namespace serin
