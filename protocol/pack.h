#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/compression.h"
#include "protocol/digest.h"
#include "protocol/error.h"

/// A pack: the objects that one tree needs over another, made once and sent to all hosts. Nothing of it is believed:
/// every object that it yields is hashed against its name, and its name stands in the signed release's tree. Pure.
///
/// Layout, integers little-endian: the 8 bytes "serinpk1", 32 bytes root of the tree that the host has (zero: none), 32
/// bytes root of the one that it needs; then groups; then a group head of zeros. Nothing may follow.
/// A group: the head of five u32 (bytes of the entries, of the entries compressed, of the prefix, of the content, of
/// the content compressed), the entries as a zstd frame, the content as a zstd frame with the prefix before it.
/// An entry: u8 kind (1 folder, 2 file), 32 bytes id, u64 bytes of the whole object, u64 offset, u32 bytes from there
/// on that are here, u64 offset and u32 bytes of its part of the prefix, u16 length of base path, base path.
/// Content and prefix are those of the entries one after the other. The prefix is taken from the host's tree at the
/// base path: the content of that file, or the object of that folder. Folders come first, each after the one that
/// holds it; an object that is larger than a group comes in order of its offsets, group after group.
namespace serin {

struct PackEntry {
  bool is_folder = false;
  ObjectId id;
  std::uint64_t object_bytes = 0;
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
  std::uint64_t base_offset = 0;
  std::uint32_t base_bytes = 0;  ///< 0: it has no base
  std::string base_path;         ///< "" is the root
  friend bool operator==(const PackEntry&, const PackEntry&) = default;
};
using PackEntries = std::vector<PackEntry>;

/// What a pack is asked for by, where an object is by its id.
ObjectId pack_name(const ObjectId& from, const ObjectId& to);

/// How far a pack was unpacked: everything of that edition before this offset, where a group begins.
struct PackMark {
  std::uint64_t edition = 0;
  std::uint64_t offset = 0;
  ObjectId growing;                 ///< a file of which only the first pieces were before it; nothing: none
  std::uint64_t growing_bytes = 0;  ///< of these
  friend bool operator==(const PackMark&, const PackMark&) = default;
};

/// The sums that a group's head tells.
std::uint64_t content_bytes(const PackEntries& entries);
std::uint64_t prefix_bytes(const PackEntries& entries);

// ---- writing ----
std::string encode_pack_start(const ObjectId& from, const ObjectId& to);
/// Precondition: within limits::kPackContentBytesMax, kPackPrefixBytesMax and kPackEntriesOfGroup, and the sizes fit.
std::string encode_pack_group(const PackEntries& entries, std::string_view content, std::string_view prefix,
                              Compressor& compressor);
std::string encode_pack_end();

// ---- reading ----
/// Cuts arriving bytes into groups. Holds at most one group, which limits bound. Single-threaded.
class PackReader {
 public:
  /// `at`: 0, or where a group of the same pack began for an earlier reader.
  PackReader(ObjectId from, ObjectId to, std::uint64_t at = 0);

  struct Group {
    PackEntries entries;
    std::string_view frame;  ///< of the content; valid until the next call
    std::uint64_t start = 0;
  };
  void feed(std::string_view bytes) { waiting_ += bytes; }
  /// The next group once it is whole; nothing while it is not, and after the end. `corrupt` for what no writer makes,
  /// after which the reader is over.
  Result<std::optional<Group>> next();
  /// The end was read and nothing came after it.
  [[nodiscard]] bool ended() const { return ended_ && waiting_.size() == taken_; }

 private:
  Result<bool> read_start();

  ObjectId from_, to_;
  std::string waiting_;
  std::size_t taken_ = 0;  ///< of waiting_
  std::uint64_t at_ = 0;   ///< where taken_ is in the pack
  bool started_ = false, ended_ = false;
  Decompressor decompressor_;
  std::string entries_;
};

}  // namespace serin
