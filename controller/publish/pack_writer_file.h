#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <vector>

#include "controller/publish/pack_plan.h"
#include "protocol/compression.h"
#include "protocol/error.h"
#include "protocol/posix/object_store.h"

namespace serin::publish {

/// Makes packs from the objects of a store, two groups or more at a time where the machine has the processors. Memory:
/// kPackContentBytesMax, kPackPrefixBytesMax and zstd's tables for each. One thread.
class PackWriter {
 public:
  /// What it writes lies in FOLDER/new.MARK until it is whole.
  PackWriter(std::filesystem::path folder, const std::string& mark, posix::ObjectReader objects);
  /// Writes FOLDER/NAME whole (see PackShelf) and gives its size. Not synced: it can be made again. `busy` when `stop`
  /// is requested, `not_found` when an object is missing, `corrupt` when the bytes of one are not its name's: the text
  /// has the object's file, its path in the tree, and what mends it. `no_space` when less than kControllerReserveBytes
  /// and some would be left on the disk.
  Result<std::uint64_t> write(const ObjectId& from, const ObjectId& to, const std::stop_token& stop);

 private:
  struct Encoder {
    Compressor compressor;
    std::string content, prefix;  ///< reused
    ObjectId wrong;               ///< what could not be read or is damaged
  };
  /// The object that comes in pieces at this moment.
  struct Pieces {
    ObjectId id;
    Sha256 hash;
  };
  Result<std::uint64_t> write_groups(int fd, const std::vector<PlannedGroup>& groups, Sha256& hash,
                                     const std::stop_token& stop);
  Result<std::string> encode(const PlannedGroup& group, Encoder& encoder) const;
  [[nodiscard]] Result<Tree> load(const ObjectId& id) const;
  [[nodiscard]] Error explain(const Error& error, const ObjectId& from, const ObjectId& to) const;
  [[nodiscard]] Result<void> check(const ObjectId& named, const ObjectId& hashed) const;
  Result<void> check_piece(const PlannedGroup& group, std::string_view content, Pieces& pieces) const;

  std::filesystem::path folder_, temporary_;
  posix::ObjectReader objects_;
  std::vector<Encoder> encoders_;
  ObjectId wrong_;  ///< of the last write
};

}  // namespace serin::publish
