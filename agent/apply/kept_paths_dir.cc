#include "agent/apply/kept_paths_dir.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/apply/folder_dir.h"
#include "agent/apply/stray_files_dir.h"
#include "agent/apply/tree_lookup.h"
#include "protocol/posix/files.h"
#include "protocol/settings_reader.h"
#include "protocol/text.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

std::unexpected<Error> refused(const std::string& text) {
  return failure(ErrorKind::refused, text);
}
std::unexpected<Error> failed(const std::string& doing, const fs::path& path) {
  return std::unexpected(posix::errno_error(doing + " " + printable(path.string()), errno));
}

fs::file_type type_of(const fs::path& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type();
}

std::string text_of_link(const fs::path& path) {
  std::error_code error;
  return fs::read_symlink(path, error).string();
}

bool is_empty_folder(const fs::path& path) {
  std::error_code error;
  return type_of(path) == fs::file_type::directory && fs::is_empty(path, error) && !error;
}

/// The same file or folder at the end of both.
bool lead_to_the_same(const fs::path& a, const fs::path& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) && !error;
}

/// The folders above it in the tree: "a/b/c" -> "a", "a/b".
std::vector<std::string> parents_of(const std::string& path) {
  std::vector<std::string> parents;
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    parents.push_back(path.substr(0, slash));
  }
  return parents;
}

/// A new folder with owner, group and mode of another; one that is there stays as it is.
Result<void> make_like(const fs::path& folder, const struct stat& like) {
  if (::mkdir(folder.c_str(), 0700) != 0) return errno == EEXIST ? Result<void>{} : failed("make the folder", folder);
  if (::chown(folder.c_str(), like.st_uid, like.st_gid) != 0) return failed("give away", folder);
  if (::chmod(folder.c_str(), like.st_mode & 07777U) != 0) return failed("chmod", folder);
  return posix::sync_folder(folder.parent_path());
}

/// `home`/PATH as it stands in a link at TREES/NAME/PATH.
std::string target_of(const std::string& path, const fs::path& trees, const fs::path& home, const fs::path& around) {
  const bool together =
      settings::lies_in(trees.string(), around.string()) && settings::lies_in(home.string(), around.string());
  if (!together) return (home / path).string();
  return (home / path).lexically_relative((trees / "NAME" / path).parent_path()).string();
}

/// A link there, whatever was there before; never nothing.
Result<void> replace_by_link(const fs::path& at, const std::string& target) {
  const fs::path fresh = at.string() + ".serin-new";
  if (::unlink(fresh.c_str()) != 0 && errno != ENOENT) return failed("remove", fresh);
  if (::symlink(target.c_str(), fresh.c_str()) != 0) return failed("make the link", fresh);
  if (::rename(fresh.c_str(), at.c_str()) != 0) return failed("rename", fresh);
  return posix::sync_folder(at.parent_path());
}

Result<void> make_link(const fs::path& folder, const KeptLink& link) {
  for (const std::string& parent : parents_of(link.path)) {
    const fs::path path = folder / parent;
    if (::mkdir(path.c_str(), 0755) == 0) {
      if (::chmod(path.c_str(), 0755) != 0) return failed("chmod", path);
      if (auto synced = posix::sync_folder(path.parent_path()); !synced) return synced;
    } else if (errno != EEXIST) {
      return failed("make the folder", path);
    }
  }
  const fs::path at = folder / link.path;
  if (::symlink(link.target.c_str(), at.c_str()) != 0) return failed("make the link", at);
  return posix::sync_folder(at.parent_path());
}

/// Moves what is real at the link's path in the tree to `home`, and leaves the link there: one exchange. The
/// application may own the tree: no folder that became a link meanwhile leads out of it.
Result<void> move_out(const fs::path& folder, const KeptLink& link, const fs::path& home) {
  auto root = FolderRoot::open(folder);
  if (!root) return std::unexpected(root.error());
  const auto parent = root->folder(parent_of(link.path));
  if (!parent) return std::unexpected(parent.error());
  if (::symlink(link.target.c_str(), home.c_str()) != 0) return failed("make the link", home);
  if (auto exchanged = exchange_names(*parent, name_in(link.path), home); !exchanged) {
    ::unlink(home.c_str());
    return exchanged;
  }
  if (auto synced = posix::sync_folder(home.parent_path()); !synced) return synced;
  return ::fsync(*parent) == 0 ? Result<void>{} : failed("fsync", folder / parent_of(link.path));
}

}  // namespace

