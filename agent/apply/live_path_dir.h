#pragma once

#include <filesystem>
#include <string>

#include "protocol/error.h"

namespace serin::apply {

/// `refused`, with the path and the remedy, unless the live path is absent or a link to a folder beneath `slots_dir`:
/// its parent is missing, it is a mount point, a real folder or file, a link to nothing, or a link to elsewhere.
Result<void> check_live_path(const std::filesystem::path& live, const std::filesystem::path& slots_dir);

/// The slot that it points to; empty when there is no link.
Result<std::string> live_slot_of(const std::filesystem::path& live, const std::filesystem::path& slots_dir);

/// Points it at the slot: a new link under another name, renamed over it; durable when it returns. Readers see the old
/// tree or the new one.
Result<void> point_live_path(const std::filesystem::path& live, const std::filesystem::path& slot);

}  // namespace serin::apply
