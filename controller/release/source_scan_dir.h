#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "controller/release/release_builder.h"
#include "controller/release/source_names_dir.h"
#include "controller/release/stat_cache.h"
#include "controller/release/task_crew_loop.h"

namespace serin::release {

/// Reads a staging folder, or some paths of it, into the store, in several threads where there is enough to do. Nothing
/// is followed out of it (SourceNames). A file that the cache knows by its stat is not opened, provided that the base
/// has it or the store does. A file whose times are not older than `trusted_before_s` is put into the store but not
/// into the cache: it may still change within the same tick of the clock. The texts of its errors name the path and the
/// remedy, of several one; `busy` means that names of a folder came or went meanwhile: scan again.
/// One scan per object, called from one thread. The references must outlive it.
class SourceScan {
 public:
  struct Settings {
    int source_fd = -1;  ///< the open staging folder
    const ExcludePatterns& exclude;
    const StatCache& known;
    const posix::ObjectReader& objects;
    const FolderStore& folders;  ///< called from several threads at once
    std::int64_t trusted_before_s = 0;
    unsigned threads = 0;  ///< at most; 0: as TaskCrew chooses
  };
  SourceScan(const Settings& settings, SourceNames& names)
      : settings_(settings), names_(names), crew_(settings.threads) {}

  /// The root of all that is there. `base`: what is kept of it where nothing differs; may be nothing.
  Result<ObjectId> whole(const ObjectId& base);
  /// What is there at one path ("" is not one); nothing when it is gone or excluded.
  Result<std::optional<TreeEntry>> at(const std::string& path, const std::optional<TreeEntry>& base);

  /// Of all that was looked at so far. `found` also fills up before an error.
  struct Found {
    Totals totals;
    std::uint64_t files_read = 0;
    StatCache cache;  ///< the files that can be known by their stat next time
  };
  [[nodiscard]] const Found& found() const { return found_; }

 private:
  struct Entry;
  struct Walk;
  using WalkOf = std::shared_ptr<Walk>;
  /// What is left to do with a name.
  struct Next {
    enum What : std::uint8_t { nothing, read, enter } what = nothing;
    std::size_t bytes = 0;  ///< to read
  };

  Result<void> run(const WalkOf& top);
  Result<WalkOf> open(const SourceName& at, const ObjectId& base) const;
  Result<void> look_into(const WalkOf& walk);
  Result<Next> look_at(Walk& walk, std::size_t index, const StatCache::Files* known);
  Result<void> read(Walk& walk, std::size_t index);
  void enter(const WalkOf& walk, std::size_t index);
  void leave(WalkOf walk, const Result<void>& result);
  Result<void> end(Walk& walk);
  void gather(Walk& walk);
  Result<Tree> tree_of(Walk& walk) const;
  Result<std::vector<std::string>> names_of(Walk& walk) const;
  void set_file(Walk& walk, std::size_t index, const SourceNames::Content& content) const;
  void fail(const Error& error);

  Settings settings_;
  SourceNames& names_;
  TaskCrew crew_;
  std::atomic<bool> is_failed_ = false;
  std::mutex mutex_;  ///< of what follows
  Found found_;
  Result<void> result_;  ///< the first error
};

}  // namespace serin::release
