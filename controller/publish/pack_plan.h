#pragma once

#include <vector>

#include "protocol/error.h"
#include "protocol/pack.h"
#include "protocol/tree_diff.h"

namespace serin::publish {

/// An entry of a pack and where its bytes are: those of object `entry.id`, told against those of `base` (nothing:
/// none).
struct PlannedEntry {
  PackEntry entry;
  ObjectId base;
  friend bool operator==(const PlannedEntry&, const PlannedEntry&) = default;
};
using PlannedGroup = std::vector<PlannedEntry>;

/// What a pack between two trees holds, group by group, within the limits of protocol/limits.h: the folders that
/// differ, from the root down, then the content of every file that has other content than the file at its path in
/// `from`, each once. A file is told against the one at its path in `from`; a new one against a file that left its path
/// and has the same content, else the same name; a large one piece by piece against that part of the old one in which
/// it should be found. `from` may be nothing. Pure; cost grows with the difference. Fails as `load` and diff_trees()
/// do.
Result<std::vector<PlannedGroup>> plan_pack(const ObjectId& from, const ObjectId& to, const TreeLoader& load);

}  // namespace serin::publish
