#pragma once

#include <cstdint>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/apply/applier_process.h"
#include "agent/apply/slot_dir.h"
#include "agent/pull/source_choice.h"
#include "protocol/posix/link_socket.h"

namespace serin::pull {

struct PullTerms {
  std::uint64_t bytes_per_s = 0;     ///< no more are asked for; 0: no bound
  const PackAhead* ahead = nullptr;  ///< a pack that is here already; what it brings needs no source
};

/// Pulls what `release` needs and the slots lack: the pack over the live tree where the source has it, then object by
/// object what is still missing; at most limits::kCreditBytes outstanding; each object is hashed and refused when it is
/// not what its id says. A proxy that is dead, slow, lacks something or lies is dropped from `sources` and the next one
/// asked; the controller is dialled again when its connection ends or it falls silent, until nothing new has come for a
/// minute. What one source brought is not asked for again, also after this call, however it ends. Blocks; give it a
/// worker thread. Errors, the controller's: `busy`: no answer, or `stop` was requested; `not_found`: it lacks an
/// object; `corrupt`: it lies.
Result<apply::PullResult> pull_release(posix::LinkContext& context, const posix::CurveKeys& keys, SourceChoice& sources,
                                       const Release& release, apply::SlotDir& slots, const PullTerms& terms,
                                       const std::stop_token& stop);

/// The same for these files alone, whatever the live tree holds, and for folders' objects that the slots lack: what
/// mending a damaged tree needs.
Result<apply::PullResult> pull_objects(posix::LinkContext& context, const posix::CurveKeys& keys, SourceChoice& sources,
                                       const Release& release, const std::set<ObjectId>& files, apply::SlotDir& slots,
                                       const std::stop_token& stop);

}  // namespace serin::pull
