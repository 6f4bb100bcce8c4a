#include "agent/apply/tree_change_dir.h"

#include <map>
#include <optional>

#include "agent/apply/folder_dir.h"
#include "agent/apply/tree_lookup.h"
#include "agent/apply/tree_writer_dir.h"
#include "protocol/text.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

bool is_file(const TreeEntry& entry) {
  return entry.kind == EntryKind::file || entry.kind == EntryKind::executable;
}

/// Answers where each new file comes from. The paths come in order.
class Finder {
 public:
  Finder(FolderRoot made, FolderRoot pulled, std::optional<FolderRoot> live, const TreeSources& sources,
         const TreeLoader& load)
      : made_(std::move(made)),
        pulled_(std::move(pulled)),
        live_(std::move(live)),
        shelf_(sources.shelf),
        live_tree_(live_ ? sources.live_root : ObjectId{}, load) {}

  Result<FileSource> find(const std::string& path, const TreeEntry& entry) {
    using How = FileSource::How;
    const TreeEntry* there = live_tree_.find(path);
    if (there != nullptr && is_file(*there) && there->id == entry.id) {
      return FileSource{&*live_, path, *there == entry ? How::link : How::copy};
    }
    if (const auto first = moved_.find(entry.id); first != moved_.end()) {
      return FileSource{&made_, first->second, How::copy};
    }
    if (!shelf_.has_file(entry.id)) {
      return failure(ErrorKind::corrupt, printable(path) + ": its content is neither live nor was it pulled");
    }
    shelf_.give_away(entry.id);
    moved_.emplace(entry.id, path);
    return FileSource{&pulled_, entry.id.hex(), How::take};
  }

 private:
  FolderRoot made_, pulled_;
  std::optional<FolderRoot> live_;
  ObjectShelf& shelf_;
  TreeLookup live_tree_;
  std::map<ObjectId, std::string> moved_;  ///< pulled content -> the path that it moved to
};

}  // namespace

Result<void> change_tree(const fs::path& folder, const ObjectId& from, const ObjectId& to, const TreeSources& sources) {
  const TreeLoader load = [&](const ObjectId& id) { return sources.shelf.tree(id); };
  const auto changes = diff_trees(from, to, load);
  if (!changes) return std::unexpected(changes.error());
  auto writer = TreeWriter::open(folder, sources.scratch, sources.share);
  if (!writer) return std::unexpected(writer.error());
  auto made = FolderRoot::open(folder);
  if (!made) return std::unexpected(made.error());
  auto pulled = FolderRoot::open(sources.shelf.incoming());
  if (!pulled) return std::unexpected(pulled.error());
  std::optional<FolderRoot> live;
  if (!sources.live_root.is_nothing()) {
    auto opened = FolderRoot::open(sources.live);
    if (!opened) return std::unexpected(opened.error());
    live = std::move(*opened);
  }
  Finder finder(std::move(*made), std::move(*pulled), std::move(live), sources, load);
  const auto find = [&](const std::string& path, const TreeEntry& entry) { return finder.find(path, entry); };
  if (!from.is_nothing()) {
    TreeLookup before(from, load);
    for (const KeptLink& link : sources.kept) {
      const auto is_released = [&](const std::string& path) { return before.find(path) != nullptr; };
      if (auto removed = writer->remove_link(link.path, is_released); !removed) return removed;
    }
  }
  if (auto applied = writer->apply(*changes, find); !applied) return applied;
  for (const KeptLink& link : sources.kept) {
    if (auto added = writer->add_link(link.path, link.target); !added) return added;
  }
  return writer->sync();
}

}  // namespace serin::apply
