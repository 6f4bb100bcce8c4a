#include "agent/apply/folder_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

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

Result<void> exchange_names(const fs::path& a, const fs::path& b) {
  return exchange_names(AT_FDCWD, a.string(), b);
}

Result<void> exchange_names(int folder, const std::string& name, const fs::path& other) {
  if (::renameat2(folder, name.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0) return {};
  const int error_number = errno;
  const std::string both = fmt::format("exchange {} and {}", printable(name), printable(other.string()));
  switch (error_number) {
    case EINVAL:
    case ENOSYS:
      return failure(ErrorKind::refused, both + ": this filesystem cannot exchange two names in one step");
    case EXDEV:
      return failure(ErrorKind::refused, both + ": they lie on two filesystems, or in two layers of one");
    case EBUSY:
      return failure(ErrorKind::refused, both + ": one of them is a mount point");
    default:
      return std::unexpected(posix::errno_error(both, error_number));
  }
}

bool is_mount_point(const fs::path& path) {
  struct statx info{};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &info) != 0) return false;
  return (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Result<void> remove_tree(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) return std::unexpected(posix::errno_error("remove " + folder.string(), error.value()));
  return {};
}

}  // namespace serin::apply
