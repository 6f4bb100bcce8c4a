#pragma once

#include <optional>

#include "controller/publish/pack_shelf_file.h"
#include "protocol/wire.h"

namespace serin::publish {

/// Packs that go to hosts ahead of their orders (PackAhead). The last one is kept in memory, since most orders in a row
/// need the same. One thread.
class SmallPacks {
 public:
  /// The message; nothing when the pack is not made yet, cannot be, or is too large to go ahead: hosts ask for it then.
  const Frames* frames_of(PackShelf& shelf, const ObjectId& from, const ObjectId& to);

 private:
  ObjectId from_, to_;
  std::optional<Frames> frames_;  ///< nothing: this one does not go ahead
};

}  // namespace serin::publish
