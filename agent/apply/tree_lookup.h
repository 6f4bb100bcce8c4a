#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/tree.h"
#include "protocol/tree_diff.h"

namespace serin::apply {

/// Finds the entries of one tree by their paths. Keeps the folders on the way to the last path, so that paths asked for
/// in order load each folder once; memory is one folder for each level. Pure; one thread. `load` outlives it.
class TreeLookup {
 public:
  /// `root` may be nothing: an empty tree.
  TreeLookup(const ObjectId& root, const TreeLoader& load);

  /// The entry at this path; nullptr when there is none or a folder on the way cannot be loaded. Valid until the next
  /// call.
  const TreeEntry* find(const std::string& path);

 private:
  struct Level {
    std::string path;  ///< of the folder, with a '/' at its end; empty: the root
    Tree tree;
  };
  /// The entry of this name in the last level.
  const TreeEntry* entry(std::string_view name) const { return find_entry(levels_.back().tree, name); }

  const TreeLoader& load_;
  std::vector<Level> levels_;
};

}  // namespace serin::apply
