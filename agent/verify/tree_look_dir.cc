#include "agent/verify/tree_look_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <set>

#include "agent/apply/folder_dir.h"
#include "agent/verify/entry_check.h"
#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/posix/pace.h"
#include "protocol/text.h"

namespace serin::drift {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kReadBytes = 256U << 10;

std::unexpected<Error> failed(const std::string& doing, const std::string& path) {
  return std::unexpected(posix::errno_error(doing + " " + printable(path), errno));
}

std::unexpected<Error> stopped() {
  return failure(ErrorKind::busy, "stopped");
}

Result<std::set<std::string>> names_of(int folder, const std::string& path) {
  posix::UniqueFd fd(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return failed("open the folder", path);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(fd.get()), ::closedir);
  if (!listing) return failed("list the folder", path);
  static_cast<void>(fd.release());
  std::set<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(listing.get());
    if (entry == nullptr && errno != 0) return failed("list the folder", path);
    if (entry == nullptr) return names;
    const std::string name(static_cast<const char*>(entry->d_name));
    if (name != "." && name != "..") names.insert(name);
  }
}

Result<Found> find(int folder, const std::string& name, const std::string& path) {
  struct stat there{};
  if (::fstatat(folder, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return Found{};
    return failed("look at", path);
  }
  Found found{.kind = Found::Kind::other,
              .mode = there.st_mode & 07777U,
              .mtime_s = there.st_mtim.tv_sec,
              .size = static_cast<std::uint64_t>(there.st_size),
              .target = {}};
  if (S_ISREG(there.st_mode)) found.kind = Found::Kind::file;
  if (S_ISDIR(there.st_mode)) found.kind = Found::Kind::folder;
  if (!S_ISLNK(there.st_mode)) return found;
  found.kind = Found::Kind::symlink;
  std::string target(limits::kSymlinkBytesMax + 1, '\0');
  const ssize_t got = ::readlinkat(folder, name.c_str(), target.data(), target.size());
  if (got < 0) return failed("read the link", path);
  target.resize(static_cast<std::size_t>(got));
  found.target = std::move(target);
  return found;
}

/// True when none of the file's pages is in the page cache.
bool is_cold(int fd, std::size_t bytes) {
  if (bytes == 0) return false;
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) return false;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((bytes + page - 1) / page);
  const bool known = ::mincore(mapped, bytes, pages.data()) == 0;
  ::munmap(mapped, bytes);
  return known && std::ranges::none_of(pages, [](unsigned char flags) { return (flags & 1U) != 0; });
}

class Looker {
 public:
  Looker(const LookOptions& options, apply::FolderRoot disk, TreeLook& look,
         const std::function<void(const TreeLook&)>& on_progress, const std::stop_token& stop)
      : options_(options),
        disk_(std::move(disk)),
        look_(look),
        on_progress_(on_progress),
        stop_(stop),
        pace_(options.bytes_per_s) {}

  Result<void> folder(const std::string& path, const ObjectId& id) {
    const auto tree = options_.load(id);
    if (!tree) {
      look_.unread_folders = true;
      look_.drifts.add(path, DriftKind::changed);
      return {};
    }
    const auto at = disk_.folder(path);
    if (!at && at.error().kind == ErrorKind::refused) {
      look_.unread_folders = true;  // its mode was told; beneath it more can be seen once that is mended
      return {};
    }
    if (!at) return std::unexpected(at.error());
    auto names = names_of(*at, path);
    if (!names) return std::unexpected(names.error());
    for (const TreeEntry& entry : tree->entries) names->insert(entry.name);
    for (const std::string& name : *names) {
      const std::string below = path.empty() ? name : fmt::format("{}/{}", path, name);
      const TreeEntry* entry = find_entry(*tree, name);
      if (was_seen(below, entry)) continue;
      if (auto looked = entry == nullptr ? extra(below) : one(path, below, *entry); !looked) return looked;
    }
    return {};
  }

 private:
  /// Of an earlier part of this round. A folder on the way to its end is entered again.
  [[nodiscard]] bool was_seen(const std::string& path, const TreeEntry* entry) const {
    if (options_.after.empty() || walks_before(options_.after, path)) return false;
    return entry == nullptr || entry->kind != EntryKind::folder || !is_again(path);
  }
  /// What this round has looked at already, and goes through again.
  [[nodiscard]] bool is_again(const std::string& path) const {
    return path == options_.after || options_.after.starts_with(path + "/");
  }

