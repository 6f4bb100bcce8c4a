#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controller/judge/fixed_settings.h"
#include "controller/judge/sequential_settings.h"
#include "protocol/error.h"

namespace serin::judge {

/// Which judge, and both judges' numbers.
struct JudgeSettings {
  JudgeKind kind = JudgeKind::sequential;
  SequentialSettings sequential;
  FixedJudgeSettings fixed;
  friend bool operator==(const JudgeSettings&, const JudgeSettings&) = default;
};

/// "horizon=90s", "tolerated=1.25", "threshold=5": sets one number of the judge that is chosen. Whole seconds may be
/// written without their unit. `invalid` names the key, what is wrong and what would be right.
Result<void> set_by_name(JudgeSettings& settings, std::string_view assignment);

/// What of these is not as by default, as set_by_name() takes it; without `horizon` and `settle`, which each deployment
/// has of its own; likewise without `wait`.
std::vector<std::string> changed_settings(const SequentialSettings& settings);
std::vector<std::string> changed_settings(const FixedJudgeSettings& settings);

/// The keys that set_by_name() knows for this judge.
std::vector<std::string> setting_names(JudgeKind kind);

}  // namespace serin::judge
