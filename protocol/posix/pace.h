#pragma once

#include <cstdint>
#include <stop_token>

#include "protocol/posix/mailbox.h"
#include "protocol/posix/system_clock.h"
#include "protocol/rate_bound.h"

namespace serin::posix {

/// Sleeps so that no more than so many bytes a second are spent; 0: no bound. Of one thread.
class Pace {
 public:
  explicit Pace(std::uint64_t bytes_per_s) : bound_(bytes_per_s) {}
  /// Returns at once when `stop` is requested.
  void spend(std::uint64_t bytes, const std::stop_token& stop) {
    bound_.passed(bytes, boot_time());
    if (const Duration sleep = bound_.wait(boot_time()); sleep >= kShortestSleep) wait_or_stop(sleep, stop);
  }

 private:
  static constexpr Duration kShortestSleep{50};
  RateBound bound_;
};

}  // namespace serin::posix
