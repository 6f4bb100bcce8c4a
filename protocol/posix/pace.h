#pragma once

#include <cstdint>
#include <stop_token>

#include "protocol/clock.h"
#include "protocol/posix/mailbox.h"

namespace serin::posix {

/// Sleeps so that no more than so many bytes a second are spent; 0: no bound. Of one thread.
class Pace {
 public:
  explicit Pace(std::uint64_t bytes_per_s) : bytes_per_s_(bytes_per_s) {}
  /// Returns at once when `stop` is requested.
  void spend(std::uint64_t bytes, const std::stop_token& stop) {
    if (bytes_per_s_ == 0) return;
    owed_ += bytes;
    const Duration sleep{static_cast<std::int64_t>(owed_ * 1'000 / bytes_per_s_)};
    if (sleep < kShortestSleep) return;
    owed_ = 0;
    wait_or_stop(sleep, stop);
  }

 private:
  static constexpr Duration kShortestSleep{50};
  std::uint64_t bytes_per_s_, owed_ = 0;
};

}  // namespace serin::posix
