#include "protocol/posix/system_clock.h"

#include <gtest/gtest.h>

namespace serin::posix {
namespace {

using namespace std::chrono_literals;

TEST(SystemClock, boot_id_is_the_kernels_in_one_line) {
  EXPECT_EQ(boot_id().size(), 36U);
  EXPECT_EQ(boot_id(), boot_id());
}

TEST(SystemClock, first_start_begins_at_the_wall_clock) {
  const SteadyTime wall_before{wall_time().time_since_epoch()};
  const ClockAnchor anchor = anchor_clock({}, SteadyTime{});
  EXPECT_EQ(anchor.boot_id, boot_id());
  // Both clocks are read one after the other and rounded to milliseconds: equal but for that.
  EXPECT_GE(anchored_time(anchor) + 2ms, wall_before);
}

TEST(SystemClock, a_restart_of_the_daemon_keeps_the_offset_whatever_the_wall_clock_says) {
  // An offset that no wall clock gives: as if that had been stepped meanwhile.
  const ClockAnchor stored{.boot_id = boot_id(), .offset = 12'345ms};
  EXPECT_EQ(anchor_clock(stored, SteadyTime{}).offset, 12'345ms);
  EXPECT_EQ(anchor_clock(stored, anchored_time(stored) - 1h).offset, 12'345ms);
}

TEST(SystemClock, after_a_reboot_it_goes_on_from_the_wall_clock) {
  const ClockAnchor stored{.boot_id = "another boot", .offset = 12'345ms};
  const ClockAnchor first_start = anchor_clock({}, SteadyTime{});
  const ClockAnchor anchor = anchor_clock(stored, SteadyTime{});
  EXPECT_EQ(anchor.boot_id, boot_id());
  EXPECT_GE(anchor.offset + 2ms, first_start.offset);
}

TEST(SystemClock, after_a_reboot_with_the_wall_clock_behind_it_goes_on_from_the_newest_stored_time) {
  const ClockAnchor stored{.boot_id = "another boot", .offset = 12'345ms};
  const SteadyTime newest = SteadyTime{wall_time().time_since_epoch()} + 24h * 365;
  const SteadyTime boot_before = boot_time();
  const ClockAnchor anchor = anchor_clock(stored, newest);
  const SteadyTime boot_after = boot_time();
  EXPECT_GE(anchored_time(anchor), newest);
  EXPECT_LE(boot_before + anchor.offset, newest);
  EXPECT_GE(boot_after + anchor.offset, newest);
}

TEST(SystemClock, never_repeats_times_that_are_stored_already) {
  const ClockAnchor stored{.boot_id = boot_id(), .offset = 0ms};
  const SteadyTime newest = boot_time() + 1h;
  EXPECT_GE(anchored_time(anchor_clock(stored, newest)), newest);
}

}  // namespace
}  // namespace serin::posix
