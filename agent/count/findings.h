#pragma once

#include <cstdint>
#include <vector>

namespace serin::count {

/// What some text of one application's sources added up to. Plain sums.
struct Findings {
  std::uint64_t lines = 0;             ///< of all kinds, errors among them; not those of access logs
  std::uint64_t requests = 0;          ///< lines of access logs
  std::uint64_t errors = 0;            ///< events that some rule fits; an event of several lines is one
  std::uint64_t long_lines = 0;        ///< matched on their first limits::kLineBytesMatched bytes only
  std::uint64_t unparsed = 0;          ///< lines that should have been JSON and were not
  std::vector<std::uint64_t> by_rule;  ///< events by rule, in the order of SourceMatcher::rule_names(); may be shorter
  friend bool operator==(const Findings&, const Findings&) = default;
};

}  // namespace serin::count
