#pragma once

#include <cstdint>
#include <string>

namespace serin::simulation {

/// Tells the story of one seed: a fleet of some size and settings, a first release, a second one of some kind under
/// some weather, faults and operators, then peace, and a third one that must go out. Everything is checked on the way
/// and at the end. Gives what went wrong, with all that a reader needs; empty: every promise was kept.
std::string tell_story(std::uint64_t seed);

}  // namespace serin::simulation
