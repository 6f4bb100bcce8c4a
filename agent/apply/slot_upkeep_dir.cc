// What is done for the slots in quiet moments: a spare for the next build, and what goes.
#include <algorithm>
#include <set>
#include <utility>

#include "agent/apply/folder_dir.h"
#include "agent/apply/slot_parts_dir.h"
#include "agent/apply/slot_use_process.h"
#include "protocol/limits.h"
#include "protocol/posix/files.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

/// For slots that are in use.
constexpr Duration kLookAgain = std::chrono::minutes{1};
/// What was pulled and not used.
constexpr Duration kPulledKept = std::chrono::hours{1};

/// A new folder of mode 0755, whatever the umask.
Result<void> make_root(const fs::path& folder) {
  if (auto removed = remove_tree(folder); !removed) return removed;
  return posix::make_folders(folder, 0755);
}

}  // namespace

void SlotDir::Parts::drop_spare() {
  spare = {};
  // What cannot be removed now is removed before the next spare is made.
  [[maybe_unused]] const auto removed = remove_tree(slots_dir / kSpare);
}

/// A spare that cannot be made costs the next deploy some time, nothing else.
void SlotDir::Parts::make_spare() {
  const Slot* live_slot = live();
  if (live_slot == nullptr || !live_is_good || live_slot->root == spare) return;
  if (spare.is_nothing() && !make_root(slots_dir / kSpare)) return;
  const ObjectId from = std::exchange(spare, {});
  if (make_tree(slots_dir / kSpare, from, live_slot->root)) {
    spare = live_slot->root;
  } else {
    drop_spare();
  }
}

/// When to look again; nothing: all slots that are left may stay, and nobody uses an old one.
std::optional<Duration> SlotDir::Parts::reap() {
  std::vector<std::pair<SteadyTime, std::string>> idle;
  for (const Slot& slot : slots) {
    if (!slot.live) idle.emplace_back(idle_since[slot.name], slot.name);
  }
  std::stable_sort(idle.begin(), idle.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const std::size_t before = slots.size();
  const SteadyTime now = clock();
  const bool none_is_free = idle.empty() || now - idle.front().first < settings.idle_grace;
  const auto uses = none_is_free ? std::map<std::string, SlotUse>{} : slots_in_use(slots_dir);
  old_code.clear();
  std::optional<Duration> again;
  for (const auto& [since, name] : idle) {
    const auto use = uses.find(name);
    if (const Duration left = settings.idle_grace - (now - since); left > Duration{0}) {
      again = std::min(again.value_or(left), left);
    } else if (use != uses.end()) {
      if (old_code.size() < limits::kSlotUsesMax) old_code.push_back(use->second);
      again = std::min<Duration>(again.value_or(kLookAgain), kLookAgain);
    } else if (slots.size() > settings.slots && !remove_slot(name)) {
      again = kLookAgain;
    }
  }
  if (slots.size() != before) sweep_trees();
  return again;
}

void SlotDir::Parts::sweep_trees() {
  std::set<ObjectId> needed;
  std::vector<ObjectId> open;
  open.reserve(slots.size() + 1);
  for (const Slot& slot : slots) open.push_back(slot.root);
  if (!spare.is_nothing()) open.push_back(spare);
  while (!open.empty()) {
    const ObjectId id = open.back();
    open.pop_back();
    if (!needed.insert(id).second) continue;
    const auto tree = shelf.tree(id);
    if (!tree) return;  // what it needs is not known: keep all
    for (const TreeEntry& entry : tree->entries) {
      if (entry.kind == EntryKind::folder) open.push_back(entry.id);
    }
  }
  // What cannot be removed now goes the next time.
  [[maybe_unused]] const auto swept = shelf.keep_trees(needed);
}

std::optional<Duration> SlotDir::tidy() {
  // What a failed or interrupted pull brought is there for the next one.
  parts_->shelf.clear_files(std::exchange(parts_->pulled_is_used, false) ? Duration{} : kPulledKept);
  const auto again = parts_->reap();
  parts_->make_spare();
  return again;
}

}  // namespace serin::apply
