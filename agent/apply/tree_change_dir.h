#pragma once

#include <filesystem>
#include <vector>

#include "agent/agent_config.h"
#include "agent/apply/kept_paths_dir.h"
#include "agent/apply/object_shelf_dir.h"
#include "protocol/digest.h"
#include "protocol/error.h"

namespace serin::apply {

/// Where the files of a tree come from.
struct TreeSources {
  ObjectShelf& shelf;             ///< folders' objects, and files that were pulled: those move into the tree
  std::filesystem::path scratch;  ///< a folder on the same filesystem
  std::filesystem::path live;  ///< a whole tree whose files are shared path by path; ignored when its root is nothing
  ObjectId live_root;
  agent::Share share = agent::Share::automatic;
  const std::vector<KeptLink>& kept;  ///< links that every tree has beside its release; borrowed
};

/// Turns the tree in `folder` (the one of root `from`, nothing for an empty folder) into that of root `to`, with
/// the links to what is kept in both, at the cost of the paths that differ; durable when it returns, but for the
/// folders' objects. After an error `folder` is rubbish. `corrupt` or `not_found`: an object that the host should have
/// is missing, or its bytes are others.
Result<void> change_tree(const std::filesystem::path& folder, const ObjectId& from, const ObjectId& to,
                         const TreeSources& sources);

}  // namespace serin::apply
