#include "agent/pull/busy_wait.h"

#include <algorithm>

namespace serin::pull {

void BusyWait::busy(SteadyTime now, std::uint32_t retry_ms) {
  if (now < until_) return;
  const Duration asked = std::min<Duration>(Duration{std::max<std::uint32_t>(retry_ms, 1)}, kMost);
  wait_ = std::clamp<Duration>(2 * wait_, asked, kMost);
  until_ = now + wait_;
}

void BusyWait::came(SteadyTime now) {
  news_at_ = now;
  wait_ = {};
}

}  // namespace serin::pull
