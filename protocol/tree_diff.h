#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/limits.h"
#include "protocol/tree.h"

namespace serin {

/// One path that differs. `before` is absent when it was added, `after` when it was removed. Folders are reported
/// when they appear, disappear or change kind; a folder whose entries alone changed is not.
struct PathChange {
  std::string path;  ///< relative to the root, '/' between names
  std::optional<TreeEntry> before;
  std::optional<TreeEntry> after;
  friend bool operator==(const PathChange&, const PathChange&) = default;
};

/// Gives the folder with this id; an error ends the comparison.
using TreeLoader = std::function<Result<Tree>(const ObjectId&)>;

/// All paths in which two trees differ, name by name in byte order, a folder before what it holds. A removed folder is
/// followed by everything that it held. Subtrees with equal ids are never loaded, so the cost grows with the change.
/// `from` and `to` may be nothing (an empty tree). Every path passes check_path. Fails as the loader fails, and
/// `refused` where a path would not pass, or past `changes_max` paths.
Result<std::vector<PathChange>> diff_trees(const ObjectId& from, const ObjectId& to, const TreeLoader& load,
                                           std::size_t changes_max = limits::kTreeEntriesMax);

/// Counts for people: "3 changed, 1 added, 0 removed, 12.4 kB".
struct DiffSummary {
  std::uint64_t added = 0, changed = 0, removed = 0, bytes = 0;  ///< files and links; bytes of the new contents
  friend bool operator==(const DiffSummary&, const DiffSummary&) = default;
};
DiffSummary summarize(const std::vector<PathChange>& changes);

}  // namespace serin
