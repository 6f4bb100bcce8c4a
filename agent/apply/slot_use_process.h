#pragma once

#include <filesystem>
#include <string>

namespace serin::apply {

/// The process that uses something beneath this folder (cwd, executable, root, a mapping or an open file), as far as
/// /proc shows to this user: "php-fpm (pid 4711)". Empty: none is seen.
std::string process_using(const std::filesystem::path& folder);

}  // namespace serin::apply
