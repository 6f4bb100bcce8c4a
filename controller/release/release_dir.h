#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>

#include "controller/release/collector.h"
#include "controller/release/release_builder.h"
#include "protocol/posix/object_store.h"

namespace serin::release {

/// What a test puts in the place of the outside world; ReleaseDir::open fills in what is empty.
struct BuildOutside {
  std::function<std::int64_t()> wall_seconds;                   ///< tells which files are too young for the cache
  std::function<void(const std::string& path)> opened_to_read;  ///< after a file's stat, before its bytes; any thread
  unsigned threads = 0;                                         ///< that scan, at most; 0: as TaskCrew chooses
};

/// Builds releases from a staging folder into the object store. Remembers (path, size, mtime, ctime, inode) of each
/// file in STATE_DIR/scan/APPLICATION, so that an unchanged file is never read again; a file whose times are as young
/// as the scan itself is not trusted to the cache. Nothing is followed out of the folder. A file that changes while it
/// is read is read again, three times, then refused by name. Refused by name too: setuid, setgid, devices, sockets,
/// pipes, links out of the tree, an unreadable file or folder, an empty source, a source whose release would delete
/// more than the limit. With paths: only they are looked at, over `base`; a path that is gone in staging is removed;
/// `not_found` when it is in neither; `refused` without a base. Called from one thread at a time; slow: run it in a
/// worker. It looks and hashes in several threads where that is worth it.
class ReleaseDir {
 public:
  /// The one writer of STATE_DIR/objects: the caller holds the lock of the state folder.
  static Result<ReleaseDir> open(const std::filesystem::path& state_dir, BuildOutside outside = {});
  ReleaseDir(ReleaseDir&&) noexcept;
  ReleaseDir& operator=(ReleaseDir&&) noexcept;
  ~ReleaseDir();

  Result<BuildResult> build(const BuildRequest& request);
  /// Removes what nobody needs (collector_dir.h). What was built within the last hour is kept beside the roots given:
  /// its release may not be known to the caller yet.
  Result<CollectResult> collect(const CollectRequest& request, const std::stop_token& stop);

 private:
  struct Parts;
  explicit ReleaseDir(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::release
