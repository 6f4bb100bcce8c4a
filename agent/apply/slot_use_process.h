#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "protocol/host_status.h"

namespace serin::apply {

/// For each name in this folder a process that uses something beneath it (cwd, executable, root, a mapping or an open
/// file), as far as /proc shows to this user. One walk over all processes, whatever the number of names.
std::map<std::string, SlotUse> slots_in_use(const std::filesystem::path& slots_dir);

}  // namespace serin::apply
