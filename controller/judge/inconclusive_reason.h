#pragma once

#include <string_view>

#include "controller/judge/sequential_rule.h"

namespace serin::judge {

/// Why there is no answer at the horizon; the first that holds.
enum class Inconclusive : std::uint8_t {
  no_canary,       ///< there is none to judge by
  no_baseline,     ///< a canary has too few trusted seconds
  no_report,       ///< a canary was unseen in a quarter of the seconds, or is silent now
  no_traffic,      ///< a canary had less than traffic_min of its usual traffic
  one_canary,      ///< a canary is loud or suspect
  few_controls,    ///< fewer than three
  noisy_fleet,     ///< spread above noisy_spread or dispersion above noisy_dispersion
  too_few_errors,  ///< the ratio's interval is too wide, or holds 1
  in_between,      ///< surely worse, but not surely bad
};
/// As in a verdict's reason: "no-canary", ...
std::string_view name_of(Inconclusive reason);

/// After at least one evidence second; with none, no_report.
Inconclusive reason_of(const SequentialSettings& settings, const RuleState& state, bool canary_lacks_baseline);

}  // namespace serin::judge
