#pragma once

#include <array>
#include <string_view>

#include "tests/simulation/calibration/generator.h"

namespace serin::calibration {

/// The rules that others use or propose, each with its source in judge.md, section 1.
inline constexpr std::array<std::string_view, 11> kPeers{"scap16", "scap17", "scap22", "scapNow", "kay20", "kay60",
                                                         "kayPk",  "argo",   "bin20",  "binPk",   "LM"};

/// Which of them would have failed this release, in the order of kPeers. Pure; at least 60 s after.
std::array<bool, kPeers.size()> ask_peers(const Recording& recording);

}  // namespace serin::calibration
