#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "protocol/clock.h"
#include "protocol/digest.h"
#include "protocol/error.h"
#include "protocol/messages.h"
#include "protocol/tree_diff.h"

namespace serin::release {

/// What to build: the whole staging tree, or some paths of it over a base.
struct BuildRequest {
  ApplicationName application;
  std::string source;  ///< staging folder, absolute
  std::vector<std::string> exclude;
  std::vector<std::string> paths;  ///< relative to the source or absolute inside it; empty: everything
  ObjectId base;                   ///< root of the wanted release; nothing: there is none
  double delete_limit_percent = 30;
  bool yes_delete = false;
};

/// What came of it. The objects are in the store, durable.
struct BuildResult {
  ObjectId root;
  std::uint64_t files = 0, bytes = 0;  ///< of the whole tree
  std::vector<PathChange> changes;     ///< against the base; at most kChangesShown, see `summary` for the counts
  DiffSummary summary;
  std::uint64_t files_read = 0;  ///< that had to be hashed: the others were known by their stat
};
inline constexpr std::size_t kChangesShown = 1'000;

}  // namespace serin::release
