#include "tests/simulation/calibration/peers.h"

#include <algorithm>
#include <cmath>

#include "tests/simulation/calibration/rank_test.h"

namespace serin::calibration {

namespace {

constexpr std::size_t kSecondsAfter = 60;  // no rule looks further

/// Errors of one side in each second after the deploy, and how many of its hosts were seen.
struct Side {
  std::vector<double> errors = std::vector<double>(kSecondsAfter, 0.0);
  std::vector<double> hosts = std::vector<double>(kSecondsAfter, 0.0);
  [[nodiscard]] double sum(std::size_t begin, std::size_t end) const { return total(errors, begin, end); }
  /// Errors per host and second.
  [[nodiscard]] double rate(std::size_t begin, std::size_t end) const {
    return sum(begin, end) / std::max(1.0, total(hosts, begin, end));
  }
  /// Per-second means over the hosts, as a metrics store gives them: a second that nobody reported is absent.
  [[nodiscard]] std::vector<double> samples(std::size_t end) const {
    std::vector<double> values;
    for (std::size_t at = 0; at < end; ++at) {
      if (hosts[at] > 0) values.push_back(errors[at] / hosts[at]);
    }
    return values;
  }

 private:
  static double total(const std::vector<double>& values, std::size_t begin, std::size_t end) {
    double sum = 0;
    for (std::size_t at = begin; at < end; ++at) sum += values[at];
    return sum;
  }
};

struct Sides {
  Side canaries, controls;
  double share = 0;  ///< of the canaries among the hosts
};

Sides sides_of(const Recording& recording) {
  Sides sides;
  for (std::size_t at = 0; at < kSecondsAfter; ++at) {
    for (std::size_t host = 0; host < recording.hosts(); ++host) {
      const auto& counts = recording.after[at][host];
      if (!counts.seen) continue;
      Side& side = host < recording.canaries ? sides.canaries : sides.controls;
      side.errors[at] += static_cast<double>(counts.errors);
      ++side.hosts[at];
    }
  }
  sides.share = static_cast<double>(recording.canaries) / static_cast<double>(recording.hosts());
  return sides;
}

struct Scap {
  double over = 0;       ///< canaries over max(1, ten times before), both per 10 s
  double above_ten = 0;  ///< canaries with more than 10 errors in the last 20 s
};

Scap ask_scap(const Recording& recording) {
  Scap scap;
  for (std::size_t host = 0; host < recording.canaries; ++host) {
    double before = 0;
    for (const auto& counts : recording.baseline.hosts[host].seconds) before += static_cast<double>(counts.errors);
    double after = 0;
    for (std::size_t at = 0; at < 20; ++at) after += static_cast<double>(recording.after[at][host].errors);
    const double mean_before = before / (static_cast<double>(kSecondsBefore) / 10);
    if (after / 2 > std::max(1.0, 10 * mean_before)) ++scap.over;
    if (after > 10) ++scap.above_ten;
  }
  return scap;
}

bool ask_argo(const Sides& sides) {
  std::size_t failed = 0;
  for (std::size_t end = 10; end <= kSecondsAfter; end += 10) {
    const double canaries = sides.canaries.rate(end - 10, end);
    const double controls = sides.controls.rate(end - 10, end);
    if (canaries > 2 * controls) ++failed;  // nothing over nothing is no number: not a failure
  }
  return failed > 1;
}

double log_gamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

double log_beta(double a, double b) {
  return log_gamma(a) + log_gamma(b) - log_gamma(a + b);
}

/// P(Binomial(n, share) >= c) <= alpha.
bool binomial_over(double c, double n, double share, double alpha) {
  if (c <= n * share) return false;  // the median is at most one above the mean
  double term = std::exp(log_gamma(n + 1) - log_gamma(c + 1) - log_gamma(n - c + 1) + c * std::log(share) +
                         (n - c) * std::log1p(-share));
  double tail = 0;
  for (double k = c; k <= n && tail <= alpha; ++k) {
    tail += term;
    if (term < 1e-9 * tail) break;
    term *= (n - k) / (k + 1) * share / (1 - share);
  }
  return tail <= alpha;
}

/// Lindon and Malek's mixture for two streams: a Beta prior around the null share against the share itself.
bool mixture_over(double c, double n, double share, double alpha) {
  constexpr double kPrior = 10;  // in observations: what best gives the column of judge.md
  if (c <= n * share) return false;
  const double a = kPrior * share;
  const double b = kPrior * (1 - share);
  const double evidence =
      log_beta(a + c, b + n - c) - log_beta(a, b) - c * std::log(share) - (n - c) * std::log1p(-share);
  return evidence >= -std::log(alpha);
}

}  // namespace

std::array<bool, kPeers.size()> ask_peers(const Recording& recording) {
  constexpr double kAlpha = 0.01;
  const auto sides = sides_of(recording);
  const auto scap = ask_scap(recording);
  const auto canaries = static_cast<double>(recording.canaries);
  const auto kayenta = [&](std::size_t end) {
    return kayenta_says_high(sides.canaries.samples(end), sides.controls.samples(end), end);
  };
  std::array<bool, 5> looks{};
  for (std::size_t look = 0; look < looks.size(); ++look) looks[look] = kayenta(20 + 10 * look);
  double c = 0;
  double n = 0;
  bool binomial20 = false;
  bool binomial = false;
  bool mixture = false;
  for (std::size_t at = 0; at < kSecondsAfter; ++at) {
    c += sides.canaries.errors[at];
    n += sides.canaries.errors[at] + sides.controls.errors[at];
    if (!binomial || at == 19) {
      const bool over = binomial_over(c, n, sides.share, kAlpha);
      binomial = binomial || over;
      if (at == 19) binomial20 = over;
    }
    mixture = mixture || mixture_over(c, n, sides.share, kAlpha);
  }
  return {scap.over > 0,
          scap.over > std::max(canaries / 4, 1.0),
          scap.above_ten >= 2,
          sides.canaries.sum(0, 20) >= 10,
          looks.front(),
          looks.back(),
          std::ranges::any_of(looks, [](bool high) { return high; }),
          ask_argo(sides),
          binomial20,
          binomial,
          mixture};
}

}  // namespace serin::calibration
