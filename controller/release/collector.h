#pragma once

#include <cstdint>
#include <vector>

#include "protocol/digest.h"

namespace serin::release {

/// Objects that nobody needs any more go. See collector_dir.h.
struct CollectRequest {
  std::vector<ObjectId> roots;  ///< of the releases that are kept: whatever they reach stays
  bool dry_run = false;         ///< only count
};
struct CollectResult {
  std::uint64_t objects = 0, bytes = 0;  ///< that went, or would go
  std::uint64_t objects_kept = 0;
  friend bool operator==(const CollectResult&, const CollectResult&) = default;
};

}  // namespace serin::release
