#pragma once

#include <sys/stat.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "controller/release/exclude_patterns.h"
#include "controller/release/stat_cache.h"
#include "protocol/posix/object_store.h"
#include "protocol/tree.h"

namespace serin::release {

/// A name in an open folder of the source.
struct SourceName {
  int folder_fd;
  const std::string& path;  ///< from the source
  const std::string& name;
  std::size_t depth;  ///< 1: in the source itself
};

/// Looks at single names of a staging folder, and reads what they name. Nothing is followed: a name is opened relative
/// to its folder, a link is read. Errors name the path and the remedy; `busy`: what is there changes, look again. From
/// several threads at once. The references must outlive it.
class SourceNames {
 public:
  struct Settings {
    std::string source;  ///< for the texts
    const ExcludePatterns& exclude;
    posix::ObjectWriter& objects;
    std::function<void(const std::string& path)> opened;  ///< called when a file was opened and will now be read
  };
  explicit SourceNames(Settings settings) : settings_(std::move(settings)) {}

  /// What lstat says of a folder, link or file that a release can hold; nothing when the name is gone or excluded.
  Result<std::optional<struct stat>> look(const SourceName& at);
  /// Nothing when it is gone; so in what follows.
  Result<std::optional<TreeEntry>> link(const SourceName& at) const;
  /// What a file held, now an object of the store, and its stat then: the same before and after it was read.
  struct Content {
    struct stat stat{};
    ObjectId id;
  };
  Result<std::optional<Content>> read_file(const SourceName& at) const;

  [[nodiscard]] bool is_excluded(const std::string& path, bool is_folder) const;
  [[nodiscard]] bool some_excluded() const { return some_excluded_; }
  [[nodiscard]] std::string shown(const std::string& path) const;
  [[nodiscard]] std::unexpected<Error> changing(const std::string& path) const;
  [[nodiscard]] std::unexpected<Error> failed(const std::string& path, const std::string& doing, int error) const;
  [[nodiscard]] std::unexpected<Error> refused(const std::string& path, const std::string& why) const;

 private:
  Settings settings_;
  std::atomic<std::uint64_t> entries_ = 0;
  mutable std::atomic<bool> some_excluded_ = false;
};

/// What the cache compares.
FileStat stat_of(const struct stat& found);

}  // namespace serin::release
