#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

#include "protocol/error.h"
#include "protocol/tree_diff.h"

namespace serin::apply {

/// Files of a folder that a release does not know by their path, whatever they hold.
struct StrayFiles {
  std::uint64_t count = 0;  ///< files, links and whatever else is no folder
  std::string text;         ///< the first few, safe for a terminal: "a, lib/b and 3 more", "cache/ (1200 files)"
};

/// Compares the folder with the tree of this root (nothing: an empty one), but for the paths in `kept` and what lies
/// beneath them. No link is followed. An error when a part of the folder cannot be read.
Result<StrayFiles> find_stray_files(const std::filesystem::path& folder, const ObjectId& root, const TreeLoader& load,
                                    const std::set<std::string>& kept);

}  // namespace serin::apply