Result<KeptPaths> KeptPaths::open(const agent::ApplicationSettings& settings, const fs::path& live,
                                  const fs::path& slots_dir) {
  KeptPaths kept;
  if (settings.keep.empty()) return kept;
  const fs::path keep_dir = settings.keep_dir.empty() ? fs::path(live.string() + ".kept") : fs::path(settings.keep_dir);
  if (auto made = posix::make_folders(keep_dir / settings.name, 0755); !made) return std::unexpected(made.error());
  std::error_code error;
  kept.paths_ = settings.keep;
  kept.home_ = fs::canonical(keep_dir / settings.name, error);
  const fs::path slots = fs::canonical(slots_dir, error);
  const fs::path around = fs::canonical(live.parent_path(), error);
  if (kept.home_.empty() || slots.empty() || around.empty()) {
    return std::unexpected(posix::errno_error("find the folders around " + live.string(), error.value()));
  }
  struct stat like{};
  if (::stat(kept.home_.c_str(), &like) != 0) return failed("look at", kept.home_);
  for (const agent::KeptPath& path : settings.keep) {
    kept.slot_links_.push_back({path.path, target_of(path.path, slots, kept.home_, around)});
    kept.folder_links_.push_back({path.path, target_of(path.path, around, kept.home_, around)});
    for (const std::string& parent : parents_of(path.path)) {
      if (auto made = make_like(kept.home_ / parent, like); !made) return std::unexpected(made.error());
    }
    if (!path.folder) continue;
    if (auto made = make_like(kept.home_ / path.path, like); !made) return std::unexpected(made.error());
  }
  return kept;
}

Result<void> KeptPaths::check_release(const ObjectId& root, const TreeLoader& load) const {
  TreeLookup lookup(root, load);
  for (const agent::KeptPath& kept : paths_) {
    for (const std::string& parent : parents_of(kept.path)) {
      const TreeEntry* entry = lookup.find(parent);
      if (entry != nullptr && entry->kind != EntryKind::folder) {
        return refused(
            fmt::format("in the release {} is no folder, and this host keeps {}: leave it out of the source "
                        "tree, or {} out of keep in the agent's configuration",
                        printable(parent), printable(kept.path), printable(kept.path)));
      }
    }
    if (lookup.find(kept.path) == nullptr) continue;
    return refused(
        fmt::format("the release has {}, which this host keeps: leave it out of the source tree, or out of "
                    "keep in the agent's configuration",
                    printable(kept.path)));
  }
  return {};
}

// ---- trees that stand ----

Result<KeptPaths::Remedy> KeptPaths::remedy_for_link(const fs::path& at, const KeptLink& link) const {
  if (text_of_link(at) == link.target) return Remedy::nothing;
  if (lead_to_the_same(at, kept(link))) return Remedy::relink;
  if (is_free(link) || is_empty_folder(kept(link))) return Remedy::keep_link;
  return refused(fmt::format("{} is a link to {}, and there is {} too: remove one of them", printable(at.string()),
                             printable(text_of_link(at)), printable(kept(link).string())));
}

Result<KeptPaths::Remedy> KeptPaths::remedy_for_real(const fs::path& at, const KeptLink& link) const {
  const std::string here = printable(at.string());
  const std::string there = printable(kept(link).string());
  if (is_mount_point(at)) return refused(fmt::format("{} is a mount point: mount {} instead", here, there));
  const bool both_folders = type_of(at) == fs::file_type::directory && is_empty_folder(kept(link));
  if (!is_free(link) && !both_folders) {
    return refused(fmt::format("{} is to be kept, and there is {} too: move what is needed there and remove {}", here,
                               there, here));
  }
  struct stat from{};
  struct stat to{};
  if (::lstat(at.c_str(), &from) != 0) return failed("look at", at);
  if (::stat(home_.c_str(), &to) != 0) return failed("look at", home_);
  if (from.st_dev != to.st_dev) {
    return refused(
        fmt::format("{} is to be kept in {}, which lies on another filesystem, so that it cannot be moved "
                    "without an absent moment: set keep_dir on the same one, or stop the application and "
                    "move it",
                    here, home_.string()));
  }
  return Remedy::move;
}

Result<KeptPaths::Remedy> KeptPaths::remedy_for_released(const fs::path& at, const KeptLink& link,
                                                         const TreeEntry& entry, const TreeLoader& load) const {
  const std::string here = printable(at.string());
  const std::string there = printable(kept(link).string());
  if (is_free(link) || is_empty_folder(kept(link))) {
    return refused(
        fmt::format("{} came with the live release and is to be kept from now on: copy it to {} first", here, there));
  }
  if (entry.kind != EntryKind::folder || type_of(at) != fs::file_type::directory) return Remedy::nothing;
  const auto strays = find_stray_files(at, entry.id, load, {});
  if (!strays) return std::unexpected(strays.error());
  if (strays->count == 0) return Remedy::nothing;
  return refused(
      fmt::format("{} came with the live release, is to be kept from now on, and holds what no release has: "
                  "move these files to {}: {}",
                  here, there, strays->text));
}

