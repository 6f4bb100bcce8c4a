#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/clock.h"
#include "protocol/digest.h"
#include "protocol/error.h"
#include "protocol/messages.h"
#include "protocol/tree_diff.h"

/// The pure part of a build: paths, mtimes, laying paths over a tree, totals and the guard against mass deletion.
namespace serin::release {

/// A tree that some hosts run.
struct OtherBase {
  ReleaseNumber release = 0;
  ObjectId root;
  friend bool operator==(const OtherBase&, const OtherBase&) = default;
};

/// What to build: the whole staging tree, or some paths of it over a base.
struct BuildRequest {
  ApplicationName application;
  std::string source;                            ///< staging folder, absolute
  std::vector<std::string> exclude;              ///< see ExcludePatterns
  std::vector<std::string> paths;                ///< relative to the source or absolute inside it; empty: everything
  ObjectId base;                                 ///< root of the wanted release; nothing: there is none
  std::uint64_t base_files = 0, base_bytes = 0;  ///< of the whole base, as its BuildResult said
  double delete_limit_percent = 30;
  bool yes_delete = false;
  std::vector<OtherBase> others;  ///< to be compared with too
};

/// What would change where another tree is live.
struct Comparison {
  OtherBase base;
  std::vector<PathChange> changes;  ///< at most kChangesShown, see `summary` for the counts
  DiffSummary summary;
  std::string trouble;  ///< why it cannot be told; empty: it can
};

/// What came of it. The objects are in the store, durable.
struct BuildResult {
  ObjectId root;
  std::uint64_t files = 0, bytes = 0;  ///< of the whole tree; links count as files
  std::vector<PathChange> changes;     ///< against the base; at most kChangesShown, see `summary` for the counts
  DiffSummary summary;
  std::vector<Comparison> comparisons;  ///< with the request's `others`, in their order
  std::uint64_t files_read = 0;         ///< that had to be hashed: the others were known by their stat
};
inline constexpr std::size_t kChangesShown = 1'000;

/// The operator's paths as paths of the tree: "." and ".." resolved by their names alone, absolute ones without the
/// root that they stand in (any of `roots`: the source as configured and as the kernel names it), sorted, none twice
/// and none inside another. "" means the whole source. `refused` for one outside of it, an empty one, or one that
/// cannot be a path of a tree; the text names it.
Result<std::vector<std::string>> normal_paths(const std::vector<std::string>& paths,
                                              const std::vector<std::string>& roots);

/// The folder objects of a store. `load` gives `not_found` or `corrupt` by name; `store` may be given a folder again.
struct FolderStore {
  TreeLoader load;
  std::function<Result<ObjectId>(const Tree&)> store;
};

/// What the tree has at that path; nothing when it has nothing there. `path` is not "". Loads only the folders on the
/// way.
Result<std::optional<TreeEntry>> find_path(const ObjectId& root, const std::string& path, const TreeLoader& load);

/// Gives a file the mtime that the base has for that path, unless its content is another: so a touch is no change.
void keep_mtime(TreeEntry& entry, const TreeEntry* base);

/// What staging has at one path: its entry (a folder's object is stored already), or nothing when it is gone there.
struct Overlay {
  std::string path;
  std::optional<TreeEntry> entry;
};

/// The root of `base` with these paths replaced or removed. Folders on the way are made when the base lacks them; a
/// folder whose last entry is removed stays, empty. Only folders on the way to a path are loaded and stored.
/// `overlays` as normal_paths() orders them, without "". `not_found` for a path to remove that is not there; `refused`
/// when the base has a file or link where a path needs a folder, or when a folder gets too many entries.
Result<ObjectId> lay_over(const ObjectId& base, const std::vector<Overlay>& overlays, const FolderStore& store);

/// Files and bytes of a whole tree; links count as files, without bytes.
struct Totals {
  std::uint64_t files = 0, bytes = 0;
  friend bool operator==(const Totals&, const Totals&) = default;
};

/// Compares the new root with the base: changes, counts and totals (`scanned`: those of a whole scan; nothing: they
/// follow from the base's and the changes). `refused` when more than delete_limit_percent of the base's files would be
/// removed without yes_delete. files_read is left to the caller.
Result<BuildResult> conclude(const BuildRequest& request, const ObjectId& root, const std::optional<Totals>& scanned,
                             const TreeLoader& load);

}  // namespace serin::release
