#include "controller/judge/inconclusive_reason.h"

#include <algorithm>

namespace serin::judge {

std::string_view name_of(Inconclusive reason) {
  switch (reason) {
    case Inconclusive::no_canary:
      return "no-canary";
    case Inconclusive::no_baseline:
      return "no-baseline";
    case Inconclusive::no_report:
      return "no-report";
    case Inconclusive::no_traffic:
      return "no-traffic";
    case Inconclusive::one_canary:
      return "one-canary";
    case Inconclusive::few_controls:
      return "few-controls";
    case Inconclusive::noisy_fleet:
      return "noisy-fleet";
    case Inconclusive::too_few_errors:
      return "too-few-errors";
    case Inconclusive::in_between:
      return "in-between";
  }
  return "in-between";
}

Inconclusive reason_of(const SequentialSettings& settings, const RuleState& state, bool canary_lacks_baseline) {
  const auto any = [&](auto holds) { return std::any_of(state.hosts.begin(), state.hosts.end(), holds); };
  if (state.evidence_seconds > 0 && state.hosts.empty()) return Inconclusive::no_canary;
  if (canary_lacks_baseline) return Inconclusive::no_baseline;
  if (state.evidence_seconds <= 0 || any([](const TreatedState& host) { return host.unheard || host.silent; })) {
    return Inconclusive::no_report;
  }
  if (any([](const TreatedState& host) { return host.idle; })) return Inconclusive::no_traffic;
  if (any([](const TreatedState& host) { return host.loud || host.suspect; })) return Inconclusive::one_canary;
  if (state.controls.kept.hosts < 3) return Inconclusive::few_controls;
  if (state.controls.spread > settings.noisy_spread || state.controls.dispersion > settings.noisy_dispersion) {
    return Inconclusive::noisy_fleet;
  }
  if (any([](const TreatedState& host) { return host.unproven; })) return Inconclusive::too_few_errors;
  // Too wide to tell 1 from the bad factor even if it lay in the middle between them, or perhaps not worse at all.
  const bool wide = state.ratio_high > settings.bad * settings.bad * state.ratio_low;
  return wide || state.ratio_low <= 1 ? Inconclusive::too_few_errors : Inconclusive::in_between;
}

}  // namespace serin::judge
