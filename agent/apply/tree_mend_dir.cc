#include "agent/apply/tree_mend_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>

#include "agent/apply/folder_dir.h"
#include "agent/apply/tree_lookup.h"
#include "agent/apply/tree_writer_dir.h"
#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

constexpr mode_t kFolderMode = 0755;

bool is_file(const TreeEntry& entry) {
  return entry.kind == EntryKind::file || entry.kind == EntryKind::executable;
}

bool needs_pull(const Drift& drift) {
  return drift.kind == DriftKind::missing || drift.kind == DriftKind::changed;
}

/// Removes a name beneath an open folder with all that it holds. Not through a link, wherever it leads.
Result<void> remove_name(int folder, const std::string& name) {
  return remove_tree(fs::path("/proc/self/fd") / std::to_string(folder) / name);
}

/// A tree on the host beside the live one.
struct OtherTree {
  FolderRoot disk;
  TreeWriter writer;
  ObjectId root;  ///< nothing: not known, the spare
};

class Mender {
 public:
  Mender(const Mender&) = delete;
  Mender& operator=(const Mender&) = delete;
  ~Mender() = default;
  Mender(SlotDir& slots, FolderRoot live, FolderRoot made, FolderRoot pulled, TreeWriter writer, const ObjectId& root)
      : slots_(slots),
        live_(std::move(live)),
        made_(std::move(made)),
        pulled_(std::move(pulled)),
        writer_(std::move(writer)),
        tree_(root, load_) {}

  static Result<std::unique_ptr<Mender>> open(SlotDir& slots, const Slot& live_slot) {
    const SlotDir::Folders folders = slots.folders();
    const fs::path path = folders.slots / live_slot.name;
    auto live = FolderRoot::open(path);
    if (!live) return std::unexpected(live.error());
    auto made = FolderRoot::open(path);
    if (!made) return std::unexpected(made.error());
    auto pulled = FolderRoot::open(folders.incoming);
    if (!pulled) return std::unexpected(pulled.error());
    auto writer = TreeWriter::open(path, folders.scratch);
    if (!writer) return std::unexpected(writer.error());
    auto mender = std::make_unique<Mender>(slots, std::move(*live), std::move(*made), std::move(*pulled),
                                           std::move(*writer), live_slot.root);
    if (auto opened = mender->open_others(live_slot); !opened) return std::unexpected(opened.error());
    return mender;
  }

  /// The content that has to be pulled for these.
  std::set<ObjectId> files_for(const std::vector<Drift>& drifts) {
    std::set<ObjectId> files;
    for (const Drift& drift : drifts) {
      if (drift.path.empty() || !needs_pull(drift)) continue;
      const TreeEntry* entry = tree_.find(drift.path);
      if (entry != nullptr && is_file(*entry)) files.insert(entry->id);
    }
    return files;
  }

  /// The trees whose files may be the live one's.
  Result<void> open_others(const Slot& live_slot) {
    const SlotDir::Folders folders = slots_.folders();
    for (const Slot& slot : slots_.slots()) {
      if (slot.name == live_slot.name) continue;
      if (auto opened = open_other(folders.slots / slot.name, folders.scratch, slot.root); !opened) return opened;
    }
    if (std::error_code error; !fs::is_directory(folders.spare, error)) return {};
    return open_other(folders.spare, folders.scratch, {});
  }

