#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "protocol/error.h"
#include "protocol/posix/unique_fd.h"
#include "protocol/tree_diff.h"

namespace serin::apply {

/// Where a file's bytes are taken from.
struct FileSource {
  std::filesystem::path path;
  bool link = false;  ///< the file there has this entry's mode and mtime too: share it
};
using FindSource = std::function<Result<FileSource>(const std::string& path, const TreeEntry& entry)>;

/// Changes a tree that nobody uses yet, path by path. No name is ever followed out of `root` or through a link
/// (openat2), no file is opened for writing in place: each is made under another name and renamed. Files get mode 0444
/// or 0555 and the entry's mtime, folders 0755. One thread.
class TreeWriter {
 public:
  static Result<TreeWriter> open(const std::filesystem::path& root);

  /// Brings the tree from the state before these changes to the one after them.
  Result<void> apply(const std::vector<PathChange>& changes, const FindSource& find_source);
  /// Makes what was written durable: fsync of each new file and touched folder while they are few (64), else one
  /// syncfs.
  Result<void> sync();

 private:
  explicit TreeWriter(posix::UniqueFd root) : root_(std::move(root)) {}
  Result<int> folder_of(const std::string& path);
  Result<void> remove(const std::string& path, const TreeEntry& entry);
  Result<void> create(const std::string& path, const TreeEntry& entry, const FindSource& find_source);
  Result<void> create_file(int folder, const std::string& path, const TreeEntry& entry, const FileSource& source);

  posix::UniqueFd root_;
  std::string open_path_;  ///< of the folder that is open
  posix::UniqueFd open_folder_;
  std::vector<posix::UniqueFd> new_files_;
  std::set<std::string> touched_folders_;
  std::size_t new_count_ = 0;
};

}  // namespace serin::apply
