#include "protocol/posix/system_clock.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <stdexcept>
#include <system_error>

#include "protocol/posix/files.h"

namespace serin::posix {

namespace {

Duration read_clock(clockid_t clock) {
  struct timespec at{};
  if (::clock_gettime(clock, &at) != 0) throw std::system_error(errno, std::generic_category(), "clock_gettime");
  return std::chrono::floor<Duration>(std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec});
}

}  // namespace

SteadyTime boot_time() {
  return SteadyTime{read_clock(CLOCK_BOOTTIME)};
}

WallTime wall_time() {
  return WallTime{read_clock(CLOCK_REALTIME)};
}

std::string boot_id() {
  auto id = read_file("/proc/sys/kernel/random/boot_id", 256);
  if (!id) throw std::runtime_error(id.error().text + " (is /proc mounted?)");
  while (!id->empty() && id->back() == '\n') id->pop_back();
  return *id;
}

ClockAnchor anchor_clock(const ClockAnchor& stored, SteadyTime newest) {
  ClockAnchor anchor{.boot_id = posix::boot_id(), .offset = stored.offset};
  const SteadyTime boot = boot_time();
  // In another boot the offset means nothing: go on from the wall clock, which counted while the machine was off.
  if (stored.boot_id != anchor.boot_id) anchor.offset = wall_time().time_since_epoch() - boot.time_since_epoch();
  // A wall clock that was set back, or a state folder from a backup, must not repeat times that are already stored.
  anchor.offset = std::max(anchor.offset, newest - boot);
  return anchor;
}

SteadyTime anchored_time(const ClockAnchor& anchor) {
  return boot_time() + anchor.offset;
}

}  // namespace serin::posix
