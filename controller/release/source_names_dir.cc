#include "controller/release/source_names_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::release {

namespace {

constexpr int kTries = 3;
/// Not waiting for a pipe that took the file's place, nor making a terminal ours.
constexpr int kOpenFile = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

/// What it is when it cannot be part of a release; nullptr when it can.
const char* forbidden_kind(mode_t mode) {
  if (S_ISREG(mode)) return (mode & (S_ISUID | S_ISGID)) != 0 ? "a setuid or setgid file" : nullptr;
  if (S_ISDIR(mode) || S_ISLNK(mode)) return nullptr;
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISFIFO(mode)) return "a pipe";
  return "a device";
}

std::string forbidden_text(const char* kind) {
  return fmt::format("is {}, which no release can hold: change, remove or exclude it", kind);
}

}  // namespace

FileStat stat_of(const struct stat& found) {
  return {.bytes = static_cast<std::uint64_t>(found.st_size),
          .inode = found.st_ino,
          .mtime_s = found.st_mtim.tv_sec,
          .ctime_s = found.st_ctim.tv_sec,
          .mtime_ns = static_cast<std::uint32_t>(found.st_mtim.tv_nsec),
          .ctime_ns = static_cast<std::uint32_t>(found.st_ctim.tv_nsec)};
}

bool SourceNames::is_excluded(const std::string& path, bool is_folder) const {
  if (settings_.exclude.match(path, is_folder) == nullptr) return false;
  some_excluded_ = true;
  return true;
}

Result<std::optional<struct stat>> SourceNames::look(const SourceName& at) {
  struct stat found{};
  if (::fstatat(at.folder_fd, at.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return failed(at.path, "enter its folder", errno);
  }
  if (is_excluded(at.path, S_ISDIR(found.st_mode))) return std::nullopt;
  if (++entries_ > limits::kTreeEntriesMax) {
    return refused({}, fmt::format("holds more than {} entries: exclude some", limits::kTreeEntriesMax));
  }
  if (at.path.size() > limits::kPathBytesMax || at.depth > limits::kTreeDepthMax) {
    return refused(at.path, fmt::format("is nested deeper than {} folders or its path is longer than {} bytes: move "
                                        "or exclude it",
                                        limits::kTreeDepthMax, limits::kPathBytesMax));
  }
  if (const char* kind = forbidden_kind(found.st_mode)) return refused(at.path, forbidden_text(kind));
  return found;
}

Result<std::optional<TreeEntry>> SourceNames::link(const SourceName& at) const {
  std::array<char, limits::kSymlinkBytesMax + 1> target{};
  const ssize_t bytes = ::readlinkat(at.folder_fd, at.name.c_str(), target.data(), target.size());
  if (bytes < 0 && errno == ENOENT) return std::nullopt;
  if (bytes < 0) return failed(at.path, "read the link", errno);
  TreeEntry entry{.name = at.name,
                  .kind = EntryKind::symlink,
                  .target = std::string(target.data(), static_cast<std::size_t>(bytes))};
  if (auto good = check_symlink(at.path, entry.target); !good) {
    return failure(ErrorKind::refused, good.error().text + "; change or exclude it");
  }
  return entry;
}

Result<std::optional<SourceNames::Content>> SourceNames::read_file(const SourceName& at) const {
  for (int i = 0; i < kTries; ++i) {
    const posix::UniqueFd fd(::openat(at.folder_fd, at.name.c_str(), kOpenFile));
    if (!fd && errno == ENOENT) return std::nullopt;
    if (!fd && (errno == ELOOP || errno == ENXIO)) continue;
    if (!fd) return failed(at.path, "read", errno);
    struct stat before{};
    struct stat after{};
    if (::fstat(fd.get(), &before) != 0) return failed(at.path, "look at", errno);
    if (!S_ISREG(before.st_mode)) continue;
    if (const char* kind = forbidden_kind(before.st_mode)) return refused(at.path, forbidden_text(kind));
    if (before.st_size > static_cast<off_t>(limits::kObjectBytesMax)) {
      return refused(at.path, fmt::format("has {}, more than the {} that a file may have: split or exclude it",
                                          bytes_text(static_cast<std::uint64_t>(before.st_size)),
                                          bytes_text(limits::kObjectBytesMax)));
    }
    if (settings_.opened) settings_.opened(at.path);
    const auto stored = settings_.objects.put_file(fd.get(), limits::kObjectBytesMax);
    if (!stored && stored.error().kind != ErrorKind::busy) return failure(stored.error(), shown(at.path));
    if (!stored) continue;
    if (::fstat(fd.get(), &after) != 0) return failed(at.path, "look at", errno);
    if (stat_of(before) != stat_of(after)) continue;
    return Content{.stat = after, .id = stored->id};
  }
  return refused(at.path, "changes while it is read: deploy again when it is written, or exclude it");
}

std::string SourceNames::shown(const std::string& path) const {
  if (path.empty()) return printable(settings_.source);
  return printable(settings_.source + (settings_.source.ends_with('/') ? "" : "/") + path);
}

std::unexpected<Error> SourceNames::changing(const std::string& path) const {
  return failure(ErrorKind::busy, fmt::format("{} changes while it is read: names come and go. Deploy again when what "
                                              "writes there has ended, or exclude it",
                                              shown(path)));
}

std::unexpected<Error> SourceNames::failed(const std::string& path, const std::string& doing, int error) const {
  if (error != EACCES && error != EPERM) {
    return std::unexpected(posix::errno_error(fmt::format("{} {}", doing, shown(path)), error));
  }
  return refused(path,
                 fmt::format("cannot be read by the controller's user (id {}; {}): give it the right to with chmod "
                             "or setfacl, or exclude it",
                             ::geteuid(), doing));
}

std::unexpected<Error> SourceNames::refused(const std::string& path, const std::string& why) const {
  return failure(ErrorKind::refused, fmt::format("{} {}", shown(path), why));
}

}  // namespace serin::release
