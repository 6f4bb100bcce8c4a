#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/agent_config.h"
#include "protocol/error.h"

namespace serin::count {

/// Some rules of one source: bit i is the i-th.
using RuleBits = std::uint64_t;

/// What cannot be in one rule.
struct RuleMistake {
  std::string key;     ///< of the rule's table, such as "match"
  std::string wrong;   ///< names the rule, the expression and the column
  std::string remedy;  ///< what would be right
};
/// Nothing: the rule is good.
std::optional<RuleMistake> mistake_in(const agent::RuleSettings& rule);
/// The same for a source's `record_start`.
std::optional<RuleMistake> mistake_in_record_start(const std::string& expression);

/// The expression as RE2 must be given it. RE2 up to 2022-06-01 (Debian 12) looks for what an expression begins with in
/// UTF-8 though it reads Latin-1, when it has put that together from alternatives: "é|é?" finds nothing then. An empty
/// group in front keeps it from looking.
std::string for_re2(const std::string& expression);

/// Bytes that a line holds when it fits some rules: one of all that a rule has is in each of its lines.
struct RuleLiteral {
  std::string text;
  RuleBits rules = 0;
};

/// What a line says of the rules.
struct LineVerdict {
  RuleBits rules = 0;        ///< those that it fits
  bool json = false;         ///< it is JSON, in a set with JSON rules: a record of its own
  bool unparsed = false;     ///< it should have been JSON and was not
  std::string_view message;  ///< what names the error; valid until the next look
};

/// Says which rules a line fits. RE2: linear in the line's length whatever the rule and the line; bytes are Latin-1, so
/// that any byte is one character. Memory is bounded for all rules together; when an automaton does not fit, matching
/// gets slower, never wrong. A set with JSON rules shows a line that is JSON to these alone, any other to the others.
/// Writes nothing to stderr. Pure; single-threaded.
class RuleSet {
 public:
  /// For the programs and automata of all rules of an application: its sources share it.
  static constexpr std::int64_t kMemoryMax = 4 << 20;
  /// `invalid`: a rule that cannot be; the text names it. At most limits::kRulesPerSourceMax. `memory_max`: bytes for
  /// all of them, as far as a rule can do with its share.
  static Result<RuleSet> compile(const std::vector<agent::RuleSettings>& rules, std::int64_t memory_max = kMemoryMax);
  RuleSet(RuleSet&&) noexcept;
  RuleSet& operator=(RuleSet&&) noexcept;
  ~RuleSet();

  /// Which of the rules `of` the line fits, without its newline; those of every_line() are looked at in any case.
  [[nodiscard]] LineVerdict look(std::string_view line, RuleBits of) const;

  /// Rules that say nothing about the bytes of their lines: they must be asked for each.
  [[nodiscard]] RuleBits every_line() const;
  /// Those of every_line() that run an expression each time: slow.
  [[nodiscard]] RuleBits slow() const;
  /// For all other rules.
  [[nodiscard]] const std::vector<RuleLiteral>& literals() const;

 private:
  struct Parts;
  explicit RuleSet(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::count
