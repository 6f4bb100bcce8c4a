#include "controller/judge/control_side.h"

#include <algorithm>
#include <cmath>

namespace serin::judge {

namespace {

/// Indices into the controls of those far above what the others let expect, the farthest first.
std::vector<std::size_t> loud_controls(const SequentialSettings& settings, const PostCounts& counts,
                                       const std::vector<double>& weights) {
  const auto& controls = counts.controls();
  std::vector<std::size_t> loud;
  if (controls.size() < 3) return loud;
  double errors = 0, weight = 0;
  for (std::size_t i = 0; i < controls.size(); ++i) {
    errors += controls[i].errors;
    weight += weights[i];
  }
  const auto excess = [&](std::size_t i) {
    const double expected = weights[i] * (errors - controls[i].errors) / (weight - weights[i]);
    return controls[i].errors - settings.loud_control_factor * expected - settings.loud_control_errors;
  };
  for (std::size_t i = 0; i < controls.size(); ++i) {
    if (excess(i) > 0) loud.push_back(i);
  }
  std::stable_sort(loud.begin(), loud.end(), [&](std::size_t a, std::size_t b) { return excess(a) > excess(b); });
  loud.resize(std::min(loud.size(), std::max<std::size_t>(1, controls.size() / 10)));
  return loud;
}

/// s2post: how far the kept controls' shares are from their past, beyond chance.
double spread_since(const SequentialSettings& settings, const ControlSide& side, const PostCounts& counts,
                    const std::vector<double>& weights, const std::vector<bool>& dropped) {
  if (side.kept.hosts < 3) return settings.spread_few;
  if (side.kept.errors <= 0) return 0;
  double chi = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (dropped[i]) continue;
    const double expected = weights[i] * side.kept.errors / side.kept.weight;
    const double off = counts.controls()[i].errors - expected;
    chi += off * off / expected;
  }
  const auto kept = static_cast<double>(side.kept.hosts);
  const double by_chance = side.dispersion * (1 + std::sqrt(2 / (kept - 1)));
  return std::max(0.0, chi / (kept - 1) - by_chance) / std::max(side.kept.errors / kept, 1.0);
}

bool is_quiet(const SequentialSettings& settings, const ControlSide& side, double evidence_seconds) {
  return side.kept.hosts >= 3 && side.moving_spread <= settings.quiet_spread &&
         side.dispersion <= settings.quiet_dispersion &&
         side.kept.errors <= settings.quiet_rise * side.kept.weight * evidence_seconds + 1;
}

/// hk, and the control that is loudest for its weight.
void measure_variance(ControlSide& side, const PostCounts& counts, const std::vector<double>& weights,
                      const std::vector<bool>& dropped) {
  double loudest = -1;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (dropped[i]) continue;
    const Member& member = counts.controls()[i];
    const SideSums sums = sums_of(member, weights[i], side);
    side.kept.variance += sums.variance;
    if (member.errors / weights[i] > loudest) {
      loudest = member.errors / weights[i];
      side.loudest = member.host;
      side.loudest_sums = sums;
    }
  }
  if (side.kept.weight > 0) side.relative_variance = side.kept.variance / (side.kept.weight * side.kept.weight);
}

}  // namespace

SideSums sums_of(const Member& member, double weight, const ControlSide& controls) {
  return {.errors = member.errors,
          .weight = weight,
          .variance = weight * weight * (controls.spread + controls.dispersion * member.variance),
          .hosts = 1};
}

ControlSide look_at_controls(const SequentialSettings& settings, const HostWeights& weights, const PostCounts& counts) {
  const double seconds = counts.evidence_seconds();
  const auto& controls = counts.controls();
  std::vector<double> scaled(controls.size());
  for (std::size_t i = 0; i < controls.size(); ++i) scaled[i] = counts.weight(controls[i]);

  ControlSide side;
  std::vector<bool> dropped(controls.size());
  for (const std::size_t i : loud_controls(settings, counts, scaled)) {
    dropped[i] = true;
    side.set_aside.push_back(controls[i].host);
  }
  double raw = 0, seen = 0;
  for (std::size_t i = 0; i < controls.size(); ++i) {
    if (dropped[i]) continue;
    side.kept.errors += controls[i].errors;
    side.kept.weight += scaled[i];
    ++side.kept.hosts;
    raw += controls[i].raw_errors;
    seen += controls[i].seen;
  }
  if (seen > 0) side.raw_rate = raw / seen;
  side.multiplier = (side.kept.errors + 1) / (side.kept.weight * seconds + 1);
  side.dispersion = 1 + (weights.dispersion - 1) * std::max(1.0, side.multiplier);
  const auto block = static_cast<double>(settings.block.count());
  side.moving_spread = std::max(weights.slow_spread * std::min(1.0, block / seconds),
                                spread_since(settings, side, counts, scaled, dropped));
  side.spread = side.moving_spread + settings.spread_min;
  side.quiet = is_quiet(settings, side, seconds);
  side.calm_errors = side.quiet ? settings.calm_errors : 0;
  measure_variance(side, counts, scaled, dropped);
  return side;
}

ShareCounts compare(const SideSums& treated, const ControlSide& controls, double evidence_seconds, bool with_virtual) {
  ShareCounts share{.treated = treated.errors,
                    .treated_weight = treated.weight,
                    .control = controls.kept.errors,
                    .control_weight = controls.kept.weight,
                    .variance = 0,
                    .dispersion = controls.dispersion};
  double control_variance = controls.relative_variance;
  if (with_virtual && controls.calm_errors > 0) {
    share.control += controls.calm_errors;
    share.control_weight += controls.calm_errors / evidence_seconds;
    const double shrunk = controls.kept.weight / share.control_weight;
    control_variance *= shrunk * shrunk;
  }
  share.variance = (treated.weight > 0 ? treated.variance / (treated.weight * treated.weight) : 0) + control_variance;
  return share;
}

}  // namespace serin::judge
