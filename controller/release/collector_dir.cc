#include "controller/release/collector_dir.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <tuple>
#include <unordered_set>
#include <vector>

#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/tree.h"

namespace serin::release {

namespace fs = std::filesystem;

namespace {

constexpr unsigned kParts = 256;

std::unexpected<Error> stopped() {
  return failure(ErrorKind::busy, "stopped");
}

Result<std::unordered_set<ObjectId>> reached_from(const std::vector<ObjectId>& roots,
                                                  const posix::ObjectWriter& objects, const std::stop_token& stop) {
  std::unordered_set<ObjectId> reached;
  std::vector<ObjectId> folders;
  for (const ObjectId& root : roots) {
    if (!root.is_nothing() && reached.insert(root).second) folders.push_back(root);
  }
  while (!folders.empty()) {
    if (stop.stop_requested()) return stopped();
    const ObjectId id = folders.back();
    folders.pop_back();
    const auto bytes = objects.read(id, limits::kTreeObjectBytesMax);
    if (!bytes) {
      return failure(bytes.error().kind,
                     fmt::format("a release that is kept is not whole in the store: {}. Nothing goes until a deploy of "
                                 "the whole source made it anew, or the release is kept no longer (keep_releases)",
                                 bytes.error().text));
    }
    const auto tree = decode_tree(*bytes);
    if (!tree) return std::unexpected(tree.error());
    for (const TreeEntry& entry : tree->entries) {
      if (entry.id.is_nothing() || !reached.insert(entry.id).second) continue;
      if (entry.kind == EntryKind::folder) folders.push_back(entry.id);
    }
  }
  return reached;
}

}  // namespace

Result<CollectResult> collect_objects(posix::ObjectWriter& objects, const CollectRequest& request, std::int64_t wall_s,
                                      const std::stop_token& stop) {
  const auto reached = reached_from(request.roots, objects, stop);
  if (!reached) return std::unexpected(reached.error());
  CollectResult result;
  for (unsigned part = 0; part < kParts; ++part) {
    const auto ids = objects.list(static_cast<unsigned char>(part));
    if (!ids) return std::unexpected(ids.error());
    for (const ObjectId& id : *ids) {
      if (stop.stop_requested()) return stopped();
      if (reached->contains(id)) {
        ++result.objects_kept;
        continue;
      }
      struct stat found{};
      if (::lstat(objects.path_of(id).c_str(), &found) != 0) continue;
      if (wall_s - found.st_mtim.tv_sec < kObjectsKept_s) {
        ++result.objects_kept;
        continue;
      }
      if (!request.dry_run) {
        if (auto removed = objects.remove(id); !removed) return std::unexpected(removed.error());
      }
      ++result.objects;
      result.bytes += static_cast<std::uint64_t>(found.st_size);
    }
  }
  return result;
}

}  // namespace serin::release
