#pragma once

#include <string>

#include "protocol/clock.h"

namespace serin::posix {

/// CLOCK_BOOTTIME: what agents use.
SteadyTime boot_time();
WallTime wall_time();
/// The kernel's boot id; CLOCK_BOOTTIME values are comparable within one.
std::string boot_id();

/// The controller's clock: boot_time() plus an offset that is kept in its state folder, so that it goes on over
/// restarts of the daemon and, from the newest stored time or the wall clock (whichever is later), over reboots.
struct ClockAnchor {
  std::string boot_id;
  Duration offset{};  ///< added to boot_time()
};
/// `stored` is empty at the very first start. `newest` is the latest stored time of this clock (0 when none).
ClockAnchor anchor_clock(const ClockAnchor& stored, SteadyTime newest);
SteadyTime anchored_time(const ClockAnchor& anchor);

}  // namespace serin::posix
