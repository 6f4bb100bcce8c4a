#include "controller/release/release_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <unordered_map>

#include "controller/release/collector_dir.h"
#include "controller/release/source_scan_dir.h"
#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/posix/system_clock.h"
#include "protocol/text.h"

namespace serin::release {

namespace {

constexpr int kTries = 3;
/// Older than the coarsest clock of a file system (FAT: 2 s).
constexpr std::int64_t kTrustedAge_s = 2;
constexpr std::size_t kCacheBytesMax = 512U << 20;
constexpr mode_t kCacheFolderMode = 0700;
constexpr mode_t kCacheMode = 0600;

struct Source {
  posix::UniqueFd fd;
  std::vector<std::string> names;  ///< as configured and as the kernel calls it
};

Result<Source> open_source(const std::string& path) {
  Source source{.fd = posix::UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), .names = {path}};
  if (!source.fd) {
    const int error = errno;
    const std::string shown = printable(path);
    if (error == ENOENT) {
      return failure(ErrorKind::refused,
                     fmt::format("the source {} does not exist: create it, or set `source` in controller.toml", shown));
    }
    if (error == ENOTDIR) {
      return failure(ErrorKind::refused,
                     fmt::format("the source {} is not a folder: set `source` in controller.toml to one", shown));
    }
    if (error == EACCES || error == EPERM) {
      return failure(ErrorKind::refused,
                     fmt::format("the source {} cannot be read by the controller's user (id {}): give it the right to "
                                 "with chmod or setfacl, on the folders above it too",
                                 shown, ::geteuid()));
    }
    return std::unexpected(posix::errno_error("open the source " + shown, error));
  }
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (real) source.names.emplace_back(real.get());
  return source;
}

/// Only a hint: a link in the way is refused by the scan.
bool names_a_folder(const Source& source, const std::vector<std::string>& paths) {
  return std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
    struct stat found{};
    return ::fstatat(source.fd.get(), path.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(found.st_mode);
  });
}

std::unexpected<Error> no_files(const std::string& source, bool some_excluded) {
  const std::string shown = printable(source);
  if (some_excluded) {
    return failure(ErrorKind::refused,
                   fmt::format("everything in the source {} is excluded: see `exclude` in controller.toml", shown));
  }
  return failure(ErrorKind::refused,
                 fmt::format("the source {} holds no file: is it mounted, and is it the right folder?", shown));
}

}  // namespace

/// The store and, for the time of one build, the folders that it made.
struct ReleaseDir::Parts {
  posix::ObjectWriter objects;
  std::filesystem::path cache_folder;
  BuildOutside outside;
  std::vector<std::pair<ObjectId, std::int64_t>> built;  ///< roots and when, of the last hour
  std::mutex folders_mutex;
  std::unordered_map<ObjectId, Tree> folders_made;
  FolderStore folders{
      .load = [this](const ObjectId& id) { return load(id); },
      .store = [this](const Tree& tree) { return store(tree); },
  };

  Parts(posix::ObjectWriter writer, std::filesystem::path folder, BuildOutside around)
      : objects(std::move(writer)), cache_folder(std::move(folder)), outside(std::move(around)) {}

  Result<Tree> load(const ObjectId& id) {
    {
      const std::lock_guard lock(folders_mutex);
      if (const auto made = folders_made.find(id); made != folders_made.end()) return made->second;
    }
    const auto bytes = objects.read(id, limits::kTreeObjectBytesMax);
    // A release is whole or it is not: what is missing is damage, too.
    if (!bytes && bytes.error().kind == ErrorKind::not_found) return failure(ErrorKind::corrupt, bytes.error().text);
    if (!bytes) return std::unexpected(bytes.error());
    return decode_tree(*bytes);
  }

  /// `otherwise` where the object of the release before is lost or damaged.
  Result<Tree> load_or(const ObjectId& id, const Tree& otherwise) {
    auto tree = load(id);
    return tree || tree.error().kind != ErrorKind::corrupt ? tree : otherwise;
  }

