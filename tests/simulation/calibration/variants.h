#pragma once

#include <array>
#include <string>
#include <string_view>

#include "controller/judge/sequential_settings.h"

namespace serin::calibration {

/// Settings of the sequential judge that are compared with each other: "default", and "specified": judge.md alone.
/// Either may be followed by settings by name: "default+storm_rise=2+fail_odds=50".
inline constexpr std::array<std::string_view, 2> kVariants{"default", "specified"};

/// Throws std::invalid_argument, saying what is wrong.
judge::SequentialSettings settings_of(const std::string& variant);

}  // namespace serin::calibration
