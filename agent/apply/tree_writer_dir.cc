#include "agent/apply/tree_writer_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::apply {

namespace {

constexpr std::size_t kSyncEachMax = 64;
constexpr std::size_t kCopyBytes = 256U << 10;
constexpr auto kTemporary = ".serin-new";

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string{} : path.substr(0, slash);
}
std::string name_in(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::unexpected<Error> failed(const std::string& doing, const std::string& path) {
  return std::unexpected(posix::errno_error(doing + " " + printable(path), errno));
}

posix::UniqueFd open_beneath(int root, const std::string& path) {
  open_how how{};
  how.flags = O_DIRECTORY | O_CLOEXEC | O_RDONLY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  return posix::UniqueFd(
      static_cast<int>(::syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how)));
}

Result<void> copy_bytes(int from, int to, const std::string& path) {
  static thread_local std::array<char, kCopyBytes> buffer;
  while (true) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got == 0) return {};
    if (got < 0) return failed("read", path);
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = ::write(to, buffer.data() + done, static_cast<std::size_t>(got - done));
      if (put < 0) return failed("write", path);
      done += put;
    }
  }
}

bool is_folder(const TreeEntry& entry) {
  return entry.kind == EntryKind::folder;
}

}  // namespace

Result<TreeWriter> TreeWriter::open(const std::filesystem::path& root) {
  posix::UniqueFd fd(::open(root.c_str(), O_DIRECTORY | O_CLOEXEC | O_RDONLY | O_NOFOLLOW));
  if (!fd) return failed("open", root.string());
  return TreeWriter(std::move(fd));
}

Result<int> TreeWriter::folder_of(const std::string& path) {
  const std::string parent = parent_of(path);
  if (!open_folder_ || parent != open_path_) {
    open_folder_ = open_beneath(root_.get(), parent);
    if (!open_folder_) return failed("open the folder", parent);
    open_path_ = parent;
  }
  touched_folders_.insert(parent);
  return open_folder_.get();
}

Result<void> TreeWriter::apply(const std::vector<PathChange>& changes, const FindSource& find_source) {
  // What goes, deepest first; a folder and a file cannot replace each other in place.
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    if (!change->before || (change->after && is_folder(*change->before) == is_folder(*change->after))) continue;
    if (auto removed = remove(change->path, *change->before); !removed) return removed;
  }
  for (const PathChange& change : changes) {
    if (!change.after) continue;
    if (auto created = create(change.path, *change.after, find_source); !created) return created;
  }
  return {};
}

Result<void> TreeWriter::remove(const std::string& path, const TreeEntry& entry) {
  const auto folder = folder_of(path);
  if (!folder) return std::unexpected(folder.error());
  if (::unlinkat(*folder, name_in(path).c_str(), is_folder(entry) ? AT_REMOVEDIR : 0) != 0)
    return failed("remove", path);
  if (is_folder(entry)) touched_folders_.erase(path);
  return {};
}

Result<void> TreeWriter::create(const std::string& path, const TreeEntry& entry, const FindSource& find_source) {
  if (auto good = check_path(path); !good) return good;
  const auto folder = folder_of(path);
  if (!folder) return std::unexpected(folder.error());
  const std::string name = name_in(path);
  if (is_folder(entry)) {
    if (::mkdirat(*folder, name.c_str(), 0755) != 0) return failed("make the folder", path);
    if (::fchmodat(*folder, name.c_str(), 0755, 0) != 0) return failed("chmod", path);
    touched_folders_.insert(path);
    return {};
  }
  if (::unlinkat(*folder, kTemporary, 0) != 0 && errno != ENOENT)
    return failed("remove an old temporary file for", path);
  if (entry.kind == EntryKind::symlink) {
    if (auto good = check_symlink(path, entry.target); !good) return good;
    if (::symlinkat(entry.target.c_str(), *folder, kTemporary) != 0) return failed("make the link", path);
  } else {
    const auto source = find_source(path, entry);
    if (!source) return std::unexpected(source.error());
    if (auto made = create_file(*folder, path, entry, *source); !made) return made;
  }
  if (::renameat(*folder, kTemporary, *folder, name.c_str()) != 0) return failed("rename", path);
  ++new_count_;
  return {};
}

Result<void> TreeWriter::create_file(int folder, const std::string& path, const TreeEntry& entry,
                                     const FileSource& source) {
  if (source.link && ::linkat(AT_FDCWD, source.path.c_str(), folder, kTemporary, 0) == 0) return {};
  const posix::UniqueFd from(::open(source.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!from) return failed("open", source.path.string());
  posix::UniqueFd to(::openat(folder, kTemporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!to) return failed("make the file", path);
  if (auto copied = copy_bytes(from.get(), to.get(), path); !copied) return copied;
  const timespec times[2] = {{.tv_sec = entry.mtime_s, .tv_nsec = 0}, {.tv_sec = entry.mtime_s, .tv_nsec = 0}};
  if (::fchmod(to.get(), entry.kind == EntryKind::executable ? 0555 : 0444) != 0) return failed("chmod", path);
  if (::futimens(to.get(), times) != 0) return failed("set the time of", path);
  if (new_files_.size() <= kSyncEachMax) new_files_.push_back(std::move(to));
  return {};
}

Result<void> TreeWriter::sync() {
  if (new_count_ > kSyncEachMax || touched_folders_.size() > kSyncEachMax) {
    if (::syncfs(root_.get()) != 0) return failed("syncfs", "the slot");
    return {};
  }
  for (const posix::UniqueFd& file : new_files_) {
    if (::fsync(file.get()) != 0) return failed("fsync", "a new file");
  }
  touched_folders_.insert("");
  for (const std::string& path : touched_folders_) {
    const posix::UniqueFd folder = open_beneath(root_.get(), path);
    if (!folder || ::fsync(folder.get()) != 0) return failed("fsync", path);
  }
  new_files_.clear();
  return {};
}

}  // namespace serin::apply
