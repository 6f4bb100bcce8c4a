#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "agent/agent_config.h"
#include "protocol/error.h"

namespace serin::count {

/// Says which lines are errors. RE2: linear in the line's length whatever the rule and the line; bytes are Latin-1, so
/// that any byte is one character. One automaton of all rules looks at every line, each rule for itself only at the
/// lines that this one hits. Memory is bounded for all rules together; when an automaton does not fit, matching gets
/// slower, never wrong. Writes nothing to stderr. Pure; single-threaded.
class LineMatcher {
 public:
  /// `invalid`: RE2 cannot take a rule; the text names the rule, "match" or "unless", and RE2's reason. No rules: no
  /// line is an error.
  static Result<LineMatcher> compile(const std::vector<agent::RuleSettings>& rules);
  LineMatcher(LineMatcher&&) noexcept;
  LineMatcher& operator=(LineMatcher&&) noexcept;
  ~LineMatcher();

  /// True when some rule's `match` is found in the line and that rule's `unless` is not.
  [[nodiscard]] bool is_error(std::string_view line) const;

 private:
  struct Parts;
  explicit LineMatcher(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::count
