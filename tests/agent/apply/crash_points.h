#pragma once

#include <cstdint>
#include <functional>

namespace serin::crash {

/// Runs this in a child that is killed (SIGKILL) just before its `point`-th change of a disk: the program that links
/// crash_points.cc counts its calls of write, rename, link, unlink, mkdir, symlink and fsync, and those of their kin.
/// 0: is never killed. True when it was killed, false when it ended by itself; throws when it failed.
bool killed_at(std::uint64_t point, const std::function<void()>& function);

}  // namespace serin::crash
