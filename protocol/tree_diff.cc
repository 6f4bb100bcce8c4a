#include "protocol/tree_diff.h"

#include <fmt/format.h>

namespace serin {

namespace {

class Differ {
 public:
  Differ(const TreeLoader& load, std::size_t changes_max) : load_(load), changes_max_(changes_max) {}

  Result<void> compare(const std::string& path, const ObjectId& from, const ObjectId& to) {
    if (from == to) return {};
    const auto before = load_folder(from);
    if (!before) return std::unexpected(before.error());
    const auto after = load_folder(to);
    if (!after) return std::unexpected(after.error());
    auto old = before->entries.begin();
    auto now = after->entries.begin();
    const std::string prefix = path.empty() ? path : path + '/';
    while (old != before->entries.end() || now != after->entries.end()) {
      const bool only_old = now == after->entries.end() || (old != before->entries.end() && old->name < now->name);
      const bool only_new = old == before->entries.end() || (now != after->entries.end() && now->name < old->name);
      const TreeEntry* was = only_new ? nullptr : &*old++;
      const TreeEntry* is = only_old ? nullptr : &*now++;
      const std::string& name = is != nullptr ? is->name : was->name;
      if (auto done = entry(prefix + name, was, is); !done) return done;
    }
    return {};
  }

  std::vector<PathChange> changes;

 private:
  Result<Tree> load_folder(const ObjectId& id) {
    if (id.is_nothing()) return Tree{};
    return load_(id);
  }

  Result<void> entry(const std::string& path, const TreeEntry* was, const TreeEntry* is) {
    if (was != nullptr && is != nullptr && *was == *is) return {};
    // This also bounds how deep compare() calls itself.
    if (auto good = check_path(path); !good) return failure(ErrorKind::refused, good.error().text);
    const bool was_folder = was != nullptr && was->kind == EntryKind::folder;
    const bool is_folder = is != nullptr && is->kind == EntryKind::folder;
    if (!(was_folder && is_folder)) {
      if (changes.size() >= changes_max_) {
        return failure(ErrorKind::refused, fmt::format("the trees differ in more than {} paths", changes_max_));
      }
      changes.push_back({.path = path,
                         .before = was == nullptr ? std::nullopt : std::optional(*was),
                         .after = is == nullptr ? std::nullopt : std::optional(*is)});
    }
    if (!was_folder && !is_folder) return {};
    return compare(path, was_folder ? was->id : ObjectId{}, is_folder ? is->id : ObjectId{});
  }

  const TreeLoader& load_;
  std::size_t changes_max_;
};

}  // namespace

Result<std::vector<PathChange>> diff_trees(const ObjectId& from, const ObjectId& to, const TreeLoader& load,
                                           std::size_t changes_max) {
  Differ differ(load, changes_max);
  if (auto done = differ.compare({}, from, to); !done) return std::unexpected(done.error());
  return std::move(differ.changes);
}

DiffSummary summarize(const std::vector<PathChange>& changes) {
  DiffSummary sum;
  const auto is_content = [](const std::optional<TreeEntry>& entry) {
    return entry && entry->kind != EntryKind::folder;
  };
  for (const PathChange& change : changes) {
    const bool was = is_content(change.before);
    const bool is = is_content(change.after);
    if (is) sum.bytes += change.after->size;
    if (was && is) ++sum.changed;
    if (!was && is) ++sum.added;
    if (was && !is) ++sum.removed;
  }
  return sum;
}

}  // namespace serin
