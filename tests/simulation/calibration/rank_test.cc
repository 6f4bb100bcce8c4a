#include "tests/simulation/calibration/rank_test.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/simulation/calibration/dice.h"

namespace serin::calibration {

namespace {

constexpr double kZ98 = 2.3263478740408408;  // confidence 0.98, two-sided
constexpr double kTolerance = 0.25;

/// (rank sum - expectation - continuity) / its standard deviation for `treated` moved down by `shift`.
/// The samples are sorted: ranks come from one merge.
double standardised(const std::vector<double>& treated, const std::vector<double>& control, double shift) {
  const auto m = static_cast<double>(treated.size());
  const auto n = static_cast<double>(control.size());
  double rank_sum = 0;
  double ties = 0;
  double rank = 0;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < treated.size() || j < control.size()) {
    const double a = i < treated.size() ? treated[i] - shift : INFINITY;
    const double b = j < control.size() ? control[j] : INFINITY;
    const double value = std::min(a, b);
    double of_treated = 0;
    double of_control = 0;
    for (; i < treated.size() && treated[i] - shift <= value; ++i) ++of_treated;
    for (; j < control.size() && control[j] <= value; ++j) ++of_control;
    const double count = of_treated + of_control;
    rank_sum += of_treated * (rank + (count + 1) / 2);
    ties += count * count * count - count;
    rank += count;
  }
  const double difference = rank_sum - m * (m + 1) / 2 - m * n / 2;
  const double continuity = difference > 0 ? 0.5 : (difference < 0 ? -0.5 : 0);
  const double variance = m * n / 12 * (m + n + 1 - ties / ((m + n) * (m + n - 1)));
  return (difference - continuity) / std::sqrt(variance);
}

/// Where the falling step function crosses z, to 1e-6, between low and high. A step at zero is zero exactly: the counts
/// of quiet hosts are mostly ties there, and 1e-7 against 2e-7 would be a verdict.
double root(const std::vector<double>& treated, const std::vector<double>& control, double z, double low, double high) {
  if (standardised(treated, control, low) <= z) return low;
  if (standardised(treated, control, high) >= z) return high;
  while (high - low > 1e-6) {
    const double middle = (low + high) / 2;
    const double value = standardised(treated, control, middle) - z;
    if (value == 0) return middle;  // NOLINT: a solver stops at an exact root
    (value > 0 ? low : high) = middle;
  }
  return low <= 0 && high >= 0 ? 0 : (low + high) / 2;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

bool one_value(const std::vector<double>& values) {
  return std::ranges::all_of(values, [&](double value) { return value == values.front(); });
}

}  // namespace

Shift shift_of(const std::vector<double>& treated, const std::vector<double>& control, double confidence_z) {
  auto a = treated;
  auto b = control;
  std::ranges::sort(a);
  std::ranges::sort(b);
  const double low = a.front() - b.back();
  const double high = a.back() - b.front();
  return {.estimate = root(a, b, 0, low, high), .lower = root(a, b, confidence_z, low, high)};
}

bool kayenta_says_high(std::vector<double> treated, std::vector<double> control, unsigned long long noise_seed) {
  if (treated.empty() || control.empty() || treated == control) return false;
  if (one_value(treated) && one_value(control) && treated.front() == control.front()) return false;
  Dice dice(noise_seed);
  const double ratio = mean(treated) / mean(control);
  const bool ratio_known = mean(treated) > 0 && mean(control) > 0;
  if (one_value(treated) && one_value(control)) {
    for (auto* sample : {&treated, &control}) {
      for (double& value : *sample) value += 1e-5 * dice.normal();
    }
  }
  // A shift that is not significant at zero has an interval that holds zero: no need to look for its ends.
  auto sorted_treated = treated;
  auto sorted_control = control;
  std::ranges::sort(sorted_treated);
  std::ranges::sort(sorted_control);
  if (!(standardised(sorted_treated, sorted_control, 0) > kZ98)) return false;
  const auto shift = shift_of(treated, control, kZ98);
  return shift.lower > kTolerance * std::abs(shift.estimate) && (!ratio_known || ratio >= 1);
}

}  // namespace serin::calibration