Result<KeptPaths::Remedy> KeptPaths::remedy_for(const StandingTree& tree, const KeptLink& link,
                                                const TreeLoader& load) const {
  for (const std::string& parent : parents_of(link.path)) {
    const fs::file_type type = type_of(tree.folder / parent);
    if (type == fs::file_type::not_found) return Remedy::link;
    if (type != fs::file_type::directory) {
      return refused(fmt::format("{} is no folder, and {} is to be kept beneath it: keep {} itself",
                                 printable((tree.folder / parent).string()), printable(link.path), printable(parent)));
    }
  }
  const fs::path at = tree.folder / link.path;
  const fs::file_type type = type_of(at);
  if (type == fs::file_type::not_found) return Remedy::link;
  if (type == fs::file_type::symlink && text_of_link(at) == link.target) return Remedy::nothing;
  TreeLookup lookup(tree.root, load);
  if (const TreeEntry* entry = lookup.find(link.path)) return remedy_for_released(at, link, *entry, load);
  return type == fs::file_type::symlink ? remedy_for_link(at, link) : remedy_for_real(at, link);
}

bool KeptPaths::is_free(const KeptLink& link) const {
  const fs::file_type type = type_of(kept(link));
  if (type == fs::file_type::not_found) return true;
  if (type != fs::file_type::symlink) return false;
  // A crash before an exchange leaves the link that should have gone to the other place.
  const std::string text = text_of_link(kept(link));
  const auto is_it = [&](const KeptLink& each) { return each.path == link.path && each.target == text; };
  return std::ranges::any_of(slot_links_, is_it) || std::ranges::any_of(folder_links_, is_it);
}

/// Only an empty folder, or what a crash left.
Result<void> KeptPaths::clear_kept(const KeptLink& link) const {
  if (type_of(kept(link)) == fs::file_type::directory) {
    if (::rmdir(kept(link).c_str()) != 0) return failed("replace", kept(link));
  } else if (is_free(link) && ::unlink(kept(link).c_str()) != 0 && errno != ENOENT) {
    return failed("replace", kept(link));
  }
  return {};
}

Result<void> KeptPaths::apply(Remedy remedy, const fs::path& folder, const KeptLink& link) const {
  const fs::path at = folder / link.path;
  switch (remedy) {
    case Remedy::nothing:
      return {};
    case Remedy::link:
      return make_link(folder, link);
    case Remedy::keep_link: {
      std::error_code error;
      const fs::path target = fs::weakly_canonical(at.parent_path() / text_of_link(at), error);
      if (error) return std::unexpected(posix::errno_error("follow " + at.string(), error.value()));
      if (auto cleared = clear_kept(link); !cleared) return cleared;
      if (auto made = replace_by_link(kept(link), target.string()); !made) return made;
      return replace_by_link(at, link.target);
    }
    case Remedy::relink:
      return replace_by_link(at, link.target);
    case Remedy::move:
      if (auto cleared = clear_kept(link); !cleared) return cleared;
      return move_out(folder, link, kept(link));
  }
  return {};
}

Result<void> KeptPaths::check(const StandingTree& tree, const std::vector<KeptLink>& links,
                              const TreeLoader& load) const {
  for (const KeptLink& link : links) {
    if (const auto remedy = remedy_for(tree, link, load); !remedy) return std::unexpected(remedy.error());
  }
  return {};
}

Result<void> KeptPaths::settle(const StandingTree& tree, const std::vector<KeptLink>& links,
                               const TreeLoader& load) const {
  Result<void> first;
  for (const KeptLink& link : links) {
    const auto remedy = remedy_for(tree, link, load);
    const Result<void> done = remedy ? apply(*remedy, tree.folder, link) : std::unexpected(remedy.error());
    if (!done && first) first = done;
  }
  return first;
}

Result<void> KeptPaths::fill(const fs::path& folder, const std::vector<KeptLink>& links) const {
  Result<void> first;
  for (const KeptLink& link : links) {
    if (type_of(folder / link.path) != fs::file_type::not_found) continue;
    if (auto made = make_link(folder, link); !made && first) first = made;
  }
  return first;
}

}  // namespace serin::apply
