#pragma once

#include <set>
#include <stop_token>
#include <string>

#include "agent/apply/applier_process.h"
#include "agent/apply/slot_dir.h"
#include "protocol/posix/link_socket.h"

namespace serin::pull {

/// Where objects come from.
struct Source {
  std::string endpoint;    ///< "tcp://10.0.0.1:4701"
  std::string server_key;  ///< 32 raw bytes
};

/// Pulls what `release` needs and the slots lack from `source`: first folders, from the root down, then files; at most
/// limits::kCreditBytes outstanding; each object is hashed as it arrives and refused (`corrupt`) when it is not what
/// its id says. Blocks; give it a worker thread. `busy`: the source did not answer for 10 s, `not_found`: it lacks an
/// object.
Result<apply::PullResult> pull_release(posix::LinkContext& context, const posix::CurveKeys& keys, const Source& source,
                                       const Release& release, apply::SlotDir& slots, const std::stop_token& stop);

/// The same for these files alone, whatever the live tree holds, and for folders' objects that the slots lack: what
/// mending a damaged tree needs.
Result<apply::PullResult> pull_objects(posix::LinkContext& context, const posix::CurveKeys& keys, const Source& source,
                                       const Release& release, const std::set<ObjectId>& files, apply::SlotDir& slots,
                                       const std::stop_token& stop);

}  // namespace serin::pull
