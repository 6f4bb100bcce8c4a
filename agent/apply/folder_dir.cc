#include "agent/apply/folder_dir.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::apply {

namespace fs = std::filesystem;

Result<FolderRoot> FolderRoot::open(const fs::path& folder) {
  posix::UniqueFd fd(::open(folder.c_str(), O_DIRECTORY | O_CLOEXEC | O_RDONLY | O_NOFOLLOW));
  if (!fd) return std::unexpected(posix::errno_error("open the folder " + folder.string(), errno));
  return FolderRoot(std::move(fd));
}

Result<int> FolderRoot::folder(const std::string& path) {
  if (path.empty()) return root_.get();
  if (kept_ && path == kept_path_) return kept_.get();
  open_how how{};
  how.flags = O_DIRECTORY | O_CLOEXEC | O_RDONLY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  kept_ = posix::UniqueFd(static_cast<int>(::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how)));
  if (!kept_) return std::unexpected(posix::errno_error("open the folder " + printable(path), errno));
  kept_path_ = path;
  return kept_.get();
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string{} : path.substr(0, slash);
}

std::string name_in(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

Result<std::vector<std::string>> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) return std::unexpected(posix::errno_error("list " + folder.string(), error.value()));
  return names;
}

Result<void> remove_tree(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) return std::unexpected(posix::errno_error("remove " + folder.string(), error.value()));
  return {};
}

}  // namespace serin::apply
