#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "agent/apply/slot_dir.h"
#include "agent/pull/pull_session.h"
#include "protocol/compression.h"
#include "protocol/pack.h"

namespace serin::pull {

/// Turns a pack's bytes into the objects that a session wants, on the disk. What the host has already is not even
/// decompressed; what does not become the object that its name says (a damaged pack, a file of the live tree that
/// somebody changed) is left to the session, which asks for it by its name. One thread; `session` and `slots` outlive
/// it. A large file goes on at the piece where an earlier pull's mark stands. Memory: one group with its prefix, about
/// kPackContentBytesMax + kPackPrefixBytesMax + kPackFrameBytesMax, and folders' objects that are larger than a group.
class Unpacker {
 public:
  /// `on_folders_known`: called before the first file, to look for space.
  Unpacker(PullSession& session, apply::SlotDir& slots, ObjectId to, PackMark mark,
           std::function<Result<void>()> on_folders_known, std::stop_token stop);
  ~Unpacker();  ///< a half written file goes, unless the mark tells of it
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  /// The next bytes of the pack. Errors are the host's own (disk full, a release that breaks a bound), and `busy` when
  /// `stop` is requested. A pack that is none is given up: the session goes on without.
  Result<void> append(const AppendPack& part);
  [[nodiscard]] std::uint64_t objects() const { return objects_; }
  /// Groups or objects that did not become what their names say.
  [[nodiscard]] std::uint64_t unfit() const { return unfit_; }
  /// What came is no pack: whoever sent it lies, whatever this host has.
  [[nodiscard]] bool is_no_pack() const { return no_pack_; }

 private:
  /// A large object of which pieces are there: one at a time, since its pieces follow one another.
  struct Growing {
    ObjectId id;
    posix::UniqueFd fd;
    std::string folder;  ///< the bytes of a folder's object
    Sha256 hash;
    std::uint64_t bytes = 0;
    bool marked = false;  ///< the next pull may go on with it
  };

  Result<void> unpack(const PackReader::Group& group);
  void keep_mark(std::uint64_t start);
  void resume(const PackEntry& entry);
  [[nodiscard]] bool wants(const PackEntry& entry) const;
  bool read_prefix(const PackEntries& entries);
  Result<void> keep(const PackEntry& entry, std::string_view bytes);
  Result<void> keep_piece(const PackEntry& entry, std::string_view bytes);
  Result<void> keep_folder(const ObjectId& id, std::string_view bytes);
  Result<void> finish_file(const ObjectId& id);
  void drop_growing();
  void note_unfit(const PackEntry& entry);

  PullSession& session_;
  apply::SlotDir& slots_;
  apply::BaseTree base_;
  ObjectId from_, to_;
  std::function<Result<void>()> on_folders_known_;
  std::stop_token stop_;
  PackReader reader_;
  Decompressor decompressor_;
  std::string prefix_, content_;  ///< reused
  std::optional<Growing> growing_;
  PackMark before_;  ///< of an earlier pull; its growing file is taken up at its next piece
  std::uint64_t objects_ = 0, marked_ = 0;
  std::uint64_t unfit_ = 0;
  bool space_checked_ = false, no_pack_ = false;
};

}  // namespace serin::pull
