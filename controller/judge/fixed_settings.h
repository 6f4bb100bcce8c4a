#pragma once

#include <cstdint>

#include "protocol/clock.h"

namespace serin::judge {

enum class JudgeKind : std::uint8_t { fixed, sequential };

/// The rule of the Scap announcement; every number of it.
struct FixedJudgeSettings {
  Duration wait = std::chrono::seconds{20};
  double threshold = 10.0;       ///< times a canary's own baseline rate
  double floor = 0.1;            ///< errors per second below which nothing is "over"
  std::uint32_t hosts_over = 0;  ///< canaries over that fail the deployment; 0: max(1, ceil(canaries / 4))
  Duration baseline_min = std::chrono::seconds{60};
  Duration silence_max = std::chrono::seconds{3};
  friend bool operator==(const FixedJudgeSettings&, const FixedJudgeSettings&) = default;
};

}  // namespace serin::judge
