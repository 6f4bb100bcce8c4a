#include "agent/count/sibling_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "agent/count/log_names.h"

namespace serin::count {
namespace {

constexpr int kListingsMax = 5;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

/// Calls `wanted(name, inode)` for each entry of the folder; those that it wants and that are regular files.
template <class Wanted>
std::vector<Sibling> regular_files(const std::string& folder, Wanted wanted) {
  std::vector<Sibling> all;
  const std::string above = folder == "/" ? folder : folder + "/";
  const std::unique_ptr<DIR, CloseFolder> listing(::opendir(folder.c_str()));
  if (!listing) return all;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string name = entry->d_name;
    struct stat status{};
    if (!wanted(name, entry->d_ino) ||
        ::fstatat(::dirfd(listing.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode)) {
      continue;
    }
    all.push_back({.path = above + name,
                   .id = {.device = status.st_dev, .inode = status.st_ino},
                   .changed_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec});
  }
  return all;
}

}  // namespace

std::vector<Sibling> siblings_with_inode(const std::string& path, std::uint64_t inode) {
  return regular_files(split_source_path(path).folder,
                       [inode](const std::string&, std::uint64_t entry) { return entry == inode; });
}

Rotated rotated_since(const std::string& path, const FileId& old, std::int64_t changed_ns) {
  const auto at = split_source_path(path);
  const auto list = [&at] {
    auto all = regular_files(at.folder, [&at](const std::string& candidate, std::uint64_t) {
      return is_rotated_name_of(at.name, candidate);
    });
    std::ranges::sort(all, [](const Sibling& a, const Sibling& b) { return is_rotated_after(b.path, a.path); });
    return all;
  };
  const auto is_same = [](const Sibling& a, const Sibling& b) { return a.path == b.path && a.id == b.id; };
  // A file that is renamed while the folder is listed may stand in no list, or be gone when it is looked at.
  auto all = list();
  for (int again = 0; again < kListingsMax; ++again) {
    auto next = list();
    const bool is_still = std::ranges::equal(all, next, is_same);
    all = std::move(next);
    if (is_still) break;
  }
  const auto found = std::ranges::find(all, old, &Sibling::id);
  const bool is_there = found != all.end();
  if (is_there) all.erase(all.begin(), std::next(found));
  std::erase_if(all, [=](const Sibling& sibling) { return changed_ns == 0 || sibling.changed_ns < changed_ns; });
  return {.files = std::move(all), .all = is_there};
}

}  // namespace serin::count