  Result<ObjectId> store(const Tree& tree) {
    const std::string bytes = encode_tree(tree);
    if (bytes.size() > limits::kTreeObjectBytesMax) {
      return failure(ErrorKind::refused,
                     fmt::format("its list of names has {}, more than the {} allowed: split it",
                                 bytes_text(bytes.size()), bytes_text(limits::kTreeObjectBytesMax)));
    }
    auto id = objects.put(bytes);
    if (!id) return id;
    const std::lock_guard lock(folders_mutex);
    folders_made.emplace(*id, tree);
    return id;
  }

  Result<BuildResult> build(const BuildRequest& request, const Source& source, const std::vector<std::string>& paths);
  Result<BuildResult> compare(const BuildRequest& request, const ObjectId& root, const std::optional<Totals>& scanned);
  Result<ObjectId> over_base(const BuildRequest& request, const std::vector<std::string>& paths,
                             const ExcludePatterns& exclude, SourceScan& scan);
  [[nodiscard]] StatCache read_cache(const BuildRequest& request) const;
  void write_cache(const BuildRequest& request, const StatCache& before, const StatCache& after) const;
};

StatCache ReleaseDir::Parts::read_cache(const BuildRequest& request) const {
  const auto bytes = posix::read_file(cache_folder / request.application, kCacheBytesMax);
  if (!bytes) return {};
  return StatCache::decode(*bytes, request.source).value_or(StatCache{});
}

/// When that fails the next build is slower, and as right.
void ReleaseDir::Parts::write_cache(const BuildRequest& request, const StatCache& before,
                                    const StatCache& after) const {
  if (after == before) return;
  [[maybe_unused]] const auto replaced =
      posix::replace_file(cache_folder / request.application, after.encode(request.source), kCacheMode);
}

Result<ObjectId> ReleaseDir::Parts::over_base(const BuildRequest& request, const std::vector<std::string>& paths,
                                              const ExcludePatterns& exclude, SourceScan& scan) {
  std::vector<Overlay> overlays;
  for (const std::string& path : paths) {
    const auto before = find_path(request.base, path, folders.load);
    if (!before) return std::unexpected(before.error());
    auto is = scan.at(path, *before);
    if (!is) return std::unexpected(is.error());
    std::error_code unknown;
    if (!*is && std::filesystem::is_empty(request.source, unknown)) return no_files(request.source, false);
    const std::string* pattern = *is || *before ? nullptr : exclude.match_with_folders(path, true);
    if (pattern != nullptr) {
      return failure(ErrorKind::refused, fmt::format("{} is excluded by '{}': see `exclude` in controller.toml",
                                                     printable(path), printable(*pattern)));
    }
    overlays.push_back({path, std::move(*is)});
  }
  return lay_over(request.base, overlays, folders);
}

Result<BuildResult> ReleaseDir::Parts::build(const BuildRequest& request, const Source& source,
                                             const std::vector<std::string>& paths) {
  const bool is_whole = paths.empty() || paths.front().empty();
  const ExcludePatterns exclude(request.exclude);
  // For a few files the cache would cost more than it saves.
  const bool use_cache = is_whole || names_a_folder(source, paths);
  const StatCache known = use_cache ? read_cache(request) : StatCache{};
  // A lost folder is made anew, mostly under the same name. None has an entry without a name: none is taken for it.
  const FolderStore mended{.load = [this](const ObjectId& id) { return load_or(id, Tree{.entries = {TreeEntry{}}}); },
                           .store = folders.store};
  SourceNames names(
      {.source = request.source, .exclude = exclude, .objects = objects, .opened = outside.opened_to_read});
  SourceScan scan({.source_fd = source.fd.get(),
                   .exclude = exclude,
                   .known = known,
                   .objects = objects,
                   .folders = is_whole ? mended : folders,
                   .trusted_before_s = outside.wall_seconds() - kTrustedAge_s,
                   .threads = outside.threads},
                  names);
  const auto root = is_whole ? scan.whole(request.base) : over_base(request, paths, exclude, scan);
  if (is_whole && root && scan.found().totals.files == 0) return no_files(request.source, names.some_excluded());
  if (use_cache) {
    // What was read before a failure need not be read again either.
    StatCache now_known = root && is_whole ? StatCache{} : known;
    if (root) {
      for (const std::string& path : paths) now_known.remove(path);
    }
    now_known.take(scan.found().cache);
    write_cache(request, known, now_known);
  }
  if (!root) return std::unexpected(root.error());
  auto result = compare(request, *root, is_whole ? std::optional(scan.found().totals) : std::nullopt);
  if (!result) return result;
  result->files_read = scan.found().files_read;
  if (auto synced = objects.sync(); !synced) return failure(synced.error(), "make the release durable");
  return result;
}

