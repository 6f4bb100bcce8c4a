#include "controller/judge/share_test.h"

#include <math.h>  // NOLINT(modernize-deprecated-headers): lgamma_r is POSIX, not C++

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace serin::judge {

namespace {

double log_gamma(double of) {
  int sign = 0;
  return ::lgamma_r(of, &sign);
}

double log_beta(double a, double b) {
  return log_gamma(a) + log_gamma(b) - log_gamma(a + b);
}

}  // namespace

double share_likelihood(double factor, const ShareCounts& counts) {
  if (counts.treated_weight <= 0 || counts.control_weight <= 0) return 0;
  const double usual = counts.treated_weight / (counts.treated_weight + counts.control_weight);  // p0
  const double share = factor * usual / (factor * usual + 1 - usual);                            // q
  const double concentration = std::max(1 / (share * (1 - share) * counts.variance) - 1, 0.5);   // kap
  const double a = share * concentration;
  const double b = (1 - share) * concentration;
  return log_beta(a + counts.treated / counts.dispersion, b + counts.control / counts.dispersion) - log_beta(a, b);
}

double log_mean_exp(std::span<const double> values) {
  const double most = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (const double value : values) sum += std::exp(value - most);
  return most + std::log(sum / static_cast<double>(values.size()));
}

double fail_evidence(const ShareCounts& counts, std::span<const double> factors, double tolerated) {
  std::array<double, 16> likelihoods{};
  const std::size_t count = std::min(factors.size(), likelihoods.size());
  for (std::size_t i = 0; i < count; ++i) likelihoods[i] = share_likelihood(factors[i], counts);
  return log_mean_exp(std::span{likelihoods}.first(count)) - share_likelihood(tolerated, counts);
}

}  // namespace serin::judge
