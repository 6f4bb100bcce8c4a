#include "agent/pull/busy_wait.h"

#include <gtest/gtest.h>

#include <limits>

namespace serin::pull {
namespace {

using namespace std::chrono_literals;
const SteadyTime kNow{1h};

TEST(BusyWait, each_time_is_twice_as_long_until_something_comes) {
  BusyWait wait(kNow);
  SteadyTime now = kNow;
  for (const Duration length : {5ms, 10ms, 20ms}) {
    wait.busy(now, 5);
    EXPECT_EQ(wait.until(), now + length);
    now = wait.until();
  }
  wait.came(now);
  wait.busy(now, 5);
  EXPECT_EQ(wait.until(), now + 5ms);
}

TEST(BusyWait, five_hundred_requests_that_were_refused_together_count_as_one_time) {
  BusyWait wait(kNow);
  for (int i = 0; i < 500; ++i) wait.busy(kNow, 5);
  EXPECT_EQ(wait.until(), kNow + 5ms);
}

TEST(BusyWait, a_source_that_asks_for_more_than_two_seconds_gets_two) {
  BusyWait wait(kNow);
  wait.busy(kNow, std::numeric_limits<std::uint32_t>::max());
  EXPECT_EQ(wait.until(), kNow + BusyWait::kMost);
}

TEST(BusyWait, a_pack_of_which_parts_come_is_waited_for_however_long_it_takes) {
  BusyWait wait(kNow);
  EXPECT_FALSE(wait.is_too_long_for_a_pack(kNow + BusyWait::kPackMost));
  EXPECT_TRUE(wait.is_too_long_for_a_pack(kNow + BusyWait::kPackMost + 1ms));
  wait.came(kNow + 1h);
  EXPECT_FALSE(wait.is_too_long_for_a_pack(kNow + 1h + 1min));
}

}  // namespace
}  // namespace serin::pull
