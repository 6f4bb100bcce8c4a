#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>

#include "controller/release/collector.h"
#include "protocol/error.h"
#include "protocol/posix/object_store.h"

namespace serin::release {

/// Nothing that was stored less than this ago goes: its release may not be known yet.
inline constexpr std::int64_t kObjectsKept_s = 3'600;

/// Removes from the store what none of the roots reaches and what is older than kObjectsKept_s at `wall_s`. What is
/// reached is found out here, before anything is removed: when a folder's object of a kept release cannot be read,
/// nothing is (its error names it). An object is unlinked while readers may have it open: they go on; who opens it
/// later finds `not_found`. May be ended anywhere, also by a crash: what is left goes the next time. `busy` when it was
/// stopped. The writer's own thread.
Result<CollectResult> collect_objects(posix::ObjectWriter& objects, const CollectRequest& request, std::int64_t wall_s,
                                      const std::stop_token& stop);

}  // namespace serin::release
