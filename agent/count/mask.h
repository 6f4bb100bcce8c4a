#pragma once

#include <cstddef>
#include <string_view>

namespace serin::count {

/// One part of an event's text, normalised as signature.h says. Writes at most kMaskGrowth bytes for each byte of
/// `text` to `out`, and stops at the first blank after `enough` bytes; returns how many it wrote. Linear in the text.
/// Pure.
std::size_t mask(std::string_view text, char* out, std::size_t enough);

inline constexpr std::size_t kMaskGrowth = 3;  ///< "1 2" is "<#> <#>"

}  // namespace serin::count
