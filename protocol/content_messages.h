#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/digest.h"

/// What is said on the content socket: objects by hash and packs between trees, nothing else. See messages.h.
namespace serin {

/// Asks for part of an object, or of a pack. What a puller has outstanding never exceeds limits::kCreditBytes.
struct GetObject {
  ObjectId object;  ///< of a pack: pack_name(pack_from, pack_to)
  std::uint64_t offset = 0;
  std::uint32_t length = 0;  ///< at most limits::kChunkBytes
  ObjectId pack_from;        ///< root of the tree that the host has; nothing: none
  ObjectId pack_to;          ///< root of the one that it needs; nothing: this asks for an object
  [[nodiscard]] bool is_pack() const { return !pack_to.is_nothing(); }
  friend bool operator==(const GetObject&, const GetObject&) = default;
};
/// The bytes follow as a third frame.
struct ObjectPart {
  ObjectId object;
  std::uint64_t offset = 0;
  std::uint64_t object_bytes = 0;  ///< of the whole object or pack
  std::uint64_t edition = 0;       ///< of a pack: parts of one edition fit together; 0 for objects
  friend bool operator==(const ObjectPart&, const ObjectPart&) = default;
};
/// Controller to agent, on the orders socket before an order that needs it: a whole pack that is smaller than asking
/// for it would be. At most limits::kPackAheadBytesMax.
struct PackAhead {
  ObjectId from, to;  ///< roots, as in GetObject
  std::uint64_t edition = 0;
  std::string bytes;
  friend bool operator==(const PackAhead&, const PackAhead&) = default;
};
enum class RefusalReason : std::uint8_t { unknown, absent, busy, invalid };
std::string_view name_of(RefusalReason reason);
struct ObjectRefused {
  ObjectId object;
  std::uint64_t offset = 0;
  RefusalReason reason = RefusalReason::unknown;
  std::uint32_t retry_ms = 0;
  friend bool operator==(const ObjectRefused&, const ObjectRefused&) = default;
};

}  // namespace serin
