#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace serin::count {

/// What is in every text that an expression fits: one of these, ascending; none: nothing is known. Of an expression
/// that RE2 takes with its default syntax, in Latin-1. What this reading does not understand it knows nothing of: a
/// rule gets slower then, never wrong. Case is kept: (?i) gives each spelling, while these are few. Of several possible
/// sets the rarest in logs is taken. Pure.
std::vector<std::string> required_literals(std::string_view expression);

/// How often such bytes come by in logs, about: the negative binary logarithm, so more is rarer. Of the rarest
/// `kWindowBytes` in a row.
double rarity(std::string_view literal);
/// Where these begin.
std::size_t rarest_window(std::string_view literal);

inline constexpr std::size_t kWindowBytes = 4;
/// Shorter literals are in too many lines to be worth looking for.
inline constexpr std::size_t kLiteralBytesMin = 3;

}  // namespace serin::count
