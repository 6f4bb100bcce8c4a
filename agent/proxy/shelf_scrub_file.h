#pragma once

#include <cstdint>
#include <thread>

#include "agent/proxy/content_shelf_file.h"
#include "protocol/clock.h"

namespace serin::proxy {

/// Hashes what lies on the shelf in threads of its own, at idle priority, round after round: a byte that a disk has
/// turned is served no longer than until the next one. How much is read does not depend on what anybody asks for.
/// `shelf` outlives it.
class ShelfScrub {
 public:
  struct Terms {
    std::uint64_t bytes_per_s = 0;  ///< read at most; 0: it does nothing
    Duration every{};               ///< from the end of a round to the beginning of the next, the first one too
  };
  ShelfScrub(ContentShelf& shelf, const Terms& terms);

 private:
  std::jthread thread_;
};

}  // namespace serin::proxy
