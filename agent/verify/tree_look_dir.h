#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/verify/drift_list.h"
#include "protocol/error.h"
#include "protocol/tree_diff.h"

namespace serin::drift {

/// A look at one whole tree, or the rest of one.
struct LookOptions {
  std::filesystem::path folder;
  ObjectId root;
  TreeLoader load;                ///< of folders' objects; one that it cannot give is `changed`, see TreeLook
  std::vector<std::string> kept;  ///< paths that the host has of its own there: see is_kept
  std::string after;              ///< go on behind this path; empty: from the beginning
  std::uint64_t bytes_per_s = 0;  ///< read at most; an entry costs kTreeLookBytesPerFile more; 0: no bound
};

/// What was seen so far.
struct TreeLook {
  DriftList drifts;
  std::uint64_t files = 0, bytes = 0;  ///< looked at; links count as files
  std::string last;                    ///< path that was looked at last
  bool unread_folders = false;         ///< a folder's object is damaged: the folder is listed as changed, what it
                                       ///< holds was not looked at
};

/// Compares a tree on disk with its release: every name, kind, mode, mtime and byte. Only reads. No name is followed
/// out of the folder or through a link. Pages that were not in the page cache before are given back after they were
/// read (they are seldom read again, and others' pages would go for them); bytes that are in the cache are looked at
/// there, so that a bad sector beneath them shows when they leave it. `busy` when it was stopped: `look` has what was
/// seen. Other errors: the folder or a file in it cannot be read. `on_progress` is called after each file and each 256
/// KiB. Blocks, sleeping between reads for its rate: run it in a worker.
Result<void> look_at_tree(const LookOptions& options, TreeLook& look,
                          const std::function<void(const TreeLook&)>& on_progress, const std::stop_token& stop);

}  // namespace serin::drift
