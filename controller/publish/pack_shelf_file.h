#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "protocol/posix/content_socket.h"
#include "protocol/posix/object_store.h"

namespace serin::publish {

/// Packs as files, made by a thread of its own when they are first asked for, kept while there is room for them:
/// as protocol/posix/content_folder.h says. The longest unused go first when all together are larger than `bytes_max`,
/// or the disk has no more room; one that is open is read to its end all the same. Any of them may be removed at any
/// time. One that an earlier life left is hashed before it is served. Only packs between trees that it was told of are
/// made, so that nobody keeps it busy with others; prepared ones have threads of their own. All functions from any
/// thread; none of them blocks.
class PackShelf {
 public:
  /// Makes the folder; removes what an earlier life was writing.
  static Result<PackShelf> start(const std::filesystem::path& folder, const posix::ObjectReader& objects,
                                 std::uint64_t bytes_max);
  PackShelf(PackShelf&&) noexcept;
  PackShelf& operator=(PackShelf&&) noexcept;
  ~PackShelf();  ///< waits for the groups that are being compressed

  /// The root of a release.
  void know(const ObjectId& root);
  /// The pack; `busy` while it is being made, `not_found` when it cannot be: a tree of the two is not known, an object
  /// is missing, the disk is full; the latter two are tried again after the next know().
  Result<posix::OpenedContent> open(const ObjectId& from, const ObjectId& to);
  /// It will be asked for soon.
  void prepare(const ObjectId& from, const ObjectId& to);
  /// The disk is full: all packs go, but those that are being made.
  void clear();

  struct Counters {
    std::uint64_t made = 0, bytes = 0, failed = 0;
  };
  [[nodiscard]] Counters counters() const;

 private:
  struct Parts;
  explicit PackShelf(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::publish
