#include "controller/judge/settle_estimate.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "controller/judge/host_weights.h"
#include "controller/judge/trace_window.h"

namespace serin::judge {

namespace {

constexpr std::int64_t kLooked = 40;      ///< seconds after the deploy
constexpr std::int64_t kCalmSeconds = 3;  ///< within as many it must begin, and after as many it is over
constexpr double kDeviations = 3;
constexpr double kErrors = 2;

struct Side {
  double errors = 0, weight = 0;
};

/// One role's errors and usual errors in a second; without the loudest canary of three or more.
Side side_of(const HostWeights& weights, const std::vector<Counts>& second, Role role) {
  Side side, loudest;
  std::size_t hosts = 0;
  for (std::size_t h = 0; h < second.size(); ++h) {
    if (weights.hosts[h].role != role || !second[h].seen) continue;
    const Side host{static_cast<double>(second[h].errors), weights.hosts[h].rate};
    side.errors += host.errors;
    side.weight += host.weight;
    if (++hosts == 1 || host.errors > loudest.errors) loudest = host;
  }
  if (role == Role::canary && hosts >= 3) {
    side.errors -= loudest.errors;
    side.weight -= loudest.weight;
  }
  return side;
}

bool is_hot(const Trace& trace, const TraceWindow& window, const HostWeights& weights, std::int64_t second) {
  const Side canaries = side_of(weights, counts_at(trace, window, second), Role::canary);
  Side around;
  double multiplier = 0;
  for (std::int64_t near = second - 1; near <= second + 1; ++near) {
    const Side controls = side_of(weights, counts_at(trace, window, near), Role::control);
    around.errors += controls.errors;
    around.weight += controls.weight;
    if (near == second) multiplier = (controls.errors + 1) / (controls.weight + 1);
  }
  multiplier = std::max(multiplier, (around.errors + 1) / (around.weight + 1));  // an outage may begin in this second
  const double usual = canaries.weight * multiplier;
  return canaries.errors > usual + kDeviations * std::sqrt(weights.dispersion * usual) + kErrors;
}

}  // namespace

std::optional<std::chrono::seconds> restart_burst(const Trace& trace, const SequentialSettings& settings) {
  if (!trace.deploy) return {};
  const TraceWindow window = window_at(trace, *trace.deploy, settings);
  const HostWeights weights = weigh_hosts(window.baseline, settings);
  const auto has = [&](Role role) {
    return std::any_of(weights.hosts.begin(), weights.hosts.end(),
                       [role](const HostWeight& host) { return host.role == role && host.trusted > 0; });
  };
  if (!has(Role::canary) || !has(Role::control)) return {};
  std::int64_t end = 0;
  for (std::int64_t t = 0; t < kLooked; ++t) {
    if (t - end >= kCalmSeconds) return std::chrono::seconds{end};
    if (is_hot(trace, window, weights, *trace.deploy + t)) end = t + 1;
  }
  return {};
}

std::chrono::seconds settle_from(std::span<const std::chrono::seconds> bursts) {
  if (bursts.empty()) return kSettleMin;
  std::vector<std::chrono::seconds> sorted(bursts.begin(), bursts.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t rank = (sorted.size() * 95 + 99) / 100;  // nearest rank, from 1
  const auto burst = sorted.size() < kSettleDeploymentsMin ? sorted.back() : sorted[rank - 1];
  return std::clamp(burst + std::chrono::seconds{1}, kSettleMin, kSettleMax);
}

}  // namespace serin::judge
