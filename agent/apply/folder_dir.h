#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "protocol/error.h"
#include "protocol/posix/unique_fd.h"

namespace serin::apply {

/// A folder through which others beneath it are reached. No name is followed out of it or through a link (openat2), and
/// no path grows longer than what the system takes, wherever the folder lies. Keeps the folder that it opened last: for
/// paths in order. One thread.
class FolderRoot {
 public:
  static Result<FolderRoot> open(const std::filesystem::path& folder);

  /// A descriptor of the folder at this path ("" is the root itself), valid until the next call.
  Result<int> folder(const std::string& path);
  [[nodiscard]] int fd() const { return root_.get(); }
  /// A folder that was removed must not be the one that is kept open.
  void forget() { kept_.reset(); }

 private:
  explicit FolderRoot(posix::UniqueFd root) : root_(std::move(root)) {}
  posix::UniqueFd root_;
  posix::UniqueFd kept_;
  std::string kept_path_;
};

/// "a/b/c" -> "a/b"; "c" -> "".
std::string parent_of(const std::string& path);
/// "a/b/c" -> "c".
std::string name_in(const std::string& path);

/// The names in a folder, in no order. Never a part of them: an error half way is an error.
Result<std::vector<std::string>> names_in(const std::filesystem::path& folder);

/// What is at `a` is at `b` and the other way round, in one step (renameat2, RENAME_EXCHANGE). `refused`, with the
/// reason, where the filesystem cannot do that, or they lie on two.
Result<void> exchange_names(const std::filesystem::path& a, const std::filesystem::path& b);

/// The same with one of them beneath a folder that is open.
Result<void> exchange_names(int folder, const std::string& name, const std::filesystem::path& other);

/// True when another filesystem, or a part of one, is mounted right there.
bool is_mount_point(const std::filesystem::path& path);

/// Removes it and all that it holds; no error when it is not there.
Result<void> remove_tree(const std::filesystem::path& folder);

}  // namespace serin::apply
