#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/apply/applier_process.h"
#include "agent/apply/slot_dir.h"
#include "protocol/release.h"
#include "protocol/verify_messages.h"

namespace serin::apply {

/// Pulls these files of `release` into the slots, whatever the live tree holds, and every folder's object of it that
/// the slots lack; verified.
using MendPull = std::function<Result<PullResult>(const Release& release, const std::set<ObjectId>& files,
                                                  SlotDir& slots, const std::stop_token& stop)>;

/// What a live tree was found to lack.
struct MendJob {
  Release release;            ///< that is live
  std::vector<Drift> drifts;  ///< in the order of a walk
  MendPull pull;
};

struct MendResult {
  std::vector<Drift> drifts;  ///< as they were given, each mended or not
  std::uint64_t mended = 0;
  std::string trouble;  ///< the first reason why one was not; empty: all were
};

/// Brings the live slot back to its release in these paths. Wrong bytes are pulled again by their hash; a file is never
/// written into and no mode or time of an inode is changed, since other slots link it: a new file takes its place by
/// rename, in the live slot and in every other tree that has the damaged one at this path. Extra names are removed. New
/// files and touched folders are durable when it returns. Stops between two paths. One thread, the slots' own.
MendResult mend_tree(SlotDir& slots, const MendJob& job, const std::stop_token& stop);

}  // namespace serin::apply
