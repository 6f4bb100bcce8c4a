#pragma once

#include <string>
#include <vector>

#include "tests/simulation/calibration/trial.h"

namespace serin::calibration {

/// What a row must reach, or what one did reach. Shares in per cent, seconds after the deploy (late rows: after the
/// fault).
struct Bounds {
  double fail_max = 100;
  double fail_min = 0;
  double pass_max = 100;
  double pass_min = 0;
  double fail_p95_max = 1e9;
  double pass_p95_max = 1e9;
  friend bool operator==(const Bounds&, const Bounds&) = default;
};

/// By the row's name and scenario; a known limit has none.
Bounds bounds_of(const Row& row);

/// What of its bounds the row breaks, in words; empty: it holds. With `margin`, a share may miss its bound by as much
/// as chance explains once in 1,000 when the bound is exactly the truth, and seconds by one: for runs too few to be
/// exact.
std::vector<std::string> broken(const Row& row, bool margin);

/// The most of n that happen at probability p but for one chance in 1,000.
std::size_t most_of(std::size_t n, double p);

}  // namespace serin::calibration
