#pragma once

#include <cstdint>

#include "protocol/clock.h"

namespace serin::pull {

/// When a source that was busy is asked again: after what it asked for, twice as long with each time that it is busy
/// still, at most kMost, whatever it says. Requests that were on their way together count as one time. Pure;
/// single-threaded.
class BusyWait {
 public:
  static constexpr Duration kMost = std::chrono::seconds{2};
  /// For a pack of which nothing comes; then object by object.
  static constexpr Duration kPackMost = std::chrono::minutes{2};

  explicit BusyWait(SteadyTime now) : news_at_(now) {}

  void busy(SteadyTime now, std::uint32_t retry_ms);
  /// A part came.
  void came(SteadyTime now);
  /// Nothing is to be asked before.
  [[nodiscard]] SteadyTime until() const { return until_; }
  /// Nothing came for so long that a pack is not worth more waiting, however long the pull has taken before.
  [[nodiscard]] bool is_too_long_for_a_pack(SteadyTime now) const { return now - news_at_ > kPackMost; }

 private:
  SteadyTime news_at_, until_{};
  Duration wait_{};
};

}  // namespace serin::pull
