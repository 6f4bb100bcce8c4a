#include "controller/publish/pack_plan.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "protocol/limits.h"

namespace serin::publish {

namespace {

/// How far from its place content of a large file is looked for in the old one.
constexpr std::uint64_t kDrift = 2U << 20;

bool is_file(const std::optional<TreeEntry>& entry) {
  return entry && (entry->kind == EntryKind::file || entry->kind == EntryKind::executable);
}

std::string name_in(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

/// Old content that something can be told against.
struct Base {
  std::string path;
  ObjectId id;
  std::uint64_t bytes = 0;
};

class Planner {
 public:
  Planner(ObjectId from, ObjectId to, const TreeLoader& load) : from_(from), to_(to), load_(load) {}

  Result<void> run() {
    if (auto done = add_folders(); !done) return done;
    end_group();
    const auto changes = diff_trees(from_, to_, load_);
    if (!changes) return std::unexpected(changes.error());
    find_bases(*changes);
    for (const PathChange& change : *changes) {
      if (!is_file(change.after) || (is_file(change.before) && change.before->id == change.after->id)) continue;
      if (added_.insert(change.after->id).second)
        add_object(false, change.after->id, change.after->size, base_of(change));
    }
    end_group();
    return {};
  }

  std::vector<PlannedGroup> groups;

 private:
  /// Breadth first, so that the host knows each folder before its object comes.
  Result<void> add_folders() {
    struct Pair {
      std::string path;
      ObjectId from, to;
    };
    std::deque<Pair> open{{.path = {}, .from = from_, .to = to_}};
    for (std::size_t folders = 0; !open.empty(); open.pop_front()) {
      if (++folders + open.size() > limits::kTreeEntriesMax) {
        return failure(ErrorKind::refused, "the release has more entries than one may have");
      }
      const Pair& pair = open.front();
      if (pair.from == pair.to) continue;
      const auto after = load_(pair.to);
      if (!after) return std::unexpected(after.error());
      Tree before;
      if (!pair.from.is_nothing()) {
        auto loaded = load_(pair.from);
        if (!loaded) return std::unexpected(loaded.error());
        before = std::move(*loaded);
      }
      if (added_.insert(pair.to).second) {
        const Base base{pair.path, pair.from, pair.from.is_nothing() ? 0 : encode_tree(before).size()};
        add_object(true, pair.to, encode_tree(*after).size(), base);
      }
      for (const TreeEntry& entry : after->entries) {
        if (entry.kind != EntryKind::folder) continue;
        const TreeEntry* there = find_entry(before, entry.name);
        const bool was_folder = there != nullptr && there->kind == EntryKind::folder;
        open.push_back({.path = pair.path.empty() ? entry.name : pair.path + "/" + entry.name,
                        .from = was_folder ? there->id : ObjectId{},
                        .to = entry.id});
      }
    }
    return {};
  }

  void find_bases(const std::vector<PathChange>& changes) {
    for (const PathChange& change : changes) {
      if (!is_file(change.before)) continue;
      const Base base{change.path, change.before->id, change.before->size};
      by_content_.try_emplace(change.before->id, base);
      if (!is_file(change.after)) by_name_.try_emplace(name_in(change.path), base);
    }
  }

  [[nodiscard]] Base base_of(const PathChange& change) const {
    if (const auto same = by_content_.find(change.after->id); same != by_content_.end()) return same->second;
    if (is_file(change.before)) return {change.path, change.before->id, change.before->size};
    const auto named = by_name_.find(name_in(change.path));
    return named == by_name_.end() ? Base{} : named->second;
  }

  void add_object(bool is_folder, const ObjectId& id, std::uint64_t size, const Base& base) {
    if (size > limits::kPackSharedBytes || base.bytes > limits::kPackSharedBytes)
      return add_pieces(is_folder, id, size, base);
    if (content_ + size > limits::kPackSharedBytes || prefix_ + base.bytes > limits::kPackSharedBytes ||
        group_.size() >= limits::kPackEntriesOfGroup) {
      end_group();
    }
    add(PackEntry{.is_folder = is_folder, .id = id, .object_bytes = size, .bytes = static_cast<std::uint32_t>(size)},
        base, 0, base.bytes);
  }

  /// Each piece in a group of its own.
  void add_pieces(bool is_folder, const ObjectId& id, std::uint64_t size, const Base& base) {
    std::uint64_t offset = 0;
    do {
      end_group();
      const std::uint64_t bytes = std::min<std::uint64_t>(size - offset, limits::kPackContentBytesMax);
      // Where it would be if all was inserted at the end, and if it was inserted evenly.
      const auto even = static_cast<std::uint64_t>(static_cast<double>(base.bytes) * static_cast<double>(offset) /
                                                   static_cast<double>(std::max<std::uint64_t>(size, 1)));
      const std::uint64_t first = std::min(offset, even);
      const std::uint64_t begin = std::min(base.bytes, first - std::min(first, kDrift));
      const std::uint64_t end =
          std::min({base.bytes, std::max(offset, even) + bytes + kDrift, begin + limits::kPackPrefixBytesMax});
      add(PackEntry{.is_folder = is_folder,
                    .id = id,
                    .object_bytes = size,
                    .offset = offset,
                    .bytes = static_cast<std::uint32_t>(bytes)},
          base, begin, end - begin);
      offset += bytes;
    } while (offset < size);
    end_group();
  }

  void add(PackEntry entry, const Base& base, std::uint64_t base_offset, std::uint64_t base_bytes) {
    PlannedEntry planned{.entry = std::move(entry), .base = {}};
    if (base_bytes != 0) {
      planned.base = base.id;
      planned.entry.base_path = base.path;
      planned.entry.base_offset = base_offset;
      planned.entry.base_bytes = static_cast<std::uint32_t>(base_bytes);
    }
    content_ += planned.entry.bytes;
    prefix_ += base_bytes;
    group_.push_back(std::move(planned));
  }

  void end_group() {
    if (!group_.empty()) groups.push_back(std::exchange(group_, {}));
    content_ = prefix_ = 0;
  }

  ObjectId from_, to_;
  const TreeLoader& load_;
  std::set<ObjectId> added_;
  std::map<ObjectId, Base> by_content_;  ///< of what changed or went
  std::map<std::string, Base> by_name_;  ///< of what went
  PlannedGroup group_;
  std::uint64_t content_ = 0, prefix_ = 0;  ///< of group_
};

}  // namespace

Result<std::vector<PlannedGroup>> plan_pack(const ObjectId& from, const ObjectId& to, const TreeLoader& load) {
  Planner planner(from, to, load);
  if (auto done = planner.run(); !done) return std::unexpected(done.error());
  return std::move(planner.groups);
}

}  // namespace serin::publish
