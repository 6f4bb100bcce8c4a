#pragma once

#include <optional>

#include "controller/publish/pack_shelf_file.h"
#include "protocol/clock.h"
#include "protocol/messages.h"

namespace serin::publish {

/// Packs that go to hosts ahead of their orders (PackAhead). The last one is kept in memory, since most orders in a row
/// need the same. One thread.
class SmallPacks {
 public:
  /// The message; nothing when the pack is not made yet, cannot be, or is too large to go ahead: hosts ask for it then.
  /// Waits 10 ms for one that is being made, at most once a second: the orders of a deployment come right after it was
  /// begun. Valid until the next call.
  const PackAhead* find(PackShelf& shelf, const ObjectId& from, const ObjectId& to);

 private:
  Result<posix::OpenedContent> open(PackShelf& shelf, const ObjectId& from, const ObjectId& to);

  ObjectId from_, to_;
  std::optional<PackAhead> pack_;  ///< nothing: this one does not go ahead
  std::optional<SteadyTime> waited_at_;
};

}  // namespace serin::publish
