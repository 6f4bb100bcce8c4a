#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/count/source_matcher.h"

namespace serin::count {

inline agent::RuleSettings text_rule(std::string name, std::string match, std::string unless = "") {
  return {.name = std::move(name), .match = std::move(match), .unless = std::move(unless)};
}

inline SourceMatcher matcher_for(const agent::SourceSettings& source, std::vector<agent::RuleSettings> rules) {
  agent::ApplicationSettings application;
  application.rules = std::move(rules);
  auto matcher = SourceMatcher::compile(source, application);
  EXPECT_TRUE(matcher) << (matcher ? "" : matcher.error().text);
  return std::move(*matcher);
}

/// What a text counts as, and how often each message comes, as "rule: text".
struct Counted {
  Findings found;
  std::map<std::string, unsigned> messages;
  friend bool operator==(const Counted&, const Counted&) = default;
};

inline constexpr SteadyTime kNow{std::chrono::seconds{1'000}};

/// In memory that is overwritten after each piece of `step` bytes; then the end has come.
inline Counted count_in_steps(const SourceMatcher& matcher, std::string_view text, std::size_t step) {
  Counted all;
  TextState state;
  SignatureTable signatures;
  std::string buffer;
  for (std::size_t at = 0; at < text.size(); at += step) {
    buffer = text.substr(at, step);
    matcher.take(state, buffer, kNow, all.found, signatures);
    std::ranges::fill(buffer, '#');
  }
  matcher.finish(state, kNow, all.found, signatures);
  for (const auto& count : signatures.take()) {
    if (const auto* known = signatures.find(count.id)) all.messages[known->rule + ": " + known->text] += count.count;
  }
  return all;
}

inline Counted count_all(const SourceMatcher& matcher, std::string_view text) {
  return count_in_steps(matcher, text, std::max<std::size_t>(1, text.size()));
}

/// In pieces of every size that may matter; all must be equal.
inline Counted count_in_any_steps(const SourceMatcher& matcher, std::string_view text) {
  const auto whole = count_all(matcher, text);
  for (const std::size_t step : {1UL, 2UL, 3UL, 7UL, 64UL, 1'000UL, 4'096UL, 65'536UL}) {
    if (step >= text.size()) break;
    EXPECT_EQ(count_in_steps(matcher, text, step), whole) << "in steps of " << step;
  }
  return whole;
}

inline std::ostream& operator<<(std::ostream& out, const Counted& counted) {
  const auto& found = counted.found;
  out << found.lines << " lines, " << found.requests << " requests, " << found.errors << " errors, " << found.long_lines
      << " long, " << found.unparsed << " unparsed, by rule:";
  for (const auto count : found.by_rule) out << ' ' << count;
  for (const auto& [text, count] : counted.messages) out << "\n  " << count << " x " << text;
  return out;
}

}  // namespace serin::count
