#pragma once

#include <filesystem>

#include "protocol/error.h"

namespace serin::posix {

// Root who runs by hand what a service's own user runs otherwise would leave files behind that this user cannot read.

/// When this process is root and the folder is another user's, it is that user from now on (with the folder's group and
/// no other), for good. Does nothing in every other case, also when there is no such folder. Call before threads exist.
Result<void> become_owner_of(const std::filesystem::path& folder);

/// `refused`, with what to run instead, when this process is root and the folder is another user's.
Result<void> check_own_folder(const std::filesystem::path& folder, const std::string& service);

}  // namespace serin::posix