  Result<void> extra(const std::string& path) {
    if (!is_kept(options_.kept, path)) look_.drifts.add(path, DriftKind::extra);
    return seen(path);
  }

  Result<void> seen(const std::string& path) {
    look_.last = path;
    pace_.spend(limits::kTreeLookBytesPerFile, stop_);
    on_progress_(look_);
    if (stop_.stop_requested()) return stopped();
    return {};
  }

  Result<void> one(const std::string& parent, const std::string& path, const TreeEntry& entry) {
    const auto at = disk_.folder(parent);
    if (!at) return std::unexpected(at.error());
    const auto found = find(*at, entry.name, path);
    if (!found) return std::unexpected(found.error());
    auto drift = compare(entry, *found);
    const bool is_folder = entry.kind == EntryKind::folder;
    const bool is_file = entry.kind == EntryKind::file || entry.kind == EntryKind::executable;
    if (is_file && (!drift || *drift == DriftKind::mode || *drift == DriftKind::mtime)) {
      const auto same = has_bytes(*at, path, entry);
      if (!same) return std::unexpected(same.error());
      if (!*same) drift = DriftKind::changed;
    }
    if (drift && !is_again(path)) look_.drifts.add(path, *drift);
    if (!is_folder) ++look_.files;
    if (auto went = seen(is_again(path) ? look_.last : path); !went) return went;
    if (!is_folder) return {};
    if (found->kind != Found::Kind::folder) return all_missing(path, entry.id);
    return folder(path, entry.id);
  }

  Result<void> all_missing(const std::string& path, const ObjectId& id) {
    const auto tree = options_.load(id);
    if (!tree) {
      look_.unread_folders = true;
      return {};
    }
    for (const TreeEntry& entry : tree->entries) {
      const std::string below = path + "/" + entry.name;
      if (was_seen(below, &entry)) continue;
      const bool is_folder = entry.kind == EntryKind::folder;
      if (!is_again(below)) look_.drifts.add(below, DriftKind::missing);
      if (!is_folder) ++look_.files;
      if (auto went = seen(is_again(below) ? look_.last : below); !went) return went;
      if (is_folder) {
        if (auto below_it = all_missing(below, entry.id); !below_it) return below_it;
      }
    }
    return {};
  }

  Result<bool> has_bytes(int folder, const std::string& path, const TreeEntry& entry) {
    const posix::UniqueFd fd(
        ::openat(folder, entry.name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (!fd) {
      if (errno == ENOENT || errno == ELOOP || errno == EACCES) return false;
      return failed("open", path);
    }
    const bool was_cold = is_cold(fd.get(), entry.size);
    Sha256 hash;
    std::uint64_t bytes = 0;
    // One buffer more than announced: a file that grows for ever ends too.
    while (bytes <= entry.size) {
      const ssize_t got = ::read(fd.get(), buffer_.data(), buffer_.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EIO) return false;  // a bad sector is damage like any other
      if (got < 0) return failed("read", path);
      if (got == 0) break;
      hash.update({buffer_.data(), static_cast<std::size_t>(got)});
      bytes += static_cast<std::uint64_t>(got);
      look_.bytes += static_cast<std::uint64_t>(got);
      pace_.spend(static_cast<std::uint64_t>(got), stop_);
      on_progress_(look_);
      if (stop_.stop_requested()) return stopped();
    }
    if (was_cold) ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    return bytes == entry.size && hash.finish() == entry.id;
  }

  const LookOptions& options_;
  apply::FolderRoot disk_;
  TreeLook& look_;
  const std::function<void(const TreeLook&)>& on_progress_;
  const std::stop_token& stop_;
  posix::Pace pace_;
  std::array<char, kReadBytes> buffer_{};
};

}  // namespace

Result<void> look_at_tree(const LookOptions& options, TreeLook& look,
                          const std::function<void(const TreeLook&)>& on_progress, const std::stop_token& stop) {
  auto disk = apply::FolderRoot::open(options.folder);
  if (!disk) return std::unexpected(disk.error());
  const auto looker = std::make_unique<Looker>(options, std::move(*disk), look, on_progress, stop);
  return looker->folder("", options.root);
}

}  // namespace serin::drift