/// What the release before is known to hold is compared with; what of it is lost counts as added.
Result<BuildResult> ReleaseDir::Parts::compare(const BuildRequest& request, const ObjectId& root,
                                               const std::optional<Totals>& scanned) {
  auto result = conclude(request, root, scanned, folders.load);
  if (result || !scanned || result.error().kind != ErrorKind::corrupt) return result;
  if (!request.yes_delete) {
    return failure(ErrorKind::refused,
                   fmt::format("what this would remove cannot be told, since a folder of the release before is lost "
                               "({}): is the source {} complete? Then: --yes-delete",
                               result.error().text, printable(request.source)));
  }
  return conclude(request, root, scanned, [this](const ObjectId& id) { return load_or(id, Tree{}); });
}

Result<BuildResult> ReleaseDir::build(const BuildRequest& request) {
  const auto source = open_source(request.source);
  if (!source) return std::unexpected(source.error());
  const auto paths = normal_paths(request.paths, source->names);
  if (!paths) return std::unexpected(paths.error());
  if (!paths->empty() && request.base.is_nothing()) {
    return failure(ErrorKind::refused,
                   fmt::format("{} has no release yet that a path could be laid over: deploy the whole source first",
                               request.application));
  }
  Result<BuildResult> result;
  for (int i = 0; i < kTries; ++i) {
    result = parts_->build(request, *source, *paths);
    parts_->folders_made.clear();
    if (result) parts_->built.emplace_back(result->root, parts_->outside.wall_seconds());
    if (result) return result;
    if (result.error().kind == ErrorKind::corrupt) {
      return failure(
          result.error(),
          "the release before is not whole in the store; deploying the whole source, without PATH, mends it");
    }
    if (result.error().kind != ErrorKind::busy) return result;
  }
  return failure(ErrorKind::refused, result.error().text);
}

Result<CollectResult> ReleaseDir::collect(const CollectRequest& request, const std::stop_token& stop) {
  const std::int64_t now_s = parts_->outside.wall_seconds();
  std::erase_if(parts_->built, [now_s](const auto& each) { return now_s - each.second >= kObjectsKept_s; });
  CollectRequest all = request;
  for (const auto& [root, at] : parts_->built) all.roots.push_back(root);
  return collect_objects(parts_->objects, all, now_s, stop);
}

Result<ReleaseDir> ReleaseDir::open(const std::filesystem::path& state_dir, BuildOutside outside) {
  auto objects = posix::ObjectWriter::open_folder(state_dir);
  if (!objects) return std::unexpected(objects.error());
  const auto cache_folder = state_dir / "scan";
  if (auto made = posix::make_folders(cache_folder, kCacheFolderMode); !made) return std::unexpected(made.error());
  if (!outside.wall_seconds) {
    outside.wall_seconds = [] {
      return std::chrono::floor<std::chrono::seconds>(posix::wall_time().time_since_epoch()).count();
    };
  }
  return ReleaseDir(std::make_unique<Parts>(std::move(*objects), cache_folder, std::move(outside)));
}

ReleaseDir::ReleaseDir(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ReleaseDir::ReleaseDir(ReleaseDir&&) noexcept = default;
ReleaseDir& ReleaseDir::operator=(ReleaseDir&&) noexcept = default;
ReleaseDir::~ReleaseDir() = default;

}  // namespace serin::release
