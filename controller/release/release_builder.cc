#include "controller/release/release_builder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <span>
#include <string_view>

#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::release {

namespace {

using Names = std::vector<std::string_view>;

/// The names of a path without "" and "."; nothing when ".." leads above its beginning.
std::optional<Names> resolve(std::string_view path) {
  Names names;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (name.empty() || name == ".") continue;
    if (name != "..") {
      names.push_back(name);
    } else if (names.empty()) {
      return std::nullopt;
    } else {
      names.pop_back();
    }
  }
  return names;
}

/// The names below the root; nothing when the path is not in one of them. Above "/" there is "/" again.
std::optional<Names> resolve_below(const std::string& path, const std::vector<std::string>& roots) {
  if (!path.starts_with('/')) return resolve(path);
  const auto names = resolve(path);
  if (!names) return std::nullopt;
  for (const std::string& root : roots) {
    const auto above = resolve(root);
    if (above && above->size() <= names->size() && std::equal(above->begin(), above->end(), names->begin())) {
      return Names(names->begin() + static_cast<std::ptrdiff_t>(above->size()), names->end());
    }
  }
  return std::nullopt;
}

/// Whether a folder above the path is named as well.
bool is_inside_another(const std::string& path, const std::set<std::string>& all) {
  if (path.empty()) return false;
  for (std::size_t end = path.rfind('/'); end != std::string::npos && end > 0; end = path.rfind('/', end - 1)) {
    if (all.contains(path.substr(0, end))) return true;
  }
  return all.contains("");
}

class Layer {
 public:
  explicit Layer(const FolderStore& store) : store_(store) {}

  /// `overlays` share the first `offset` bytes of their paths: those of this folder and its '/'.
  Result<ObjectId> folder(const ObjectId& base, std::span<const Overlay> overlays, std::size_t offset) {
    auto loaded = base.is_nothing() ? Result<Tree>(Tree{}) : store_.load(base);
    if (!loaded) return std::unexpected(loaded.error());
    Tree tree = *loaded;
    while (!overlays.empty()) {
      const std::string& path = overlays.front().path;
      const std::size_t end = std::min(path.find('/', offset), path.size());
      const std::string_view upto = std::string_view(path).substr(0, end);
      std::size_t count = 1;
      while (count < overlays.size() && overlays[count].path.starts_with(upto) && end < overlays[count].path.size() &&
             overlays[count].path[end] == '/') {
        ++count;
      }
      if (auto done = name(tree, overlays.first(count), offset, end); !done) return std::unexpected(done.error());
      overlays = overlays.subspan(count);
    }
    if (tree.entries.size() > limits::kFolderEntriesMax) {
      return failure(ErrorKind::refused, fmt::format("a folder would have {} entries, more than the {} allowed",
                                                     tree.entries.size(), limits::kFolderEntriesMax));
    }
    if (!base.is_nothing() && tree == *loaded) return base;
    return store_.store(tree);
  }

 private:
  /// One name of the folder: the end of a path, or a folder on the way to some.
  Result<void> name(Tree& tree, std::span<const Overlay> overlays, std::size_t offset, std::size_t end) {
    const Overlay& first = overlays.front();
    const std::string entry_name = first.path.substr(offset, end - offset);
    const TreeEntry* is = find_entry(tree, entry_name);
    if (end == first.path.size()) {
      if (!first.entry && is == nullptr) return missing(first.path);
      replace(tree, entry_name, first.entry);
      return {};
    }
    if (is != nullptr && is->kind != EntryKind::folder) {
      const std::string upto = printable(first.path.substr(0, end));
      return failure(ErrorKind::refused,
                     fmt::format("{} cannot be laid over the release before: there {} is no folder. Deploy {} as a "
                                 "whole",
                                 printable(first.path), upto, upto));
    }
    const bool some_to_add = std::any_of(overlays.begin(), overlays.end(), [](const Overlay& o) { return !!o.entry; });
    if (is == nullptr && !some_to_add) return missing(first.path);
    const auto id = folder(is == nullptr ? ObjectId{} : is->id, overlays, end + 1);
    if (!id) return std::unexpected(id.error());
    replace(tree, entry_name, TreeEntry{.name = entry_name, .kind = EntryKind::folder, .id = *id});
    return {};
  }

  static Result<void> missing(const std::string& path) {
    return failure(ErrorKind::not_found,
                   fmt::format("{} is neither in the source nor in the release before: check its spelling; a path is "
                               "relative to the source",
                               printable(path)));
  }

  static void replace(Tree& tree, const std::string& entry_name, const std::optional<TreeEntry>& by) {
    const auto at =
        std::lower_bound(tree.entries.begin(), tree.entries.end(), entry_name,
                         [](const TreeEntry& entry, const std::string& wanted) { return entry.name < wanted; });
    const bool there = at != tree.entries.end() && at->name == entry_name;
    if (there && by) {
      *at = *by;
    } else if (there) {
      tree.entries.erase(at);
    } else if (by) {
      tree.entries.insert(at, *by);
    }
  }

