#pragma once

#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>

#include "controller/release/exclude_patterns.h"
#include "controller/release/release_builder.h"
#include "controller/release/stat_cache.h"
#include "protocol/posix/object_store.h"

namespace serin::release {

/// Reads a staging folder, or some paths of it, into the store. Nothing is followed out of it: each name is opened
/// relative to its folder, and links are read, never followed. A file that the cache knows by its stat is not opened,
/// provided that the base has it or the store does. A file whose times are not older than `trusted_before_s` is put
/// into the store but not into the cache: it may still change within the same tick of the clock. The texts of its
/// errors name the path and the remedy; `busy` means that names of a folder came or went meanwhile: scan again.
/// One scan per object, one thread. The references must outlive it.
class SourceScan {
 public:
  struct Settings {
    std::string source;  ///< for the texts
    int source_fd = -1;  ///< the open staging folder
    const ExcludePatterns& exclude;
    const StatCache& known;
    posix::ObjectWriter& objects;
    const FolderStore& folders;
    std::int64_t trusted_before_s = 0;
    std::function<void(const std::string& path)> opened;  ///< called when a file was opened and will now be read
  };
  explicit SourceScan(Settings settings) : settings_(std::move(settings)) {}

  /// The root of all that is there. `base`: what is kept of it where nothing differs; may be nothing.
  Result<ObjectId> whole(const ObjectId& base);
  /// What is there at one path ("" is not one); nothing when it is gone or excluded.
  Result<std::optional<TreeEntry>> at(const std::string& path, const std::optional<TreeEntry>& base);

  /// Of all that was looked at so far. `found` also fills up before an error.
  struct Found {
    Totals totals;
    std::uint64_t files_read = 0;
    bool some_excluded = false;
    StatCache cache;  ///< the files that can be known by their stat next time
  };
  [[nodiscard]] const Found& found() const { return found_; }

 private:
  class Folder;
  struct Content;
  /// One name in its folder.
  struct Place {
    int folder_fd;
    const std::string& path;  ///< from the source
    const std::string& name;
    std::size_t depth;
    const TreeEntry* base;
    const StatCache::File* known;
    StatCache::Files* now_known;  ///< where to remember the file, or nullptr
  };
  Result<ObjectId> folder(Folder folder, const std::string& path, std::size_t depth, const ObjectId& base);
  Result<Tree> entries(Folder& folder, const std::string& path, std::size_t depth, const Tree& base);
  Result<std::vector<std::string>> names_of(Folder& folder, const std::string& path);
  Result<std::optional<TreeEntry>> entry(const Place& place);
  Result<std::optional<TreeEntry>> subfolder(const Place& place);
  Result<std::optional<TreeEntry>> link(const Place& place);
  Result<std::optional<TreeEntry>> file(const Place& place, const struct stat& seen);
  Result<std::optional<Content>> read_file(const Place& place);
  [[nodiscard]] std::string shown(const std::string& path) const;
  [[nodiscard]] std::unexpected<Error> changing(const std::string& path) const;
  [[nodiscard]] std::unexpected<Error> failed(const std::string& path, const std::string& doing, int error) const;
  [[nodiscard]] std::unexpected<Error> refused(const std::string& path, const std::string& why) const;

  Settings settings_;
  Found found_;
  std::uint64_t entries_ = 0;
};

}  // namespace serin::release
