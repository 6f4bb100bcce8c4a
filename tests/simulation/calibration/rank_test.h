#pragma once

#include <vector>

namespace serin::calibration {

/// The shift of `treated` against `control` by Mann and Whitney, as Kayenta's judge computes it (asymptotic, two-sided,
/// with correction for continuity and ties; after R's wilcox.test): confidence interval and the Hodges-Lehmann estimate
/// are the roots of the standardised rank sum in the shift. Both samples non-empty, not all values the same.
struct Shift {
  double estimate = 0;
  double lower = 0;  ///< of the interval
};
Shift shift_of(const std::vector<double>& treated, const std::vector<double>& control, double confidence_z);

/// Kayenta's NetflixACAJudge-v1.0 on one metric that must not rise (judge.md, section 1): true is "High".
/// `noise_seed` is for the Gaussian noise that it adds to a sample of one distinct value.
bool kayenta_says_high(std::vector<double> treated, std::vector<double> control, unsigned long long noise_seed);

}  // namespace serin::calibration
