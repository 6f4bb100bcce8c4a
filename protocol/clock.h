#pragma once

#include <chrono>

namespace serin {

/// A clock that never goes back and goes on while the machine sleeps. Core code has no now(): time comes in as an
/// argument. On a host it is CLOCK_BOOTTIME; in the controller it also goes on over restarts and reboots
/// (see posix/system_clock.h), so that a stored time keeps its meaning.
struct FleetClock {
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<FleetClock>;
  static constexpr bool is_steady = true;
};

using Duration = std::chrono::milliseconds;
using SteadyTime = FleetClock::time_point;
/// What people read. May jump: never used to measure a length of time.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// Both clocks, read together.
struct Now {
  SteadyTime steady{};
  WallTime wall{};
};

/// The whole second that holds `at`, counted on the same clock.
inline std::int64_t second_of(SteadyTime at) {
  return std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count();
}
inline SteadyTime start_of(std::int64_t second) {
  return SteadyTime{std::chrono::seconds{second}};
}

}  // namespace serin
