#pragma once

#include <filesystem>
#include <string>

#include "protocol/error.h"

namespace serin::apply {

/// `refused`, with the path and the remedy, unless the live path is absent, a link to a folder beneath `slots_dir`, or
/// a real folder: its parent is missing, it is a mount point, a file, a link to nothing, or a link to elsewhere.
Result<void> check_live_path(const std::filesystem::path& live, const std::filesystem::path& slots_dir);

/// The slot that it points to; kAdoptedSlot when it is a real folder; empty when nothing is there.
Result<std::string> live_slot_of(const std::filesystem::path& live, const std::filesystem::path& slots_dir);

/// Points it at the slot: a new link under another name, renamed over it; durable when it returns. Readers see the old
/// tree or the new one.
Result<void> point_live_path(const std::filesystem::path& live, const std::filesystem::path& slot);

/// Where a real folder at the live path goes when a release takes its place: beside it, so that relative links in it go
/// on leading where they led.
std::filesystem::path adopted_path(const std::filesystem::path& live);
/// Removes what a crash within an exchange left there: a link to a slot.
Result<void> clear_adopted_path(const std::filesystem::path& live, const std::filesystem::path& slots_dir);
/// `refused`, with the remedy, when something is there.
Result<void> check_adopted_is_free(const std::filesystem::path& live);

/// Exchanges the real folder at the live path with a link to the slot, in one step, and the way back; durable when they
/// return. `refused` where the filesystem cannot do that; nothing is changed then. Readers see one tree or the other.
Result<void> adopt_live_path(const std::filesystem::path& live, const std::filesystem::path& slot);
Result<void> restore_live_path(const std::filesystem::path& live);

}  // namespace serin::apply
