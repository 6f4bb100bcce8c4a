#include "controller/release/source_scan_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>

#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::release {

namespace {

constexpr int kTries = 3;
constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
/// Not waiting for a pipe that took the file's place, nor making a terminal ours.
constexpr int kOpenFile = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

FileStat stat_of(const struct stat& found) {
  return {.bytes = static_cast<std::uint64_t>(found.st_size),
          .inode = found.st_ino,
          .mtime_s = found.st_mtim.tv_sec,
          .ctime_s = found.st_ctim.tv_sec,
          .mtime_ns = static_cast<std::uint32_t>(found.st_mtim.tv_nsec),
          .ctime_ns = static_cast<std::uint32_t>(found.st_ctim.tv_nsec)};
}

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

/// What a file held, and its stat then.
struct SourceScan::Content {
  struct stat stat{};
  ObjectId id;
};

/// An open folder and its names. Owns the descriptor.
class SourceScan::Folder {
 public:
  explicit Folder(DIR* stream) : stream_(stream) {}
  Folder(Folder&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  Folder& operator=(Folder&&) = delete;
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    if (stream_ != nullptr) ::closedir(stream_);
  }
  [[nodiscard]] int fd() const { return ::dirfd(stream_); }

  /// Ascending, without those to skip; at most one more than allowed. Or the errno.
  template <class Skip>
  std::expected<std::vector<std::string>, int> names(const Skip& skip) {
    std::vector<std::string> all;
    ::rewinddir(stream_);
    while (all.size() <= limits::kFolderEntriesMax) {
      errno = 0;
      const dirent* found = ::readdir(stream_);
      if (found == nullptr && errno != 0) return std::unexpected(errno);
      if (found == nullptr) break;
      const std::string_view name = static_cast<const char*>(found->d_name);
      if (name != "." && name != ".." && !skip(name)) all.emplace_back(name);
    }
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  DIR* stream_;
};

Result<ObjectId> SourceScan::whole(const ObjectId& base) {
  const int fd = ::openat(settings_.source_fd, ".", kOpenFolder);
  DIR* stream = fd < 0 ? nullptr : ::fdopendir(fd);
  if (stream == nullptr) return failed({}, "open", errno);
  return folder(Folder(stream), {}, 0, base);
}

Result<std::optional<TreeEntry>> SourceScan::at(const std::string& path, const std::optional<TreeEntry>& base) {
  const std::size_t above_bytes = path.rfind('/') == std::string::npos ? 0 : path.rfind('/');
  if (above_bytes > 0 && settings_.exclude.match_with_folders(path.substr(0, above_bytes), true) != nullptr) {
    return std::nullopt;
  }
  posix::UniqueFd above;
  std::size_t depth = 1;
  std::size_t begin = 0;
  for (std::size_t end = path.find('/'); end != std::string::npos; end = path.find('/', begin), ++depth) {
    const std::string name = path.substr(begin, end - begin);
    const int from = above ? above.get() : settings_.source_fd;
    posix::UniqueFd next(::openat(from, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno == ENOENT) return std::nullopt;
    if (!next && (errno == ENOTDIR || errno == ELOOP)) {
      const std::string folder = path.substr(0, end);
      return refused(folder, fmt::format("is no folder, so {} is not in the source: deploy {} itself", printable(path),
                                         printable(folder)));
    }
    if (!next) return failed(path, "open a folder above", errno);
    above = std::move(next);
    begin = end + 1;
  }
  const auto* files = settings_.known.find(std::string_view(path).substr(0, above_bytes));
  const std::string name = path.substr(begin);
  return entry({.folder_fd = above ? above.get() : settings_.source_fd,
                .path = path,
                .name = name,
                .depth = depth,
                .base = base ? &*base : nullptr,
                .known = files == nullptr ? nullptr : find_file(*files, name),
                .now_known = nullptr});
}

Result<ObjectId> SourceScan::folder(Folder folder, const std::string& path, std::size_t depth, const ObjectId& base) {
  Tree before;
  if (!base.is_nothing()) {
    auto loaded = settings_.folders.load(base);
    if (!loaded) return std::unexpected(loaded.error());
    before = std::move(*loaded);
  }
  const auto tree = entries(folder, path, depth, before);
  if (!tree) return std::unexpected(tree.error());
  if (!base.is_nothing() && *tree == before) return base;
  auto stored = settings_.folders.store(*tree);
  if (!stored) return failure(stored.error(), "store the folder " + shown(path));
  return stored;
}

Result<Tree> SourceScan::entries(Folder& folder, const std::string& path, std::size_t depth, const Tree& base) {
  const int fd = folder.fd();
  assert(fd >= 0);
  struct stat before{};
  struct stat after{};
  if (::fstat(fd, &before) != 0) return failed(path, "look at", errno);
  const auto names = names_of(folder, path);
  if (!names) return std::unexpected(names.error());
  const StatCache::Files* known = settings_.known.find(path);
  StatCache::Files now_known;
  Tree tree;
  Result<void> done;
  for (const std::string& name : *names) {
    const std::string at = fmt::format("{}{}{}", path, path.empty() ? "" : "/", name);
    auto is = entry({.folder_fd = fd,
                     .path = at,
                     .name = name,
                     .depth = depth + 1,
                     .base = find_entry(base, name),
                     .known = known == nullptr ? nullptr : find_file(*known, name),
                     .now_known = &now_known});
    if (!is) {
      done = std::unexpected(is.error());
      break;
    }
    if (*is) tree.entries.push_back(std::move(**is));
  }
  if (!now_known.empty()) found_.cache.set(path, std::move(now_known));
  if (!done) return std::unexpected(done.error());
  if (::fstat(fd, &after) != 0) return failed(path, "look at", errno);
  if (stat_of(before) == stat_of(after) && after.st_mtim.tv_sec < settings_.trusted_before_s) return tree;
  const auto names_now = names_of(folder, path);
  if (!names_now) return std::unexpected(names_now.error());
  if (*names_now != *names) return changing(path);
  return tree;
}

Result<std::vector<std::string>> SourceScan::names_of(Folder& folder, const std::string& path) {
  const std::string inside = path.empty() ? "" : path + "/";
  std::string at;
  auto names = folder.names([&](std::string_view name) {
    at.assign(inside).append(name);
    const bool out = settings_.exclude.match(at, true) != nullptr && settings_.exclude.match(at, false) != nullptr;
    found_.some_excluded = found_.some_excluded || out;
    return out;
  });
  if (!names) return failed(path, "list", names.error());
  if (names->size() > limits::kFolderEntriesMax) {
    return refused(path, fmt::format("holds more than {} names: split it or exclude some", limits::kFolderEntriesMax));
  }
  return std::move(*names);
}

Result<std::optional<TreeEntry>> SourceScan::entry(const Place& place) {
  struct stat found{};
  if (::fstatat(place.folder_fd, place.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return failed(place.path, "enter its folder", errno);
  }
  if (settings_.exclude.match(place.path, S_ISDIR(found.st_mode)) != nullptr) {
    found_.some_excluded = true;
    return std::nullopt;
  }
  if (++entries_ > limits::kTreeEntriesMax) {
    return refused({}, fmt::format("holds more than {} entries: exclude some", limits::kTreeEntriesMax));
  }
  if (place.path.size() > limits::kPathBytesMax || place.depth > limits::kTreeDepthMax) {
    return refused(place.path, fmt::format("is nested deeper than {} folders or its path is longer than {} bytes: move "
                                           "or exclude it",
                                           limits::kTreeDepthMax, limits::kPathBytesMax));
  }
  if (S_ISDIR(found.st_mode)) return subfolder(place);
  if (S_ISLNK(found.st_mode)) return link(place);
  if (const char* kind = forbidden_kind(found.st_mode)) return refused(place.path, forbidden_text(kind));
  return file(place, found);
}

Result<std::optional<TreeEntry>> SourceScan::subfolder(const Place& place) {
  const int fd = ::openat(place.folder_fd, place.name.c_str(), kOpenFolder);
  if (fd < 0 && errno == ENOENT) return std::nullopt;
  if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) return changing(place.path);
  DIR* stream = fd < 0 ? nullptr : ::fdopendir(fd);
  if (stream == nullptr) return failed(place.path, "open", errno);
  const bool was_folder = place.base != nullptr && place.base->kind == EntryKind::folder;
  const auto id = folder(Folder(stream), place.path, place.depth, was_folder ? place.base->id : ObjectId{});
  if (!id) return std::unexpected(id.error());
  return TreeEntry{.name = place.name, .kind = EntryKind::folder, .id = *id};
}

Result<std::optional<TreeEntry>> SourceScan::link(const Place& place) {
  std::array<char, limits::kSymlinkBytesMax + 1> target{};
  const ssize_t bytes = ::readlinkat(place.folder_fd, place.name.c_str(), target.data(), target.size());
  if (bytes < 0 && errno == ENOENT) return std::nullopt;
  if (bytes < 0) return failed(place.path, "read the link", errno);
  TreeEntry entry{.name = place.name,
                  .kind = EntryKind::symlink,
                  .target = std::string(target.data(), static_cast<std::size_t>(bytes))};
  if (auto good = check_symlink(place.path, entry.target); !good) {
    return failure(ErrorKind::refused, good.error().text + "; change or exclude it");
  }
  ++found_.totals.files;
  return entry;
}

Result<std::optional<TreeEntry>> SourceScan::file(const Place& place, const struct stat& seen) {
  std::optional<Content> content;
  if (place.known != nullptr && place.known->stat == stat_of(seen)) {
    const ObjectId& id = place.known->id;
    const bool is_stored = (place.base != nullptr && place.base->id == id) || settings_.objects.has(id);
    if (is_stored) content = Content{.stat = seen, .id = id};
  }
  if (!content) {
    auto read = read_file(place);
    if (!read) return std::unexpected(read.error());
    if (!*read) return std::nullopt;
    content = **read;
  }
  const FileStat stat = stat_of(content->stat);
  TreeEntry entry{.name = place.name,
                  .kind = (content->stat.st_mode & S_IXUSR) != 0 ? EntryKind::executable : EntryKind::file,
                  .mtime_s = stat.mtime_s,
                  .size = stat.bytes,
                  .id = content->id};
  keep_mtime(entry, place.base);
  ++found_.totals.files;
  found_.totals.bytes += entry.size;
  const bool is_old = std::max(stat.mtime_s, stat.ctime_s) < settings_.trusted_before_s;
  if (is_old && place.now_known != nullptr) place.now_known->push_back({place.name, stat, content->id});
  return entry;
}

/// Nothing when the name is gone. What is read is what was seen before and after: else it is read again.
Result<std::optional<SourceScan::Content>> SourceScan::read_file(const Place& place) {
  for (int i = 0; i < kTries; ++i) {
    const posix::UniqueFd fd(::openat(place.folder_fd, place.name.c_str(), kOpenFile));
    if (!fd && errno == ENOENT) return std::nullopt;
    if (!fd && (errno == ELOOP || errno == ENXIO)) continue;
    if (!fd) return failed(place.path, "read", errno);
    struct stat before{};
    struct stat after{};
    if (::fstat(fd.get(), &before) != 0) return failed(place.path, "look at", errno);
    if (!S_ISREG(before.st_mode)) continue;
    if (const char* kind = forbidden_kind(before.st_mode)) return refused(place.path, forbidden_text(kind));
    if (before.st_size > static_cast<off_t>(limits::kObjectBytesMax)) {
      return refused(place.path, fmt::format("has {}, more than the {} that a file may have: split or exclude it",
                                             bytes_text(static_cast<std::uint64_t>(before.st_size)),
                                             bytes_text(limits::kObjectBytesMax)));
    }
    if (settings_.opened) settings_.opened(place.path);
    const auto stored = settings_.objects.put_file(fd.get(), limits::kObjectBytesMax);
    if (!stored && stored.error().kind != ErrorKind::busy) return failure(stored.error(), shown(place.path));
    if (!stored) continue;
    if (::fstat(fd.get(), &after) != 0) return failed(place.path, "look at", errno);
    if (stat_of(before) != stat_of(after)) continue;
    ++found_.files_read;
    return Content{.stat = after, .id = stored->id};
  }
  return refused(place.path, "changes while it is read: deploy again when it is written, or exclude it");
}

std::string SourceScan::shown(const std::string& path) const {
  if (path.empty()) return printable(settings_.source);
  return printable(settings_.source + (settings_.source.ends_with('/') ? "" : "/") + path);
}

std::unexpected<Error> SourceScan::changing(const std::string& path) const {
  return failure(ErrorKind::busy, fmt::format("{} changes while it is read: names come and go. Deploy again when what "
                                              "writes there has ended, or exclude it",
                                              shown(path)));
}

std::unexpected<Error> SourceScan::failed(const std::string& path, const std::string& doing, int error) const {
  if (error != EACCES && error != EPERM) {
    return std::unexpected(posix::errno_error(fmt::format("{} {}", doing, shown(path)), error));
  }
  return refused(path,
                 fmt::format("cannot be read by the controller's user (id {}; {}): give it the right to with chmod "
                             "or setfacl, or exclude it",
                             ::geteuid(), doing));
}

std::unexpected<Error> SourceScan::refused(const std::string& path, const std::string& why) const {
  return failure(ErrorKind::refused, fmt::format("{} {}", shown(path), why));
}

}  // namespace serin::release
