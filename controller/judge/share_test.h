#pragma once

#include <span>

namespace serin::judge {

/// Two sides of a comparison: what each logged and what its past lets expect of it.
struct ShareCounts {
  double treated = 0;         ///< C: errors of the treated hosts since settle
  double treated_weight = 0;  ///< W: their rates' sum
  double control = 0;         ///< K
  double control_weight = 0;  ///< W_k
  double variance = 0;        ///< v: relative, of the ratio of the two sides' rates, by host-to-host noise alone
  double dispersion = 1;      ///< D: all counts are divided by it
};

/// L(theta): the log likelihood of the treated side's share of all errors when its rate is theta times what its weight
/// says: beta-binomial (Polya), since noise between hosts makes the share itself random. Up to a term without theta, so
/// only differences mean anything; with the variance fixed, exp(L(theta) - L(theta')) is a test martingale of theta'
/// (Ville 1939; Lindon & Malek 2022 have the multinomial case). 0 when a side has no weight. Uses lgamma_r: std::lgamma
/// races on signgam.
double share_likelihood(double factor, const ShareCounts& counts);

/// E_fail: the mean over `factors` of the likelihood, against that of the tolerated factor; a natural logarithm.
double fail_evidence(const ShareCounts& counts, std::span<const double> factors, double tolerated);

/// ln of the mean of exp(values); not empty.
double log_mean_exp(std::span<const double> values);

}  // namespace serin::judge