  const FolderStore& store_;
};

std::uint64_t content_bytes(const std::optional<TreeEntry>& entry) {
  return entry ? entry->size : 0;
}

/// The whole tree's totals from those of the base. Never below zero, whatever the base's were said to be.
Totals follow(const BuildRequest& request, const DiffSummary& summary, const std::vector<PathChange>& changes) {
  Totals totals{request.base_files + summary.added, request.base_bytes};
  totals.files -= std::min(totals.files, summary.removed);
  for (const PathChange& change : changes) {
    totals.bytes += content_bytes(change.after);
    totals.bytes -= std::min(totals.bytes, content_bytes(change.before));
  }
  return totals;
}

}  // namespace

Result<std::vector<std::string>> normal_paths(const std::vector<std::string>& paths,
                                              const std::vector<std::string>& roots) {
  std::set<std::string> all;
  for (const std::string& path : paths) {
    if (path.empty()) {
      return failure(ErrorKind::refused, "an empty PATH names nothing; `.` means the whole source");
    }
    const auto names = resolve_below(path, roots);
    if (!names) {
      return failure(ErrorKind::refused, fmt::format("{} is outside of the source {}: a PATH is relative to the "
                                                     "source, or absolute inside it",
                                                     printable(path), roots.empty() ? "" : printable(roots.front())));
    }
    std::string normal = fmt::format("{}", fmt::join(*names, "/"));
    if (auto good = check_path(normal); !good) return failure(ErrorKind::refused, good.error().text);
    all.insert(std::move(normal));
  }
  std::vector<std::string> kept;
  for (const std::string& path : all) {
    if (!is_inside_another(path, all)) kept.push_back(path);
  }
  return kept;
}

Result<std::optional<TreeEntry>> find_path(const ObjectId& root, const std::string& path, const TreeLoader& load) {
  ObjectId folder = root;
  for (std::size_t begin = 0;;) {
    if (folder.is_nothing()) return std::nullopt;
    const auto tree = load(folder);
    if (!tree) return std::unexpected(tree.error());
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const TreeEntry* entry = find_entry(*tree, std::string_view(path).substr(begin, end - begin));
    if (entry == nullptr) return std::nullopt;
    if (end == path.size()) return *entry;
    if (entry->kind != EntryKind::folder) return std::nullopt;
    folder = entry->id;
    begin = end + 1;
  }
}

void keep_mtime(TreeEntry& entry, const TreeEntry* base) {
  const auto is_file = [](const TreeEntry& e) { return e.kind == EntryKind::file || e.kind == EntryKind::executable; };
  if (base != nullptr && is_file(entry) && is_file(*base) && entry.id == base->id) entry.mtime_s = base->mtime_s;
}

Result<ObjectId> lay_over(const ObjectId& base, const std::vector<Overlay>& overlays, const FolderStore& store) {
  return Layer(store).folder(base, overlays, 0);
}

namespace {

std::vector<PathChange> first_of(std::vector<PathChange> changes) {
  if (changes.size() > kChangesShown) changes.erase(changes.begin() + kChangesShown, changes.end());
  return changes;
}

Comparison compare_with(const OtherBase& other, const ObjectId& root, const TreeLoader& load) {
  Comparison comparison{.base = other};
  auto changes = diff_trees(other.root, root, load);
  if (!changes) {
    comparison.trouble = changes.error().text;
    return comparison;
  }
  comparison.summary = summarize(*changes);
  comparison.changes = first_of(std::move(*changes));
  return comparison;
}

}  // namespace

Result<BuildResult> conclude(const BuildRequest& request, const ObjectId& root, const std::optional<Totals>& scanned,
                             const TreeLoader& load) {
  auto changes = diff_trees(request.base, root, load);
  if (!changes) return std::unexpected(changes.error());
  BuildResult result{.root = root, .summary = summarize(*changes)};
  const Totals totals = scanned ? *scanned : follow(request, result.summary, *changes);
  result.files = totals.files;
  result.bytes = totals.bytes;
  if (totals.files > limits::kTreeEntriesMax) {
    return failure(ErrorKind::refused, fmt::format("the release would have {} files, more than the {} allowed",
                                                   totals.files, limits::kTreeEntriesMax));
  }
  const std::uint64_t before = totals.files + result.summary.removed - std::min(totals.files, result.summary.added);
  const double percent =
      before == 0 ? 0 : 100.0 * static_cast<double>(result.summary.removed) / static_cast<double>(before);
  if (percent > request.delete_limit_percent && !request.yes_delete) {
    return failure(
        ErrorKind::refused,
        fmt::format("this would remove {} of {} files ({:.3g} %; the limit is {:.3g} %): is the "
                    "source {} complete? If it is meant so: --yes-delete",
                    result.summary.removed, before, percent, request.delete_limit_percent, printable(request.source)));
  }
  result.changes = first_of(std::move(*changes));
  for (const OtherBase& other : request.others) result.comparisons.push_back(compare_with(other, root, load));
  return result;
}

}  // namespace serin::release
