#include "agent/verify/entry_check.h"

#include <algorithm>

namespace serin::drift {

namespace {

constexpr std::uint32_t kFolderMode = 0755;
constexpr std::uint32_t kFileMode = 0444;
constexpr std::uint32_t kProgramMode = 0555;

std::optional<DriftKind> compare_file(const TreeEntry& entry, const Found& found) {
  if (found.kind != Found::Kind::file || found.size != entry.size) return DriftKind::changed;
  if (found.mode != (entry.kind == EntryKind::executable ? kProgramMode : kFileMode)) return DriftKind::mode;
  if (found.mtime_s != entry.mtime_s) return DriftKind::mtime;
  return std::nullopt;
}

}  // namespace

std::optional<DriftKind> compare(const TreeEntry& entry, const Found& found) {
  if (found.kind == Found::Kind::nothing) return DriftKind::missing;
  switch (entry.kind) {
    case EntryKind::file:
    case EntryKind::executable:
      return compare_file(entry, found);
    case EntryKind::symlink:
      if (found.kind != Found::Kind::symlink || found.target != entry.target) return DriftKind::changed;
      return std::nullopt;
    case EntryKind::folder:
      if (found.kind != Found::Kind::folder) return DriftKind::changed;
      return found.mode == kFolderMode ? std::nullopt : std::optional(DriftKind::mode);
  }
  return std::nullopt;
}

bool is_kept(const std::vector<std::string>& kept, std::string_view path) {
  return std::ranges::any_of(kept, [path](std::string_view each) {
    return each.starts_with(path) && (each.size() == path.size() || each[path.size()] == '/');
  });
}

}  // namespace serin::drift
