#include "protocol/rate_bound.h"

#include <algorithm>

namespace serin {

namespace {

/// No debt lasts longer, so that nothing overflows.
constexpr Duration kForgotten = std::chrono::hours{1};

}  // namespace

void RateBound::passed(std::uint64_t bytes, SteadyTime now) {
  ahead_ = std::min(ahead(now) + bytes, bytes_per_s_ * (kForgotten / std::chrono::seconds{1}));
  at_ = now;
}

Duration RateBound::wait(SteadyTime now) const {
  const std::uint64_t burst = bytes_per_s_ / 10;
  const std::uint64_t too_much = std::max(ahead(now), burst) - burst;
  if (too_much == 0) return Duration{0};
  return Duration{static_cast<std::int64_t>((too_much * 1'000 + bytes_per_s_ - 1) / bytes_per_s_)};
}

std::uint64_t RateBound::ahead(SteadyTime now) const {
  const auto gone_ms = static_cast<std::uint64_t>(std::clamp(now - at_, Duration{0}, kForgotten).count());
  const std::uint64_t since = bytes_per_s_ * gone_ms / 1'000;
  return std::max(ahead_, since) - since;
}

}  // namespace serin
