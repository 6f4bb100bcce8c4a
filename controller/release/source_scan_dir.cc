#include "controller/release/source_scan_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <expected>
#include <ranges>
#include <utility>

#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::release {

namespace {

/// Weights of tasks: what hashing costs, and what opening and putting an object or looking into a folder does.
constexpr std::size_t kBytesForWeight = 10'000;
constexpr std::size_t kWeightOfObject = 5;
constexpr std::size_t kWeightOfFolder = 2;
constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/// Owns the stream of an open folder.
struct CloseStream {
  void operator()(DIR* stream) const { ::closedir(stream); }
};
using Stream = std::unique_ptr<DIR, CloseStream>;

/// Ascending, without those to skip; at most one more than allowed. Or the errno.
template <class Skip>
std::expected<std::vector<std::string>, int> names_in(DIR* stream, const Skip& skip) {
  std::vector<std::string> all;
  ::rewinddir(stream);
  while (all.size() <= limits::kFolderEntriesMax) {
    errno = 0;
    const dirent* found = ::readdir(stream);
    if (found == nullptr && errno != 0) return std::unexpected(errno);
    if (found == nullptr) break;
    const std::string_view name = static_cast<const char*>(found->d_name);
    if (name != "." && name != ".." && !skip(name)) all.emplace_back(name);
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

/// What a name turned out to be; nothing while it is being looked at, and when it is gone or excluded.
struct SourceScan::Entry {
  std::optional<TreeEntry> tree;
  std::optional<FileStat> known;  ///< of a file that can be known by its stat next time
  bool was_read = false;
};

/// A folder, or one name in it, while that and what is beneath is looked at. The tasks of its names share it; the last
/// one ends it.
struct SourceScan::Walk {
  [[nodiscard]] int fd() const { return stream ? ::dirfd(stream.get()) : above.get(); }
  [[nodiscard]] std::string path_of(std::size_t at) const {
    return fmt::format("{}{}{}", path, path.empty() ? "" : "/", names[at]);
  }

  Stream stream;          ///< of a folder that is listed
  posix::UniqueFd above;  ///< else of the one with the name
  std::string path;       ///< of the folder, from the source
  std::size_t depth = 0;
  ObjectId base;
  Tree before;  ///< the base's
  WalkOf parent;
  std::size_t index = 0;  ///< in the parent's names
  struct stat seen{};
  std::vector<std::string> names;
  std::vector<Entry> entries;         ///< of the names
  std::atomic<std::size_t> open = 1;  ///< tasks that have not left
  ObjectId id;                        ///< of a listed folder, when it has ended
};

Result<ObjectId> SourceScan::whole(const ObjectId& base) {
  const std::string path;
  const auto top = open({settings_.source_fd, path, ".", 0}, base);
  if (!top) return std::unexpected(top.error());
  if (!*top) return names_.failed(path, "open", ENOENT);
  if (auto done = run(*top); !done) return std::unexpected(done.error());
  return (*top)->id;
}

Result<std::optional<TreeEntry>> SourceScan::at(const std::string& path, const std::optional<TreeEntry>& base) {
  const std::size_t above_bytes = path.rfind('/') == std::string::npos ? 0 : path.rfind('/');
  if (above_bytes > 0 && settings_.exclude.match_with_folders(path.substr(0, above_bytes), true) != nullptr) {
    return std::nullopt;
  }
  const auto top = std::make_shared<Walk>();
  top->above = posix::UniqueFd(::fcntl(settings_.source_fd, F_DUPFD_CLOEXEC, 0));
  if (!top->above) return names_.failed({}, "open", errno);
  std::size_t begin = 0;
  for (std::size_t end = path.find('/'); end != std::string::npos; end = path.find('/', begin), ++top->depth) {
    const std::string name = path.substr(begin, end - begin);
    posix::UniqueFd next(::openat(top->above.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno == ENOENT) return std::nullopt;
    if (!next && (errno == ENOTDIR || errno == ELOOP)) {
      const std::string folder = path.substr(0, end);
      return names_.refused(folder, fmt::format("is no folder, so {} is not in the source: deploy {} itself",
                                                printable(path), printable(folder)));
    }
    if (!next) return names_.failed(path, "open a folder above", errno);
    top->above = std::move(next);
    begin = end + 1;
  }
  top->path = path.substr(0, above_bytes);
  top->names = {path.substr(begin)};
  if (base) top->before.entries = {*base};
  if (auto done = run(top); !done) return std::unexpected(done.error());
  return top->entries.front().tree;
}

Result<void> SourceScan::run(const WalkOf& top) {
  crew_.add([this, top] { leave(top, look_into(top)); });
  crew_.run();
  const std::lock_guard lock(mutex_);
  return result_;
}

/// Nothing when it is gone.
Result<SourceScan::WalkOf> SourceScan::open(const SourceName& at, const ObjectId& base) const {
  posix::UniqueFd fd(::openat(at.folder_fd, at.name.c_str(), kOpenFolder));
  if (!fd && errno == ENOENT) return nullptr;
  if (!fd && (errno == ENOTDIR || errno == ELOOP)) return names_.changing(at.path);
  if (!fd) return names_.failed(at.path, "open", errno);
  auto walk = std::make_shared<Walk>();
  walk->stream = Stream(::fdopendir(fd.get()));
  if (!walk->stream) return names_.failed(at.path, "open", errno);
  fd.release();
  walk->path = at.path;
  walk->depth = at.depth;
  walk->base = base;
  if (!base.is_nothing()) {
    auto loaded = settings_.folders.load(base);
    if (!loaded) return std::unexpected(loaded.error());
    walk->before = std::move(*loaded);
  }
  return walk;
}

Result<void> SourceScan::look_into(const WalkOf& walk) {
  if (walk->stream) {
    const int fd = walk->fd();
    assert(fd >= 0);
    if (::fstat(fd, &walk->seen) != 0) return names_.failed(walk->path, "look at", errno);
    auto names = names_of(*walk);
    if (!names) return std::unexpected(names.error());
    walk->names = std::move(*names);
  }
  walk->entries.resize(walk->names.size());
  const StatCache::Files* known = settings_.known.find(walk->path);
  struct Later {
    std::size_t index;
    Next next;
  };
  std::vector<Later> later;
  for (std::size_t i = 0; i < walk->names.size(); ++i) {
    const auto next = look_at(*walk, i, known);
    if (!next) return std::unexpected(next.error());
    if (next->what != Next::nothing) later.push_back({i, *next});
  }
  walk->open += later.size();
  for (const auto& [index, next] : std::views::reverse(later)) {
    if (next.what == Next::enter) {
      crew_.add([this, walk, index] { enter(walk, index); }, kWeightOfFolder);
    } else {
      crew_.add([this, walk, index] { leave(walk, read(*walk, index)); },
                kWeightOfObject + next.bytes / kBytesForWeight);
    }
  }
  return {};
}

Result<SourceScan::Next> SourceScan::look_at(Walk& walk, std::size_t index, const StatCache::Files* known) {
  const std::string& name = walk.names[index];
  const std::string path = walk.path_of(index);
  const SourceName at{walk.fd(), path, name, walk.depth + 1};
  const auto seen = names_.look(at);
  if (!seen) return std::unexpected(seen.error());
  if (!*seen) return Next{};
  if (S_ISDIR((*seen)->st_mode)) return Next{.what = Next::enter};
  if (S_ISLNK((*seen)->st_mode)) {
    auto link = names_.link(at);
    if (!link) return std::unexpected(link.error());
    walk.entries[index].tree = std::move(*link);
    return Next{};
  }
  const Next to_read{.what = Next::read, .bytes = static_cast<std::size_t>((*seen)->st_size)};
  const StatCache::File* file = known == nullptr ? nullptr : find_file(*known, name);
  if (file == nullptr || file->stat != stat_of(**seen)) return to_read;
  const TreeEntry* base = find_entry(walk.before, name);
  const bool is_stored = (base != nullptr && base->id == file->id) || settings_.objects.has(file->id);
  if (!is_stored) return to_read;
  set_file(walk, index, {.stat = **seen, .id = file->id});
  return Next{};
}

Result<void> SourceScan::read(Walk& walk, std::size_t index) {
  if (is_failed_) return {};
  const std::string path = walk.path_of(index);
  const auto content = names_.read_file({walk.fd(), path, walk.names[index], walk.depth + 1});
  if (!content) return std::unexpected(content.error());
  if (!*content) return {};
  set_file(walk, index, **content);
  walk.entries[index].was_read = true;
  return {};
}

void SourceScan::set_file(Walk& walk, std::size_t index, const SourceNames::Content& content) const {
  const std::string& name = walk.names[index];
  const FileStat stat = stat_of(content.stat);
  TreeEntry entry{.name = name,
                  .kind = (content.stat.st_mode & S_IXUSR) != 0 ? EntryKind::executable : EntryKind::file,
                  .mtime_s = stat.mtime_s,
                  .size = stat.bytes,
                  .id = content.id};
  keep_mtime(entry, find_entry(walk.before, name));
  walk.entries[index].tree = std::move(entry);
  if (std::max(stat.mtime_s, stat.ctime_s) < settings_.trusted_before_s) walk.entries[index].known = stat;
}

/// The task of a folder: it ends with all that is beneath.
void SourceScan::enter(const WalkOf& walk, std::size_t index) {
  if (is_failed_) return leave(walk, {});
  const TreeEntry* base = find_entry(walk->before, walk->names[index]);
  const bool was_folder = base != nullptr && base->kind == EntryKind::folder;
  const std::string path = walk->path_of(index);
  const auto child = open({walk->fd(), path, walk->names[index], walk->depth + 1}, was_folder ? base->id : ObjectId{});
  if (!child) return leave(walk, std::unexpected(child.error()));
  if (!*child) return leave(walk, {});
  (*child)->parent = walk;
  (*child)->index = index;
  leave(*child, look_into(*child));
}

void SourceScan::leave(WalkOf walk, const Result<void>& result) {
  if (!result) fail(result.error());
  while (walk != nullptr && --walk->open == 0) {
    if (const auto ended = end(*walk); !ended) fail(ended.error());
    walk = walk->parent;
  }
}

Result<void> SourceScan::end(Walk& walk) {
  gather(walk);
  if (is_failed_ || !walk.stream) return {};
  const auto tree = tree_of(walk);
  if (!tree) return std::unexpected(tree.error());
  if (!walk.base.is_nothing() && *tree == walk.before) {
    walk.id = walk.base;
  } else {
    const auto stored = settings_.folders.store(*tree);
    if (!stored) return failure(stored.error(), "store the folder " + names_.shown(walk.path));
    walk.id = *stored;
  }
  if (walk.parent) {
    const std::string& name = walk.parent->names[walk.index];
    walk.parent->entries[walk.index].tree = TreeEntry{.name = name, .kind = EntryKind::folder, .id = walk.id};
  }
  return {};
}

/// What was found is remembered also when something else fails.
void SourceScan::gather(Walk& walk) {
  StatCache::Files files;
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : walk.entries) {
    if (!entry.tree || entry.tree->kind == EntryKind::folder) continue;
    ++found_.totals.files;
    found_.totals.bytes += entry.tree->size;
    if (entry.was_read) ++found_.files_read;
    if (entry.known) files.push_back({entry.tree->name, *entry.known, entry.tree->id});
  }
  if (walk.stream && !files.empty()) found_.cache.set(walk.path, std::move(files));
}

/// As it is, provided that the names are those that were looked at.
Result<Tree> SourceScan::tree_of(Walk& walk) const {
  struct stat after{};
  const int fd = walk.fd();
  assert(fd >= 0);
  if (::fstat(fd, &after) != 0) return names_.failed(walk.path, "look at", errno);
  if (stat_of(walk.seen) != stat_of(after) || after.st_mtim.tv_sec >= settings_.trusted_before_s) {
    const auto names = names_of(walk);
    if (!names) return std::unexpected(names.error());
    if (*names != walk.names) return names_.changing(walk.path);
  }
  Tree tree;
  tree.entries.reserve(walk.entries.size());
  for (Entry& entry : walk.entries) {
    if (entry.tree) tree.entries.push_back(std::move(*entry.tree));
  }
  return tree;
}

Result<std::vector<std::string>> SourceScan::names_of(Walk& walk) const {
  const std::string inside = walk.path.empty() ? "" : walk.path + "/";
  std::string at;
  auto names = names_in(walk.stream.get(), [&](std::string_view name) {
    at.assign(inside).append(name);
    return names_.is_excluded(at, true) && names_.is_excluded(at, false);
  });
  if (!names) return names_.failed(walk.path, "list", names.error());
  if (names->size() > limits::kFolderEntriesMax) {
    return names_.refused(walk.path,
                          fmt::format("holds more than {} names: split it or exclude some", limits::kFolderEntriesMax));
  }
  return std::move(*names);
}

void SourceScan::fail(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (!is_failed_.exchange(true)) result_ = std::unexpected(error);
}

}  // namespace serin::release