  Result<void> mend(const Drift& drift) {
    if (drift.path.empty()) return {};  // the root's object: it was pulled
    if (auto good = check_path(drift.path); !good) return good;
    const auto folder = live_.folder(parent_of(drift.path));
    if (!folder) return std::unexpected(folder.error());
    const std::string name = name_in(drift.path);
    const TreeEntry* known = tree_.find(drift.path);
    if ((known == nullptr) != (drift.kind == DriftKind::extra)) {
      return failure(ErrorKind::refused, printable(drift.path) + ": it is not what it was when it was looked at");
    }
    if (known == nullptr) {
      touched_.insert(parent_of(drift.path));
      return remove_name(*folder, name);
    }
    const TreeEntry entry = *known;
    struct stat there{};
    const bool exists = ::fstatat(*folder, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0;
    if (entry.kind == EntryKind::folder) return mend_folder(*folder, name, drift.path, entry, exists, there.st_mode);
    if (exists && S_ISDIR(there.st_mode)) {
      if (auto removed = remove_name(*folder, name); !removed) return removed;
    }
    if (auto made = writer_.apply({PathChange{drift.path, std::nullopt, entry}}, source_for(drift)); !made) return made;
    if (!exists || !S_ISREG(there.st_mode) || !is_file(entry)) return {};
    return replace_in_others(drift.path, entry, there);
  }

  Result<void> sync() {
    if (auto synced = writer_.sync(); !synced) return synced;
    for (OtherTree& other : others_) {
      if (auto synced = other.writer.sync(); !synced) return synced;
    }
    for (const std::string& path : touched_) {
      // One that went with a later path needs nothing.
      const auto folder = live_.folder(path);
      if (folder && ::fsync(*folder) != 0) return std::unexpected(posix::errno_error("fsync a folder", errno));
    }
    return {};
  }

 private:
  Result<void> open_other(const fs::path& path, const fs::path& scratch, const ObjectId& root) {
    auto disk = FolderRoot::open(path);
    if (!disk) return std::unexpected(disk.error());
    auto writer = TreeWriter::open(path, scratch);
    if (!writer) return std::unexpected(writer.error());
    others_.push_back({.disk = std::move(*disk), .writer = std::move(*writer), .root = root});
    return {};
  }

  /// Folders are nobody else's: their mode can be set where they stand.
  Result<void> mend_folder(int folder, const std::string& name, const std::string& path, const TreeEntry& entry,
                           bool exists, mode_t mode) {
    if (exists && S_ISDIR(mode)) {
      touched_.insert(path);
      if (::fchmodat(folder, name.c_str(), kFolderMode, 0) == 0) return {};
      return std::unexpected(posix::errno_error("chmod " + printable(path), errno));
    }
    if (exists) {
      if (auto removed = remove_name(folder, name); !removed) return removed;
    }
    return writer_.apply({PathChange{path, std::nullopt, entry}}, source_for({}));
  }

  FindSource source_for(const Drift& drift) {
    return [this, kind = drift.kind](const std::string& path, const TreeEntry& entry) -> Result<FileSource> {
      using How = FileSource::How;
      if (kind == DriftKind::mode || kind == DriftKind::mtime) return FileSource{&made_, path, How::copy};
      if (const auto first = moved_.find(entry.id); first != moved_.end()) {
        return FileSource{&made_, first->second, How::copy};
      }
      if (!slots_.has_file(entry.id)) {
        return failure(ErrorKind::not_found, printable(path) + ": its content was not pulled");
      }
      slots_.give_away(entry.id);
      moved_.emplace(entry.id, path);
      return FileSource{&pulled_, entry.id.hex(), How::take};
    };
  }

  /// Other trees that had the damaged file itself get the good one.
  Result<void> replace_in_others(const std::string& path, const TreeEntry& entry, const struct stat& damaged) {
    const auto find = [this](const std::string& at, const TreeEntry& /*of*/) -> Result<FileSource> {
      return FileSource{&made_, at, FileSource::How::link};
    };
    for (OtherTree& other : others_) {
      const auto folder = other.disk.folder(parent_of(path));
      struct stat there{};
      if (!folder || ::fstatat(*folder, name_in(path).c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (there.st_dev != damaged.st_dev || there.st_ino != damaged.st_ino) continue;
      if (!other.root.is_nothing()) {
        TreeLookup lookup(other.root, load_);
        const TreeEntry* its = lookup.find(path);
        if (its == nullptr || *its != entry) continue;
      }
      if (auto made = other.writer.apply({PathChange{path, std::nullopt, entry}}, find); !made) return made;
    }
    return {};
  }

  SlotDir& slots_;
  TreeLoader load_ = [this](const ObjectId& id) -> Result<Tree> {
    auto tree = slots_.tree(id);
    if (!tree) return failure(ErrorKind::not_found, "a folder's object is missing");
    return std::move(*tree);
  };
  FolderRoot live_, made_, pulled_;
  TreeWriter writer_;
  TreeLookup tree_;
  std::vector<OtherTree> others_;
  std::map<ObjectId, std::string> moved_;  ///< pulled content -> the path that it moved to
  std::set<std::string> touched_;
};

}  // namespace

MendResult mend_tree(SlotDir& slots, const MendJob& job, const std::stop_token& stop) {
  MendResult result{.drifts = job.drifts};
  const auto give_up = [&](const std::string& why) {
    if (result.trouble.empty()) result.trouble = why;
    return result;
  };
  const auto live = slots.live();
  if (!live || live->root != job.release.root) return give_up("another release is live since");
  auto mender = Mender::open(slots, *live);
  if (!mender) return give_up(mender.error().text);
  if (std::ranges::any_of(job.drifts, needs_pull)) {
    const auto pulled = job.pull(job.release, (*mender)->files_for(job.drifts), slots, stop);
    if (!pulled) result.trouble = pulled.error().text;
  }
  for (Drift& drift : result.drifts) {
    if (stop.stop_requested()) {
      result.trouble = "an order of a deployment took its place";
      break;
    }
    // What could not be pulled says so at its own path too; the rest is mended all the same.
    const auto mended = (*mender)->mend(drift);
    drift.mended = mended.has_value();
    if (!mended && result.trouble.empty()) result.trouble = mended.error().text;
  }
  if (auto synced = (*mender)->sync(); !synced) return give_up(synced.error().text);
  result.mended = static_cast<std::uint64_t>(std::ranges::count(result.drifts, true, &Drift::mended));
  return result;
}

}  // namespace serin::apply
