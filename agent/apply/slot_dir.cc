#include "agent/apply/slot_dir.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <tuple>

#include "agent/apply/folder_dir.h"
#include "agent/apply/live_path_dir.h"
#include "agent/apply/object_shelf_dir.h"
#include "agent/apply/slot_records_dir.h"
#include "agent/apply/slot_use_process.h"
#include "agent/apply/tree_change_dir.h"
#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kReserveBytes = 64U << 20;
constexpr std::uint64_t kReserveInodes = 1'000;
constexpr auto kOwn = ".serin";
constexpr auto kSpare = ".spare";
constexpr auto kBuilding = ".building";
constexpr auto kScratch = "scratch";

/// "/srv/shop/" -> "/srv/shop"
fs::path without_slash(const std::string& path) {
  const fs::path plain = fs::path(path).lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();
}

/// A new folder of mode 0755, whatever the umask.
Result<void> make_root(const fs::path& folder) {
  if (auto removed = remove_tree(folder); !removed) return removed;
  return posix::make_folders(folder, 0755);
}

}  // namespace

struct SlotDir::Parts {
  Parts(agent::ApplicationSettings with, Clock with_clock, fs::path at, posix::LockFile with_lock,
        ObjectShelf with_shelf)
      : settings(std::move(with)),
        clock(std::move(with_clock)),
        slots_dir(std::move(at)),
        own(slots_dir / kOwn),
        lock(std::move(with_lock)),
        shelf(std::move(with_shelf)),
        records(own / "slots") {}

  agent::ApplicationSettings settings;
  Clock clock;
  fs::path slots_dir, own;
  posix::LockFile lock;
  ObjectShelf shelf;
  SlotRecords records;
  std::vector<Slot> slots;                       ///< by release number
  std::map<std::string, SteadyTime> idle_since;  ///< of all that are not live
  ObjectId spare;                                ///< root of the spare tree; nothing: there is none
  bool live_is_good = true;                      ///< no damage was found in the live tree

  [[nodiscard]] const Slot* find(const std::string& name) const {
    const auto found = std::find_if(slots.begin(), slots.end(), [&](const Slot& slot) { return slot.name == name; });
    return found == slots.end() ? nullptr : &*found;
  }
  [[nodiscard]] const Slot* live() const {
    const auto found = std::find_if(slots.begin(), slots.end(), [](const Slot& slot) { return slot.live; });
    return found == slots.end() ? nullptr : &*found;
  }

  Result<void> load_slots();
  Result<void> clear_rubbish(const std::string& live_slot);
  Result<void> make_tree(const fs::path& folder, const ObjectId& from, const ObjectId& to);
  Result<void> make_building(const ObjectId& root);
  Result<void> remove_slot(const std::string& name);
  Result<void> read_live_path();
  void drop_spare();
  void make_spare();
  bool reap();
  void sweep_trees();
};

Result<void> SlotDir::Parts::read_live_path() {
  const auto live_slot = live_slot_of(settings.live, slots_dir);
  if (!live_slot) return std::unexpected(live_slot.error());
  const SteadyTime now = clock();
  for (Slot& slot : slots) {
    const bool is_live = slot.name == *live_slot;
    if (!is_live && (slot.live || !idle_since.contains(slot.name))) idle_since[slot.name] = now;
    if (is_live) idle_since.erase(slot.name);
    slot.live = is_live;
  }
  return {};
}

Result<void> SlotDir::Parts::load_slots() {
  const auto live_slot = live_slot_of(settings.live, slots_dir);
  if (!live_slot) return std::unexpected(live_slot.error());
  const auto whole = records.load();
  if (!whole) return std::unexpected(whole.error());
  for (const auto& record : *whole) {
    struct stat found{};
    if (::lstat((slots_dir / record.name).c_str(), &found) == 0 && S_ISDIR(found.st_mode)) {
      slots.push_back({.name = record.name, .release = record.release, .root = record.root});
    } else if (auto removed = records.remove(record.name); !removed) {
      return removed;
    }
  }
  if (!live_slot->empty() && find(*live_slot) == nullptr) {
    return failure(ErrorKind::corrupt,
                   fmt::format("{} points to {}, of which {} has no record: point it to a slot that has one, or remove "
                               "the link and deploy again",
                               settings.live, *live_slot, records.folder().string()));
  }
  if (auto cleared = clear_rubbish(*live_slot); !cleared) return cleared;
  return read_live_path();
}

/// Trees without a record, half-built ones and the spare. Nothing else, whatever else somebody keeps there.
Result<void> SlotDir::Parts::clear_rubbish(const std::string& live_slot) {
  const auto names = names_in(slots_dir);
  if (!names) return std::unexpected(names.error());
  for (const std::string& name : *names) {
    const bool ours = name == kSpare || name == kBuilding || is_slot_name(name);
    if (!ours || name == live_slot || find(name) != nullptr) continue;
    if (auto removed = remove_tree(slots_dir / name); !removed) return removed;
  }
  return {};
}

SlotDir::SlotDir(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SlotDir::SlotDir(SlotDir&&) noexcept = default;
SlotDir& SlotDir::operator=(SlotDir&&) noexcept = default;
SlotDir::~SlotDir() = default;

Result<SlotDir> SlotDir::open(const agent::ApplicationSettings& settings, Clock clock) {
  agent::ApplicationSettings plain = settings;
  plain.live = without_slash(settings.live);
  const fs::path slots_dir =
      settings.slots_dir.empty() ? fs::path(plain.live + ".slots") : without_slash(settings.slots_dir);
  if (auto good = check_live_path(plain.live, slots_dir); !good) return std::unexpected(good.error());
  const fs::path own = slots_dir / kOwn;
  for (const fs::path& folder : {own / "slots", own / kScratch}) {
    if (auto made = posix::make_folders(folder, 0755); !made) return std::unexpected(made.error());
  }
  auto lock = posix::LockFile::acquire(own / "lock");
  if (!lock) {
    return failure(lock.error(), fmt::format("the slots of {} are in use: give each agent and application its own "
                                             "slots_dir, or stop the other agent",
                                             plain.name));
  }
  auto shelf = ObjectShelf::open(own);
  if (!shelf) return std::unexpected(shelf.error());
  auto parts =
      std::make_unique<Parts>(std::move(plain), std::move(clock), slots_dir, std::move(*lock), std::move(*shelf));
  if (auto loaded = parts->load_slots(); !loaded) return std::unexpected(loaded.error());
  return SlotDir(std::move(parts));
}

std::vector<Slot> SlotDir::slots() const {
  return parts_->slots;
}

std::optional<Slot> SlotDir::live() const {
  const Slot* live = parts_->live();
  return live == nullptr ? std::nullopt : std::optional(*live);
}

bool SlotDir::has(const Release& release) const {
  return parts_->find(release.slot_name()) != nullptr;
}

ObjectId SlotDir::base() const {
  const Slot* live = parts_->live();
  return live == nullptr || !parts_->live_is_good ? ObjectId{} : live->root;
}

std::optional<Tree> SlotDir::tree(const ObjectId& id) const {
  auto tree = parts_->shelf.tree(id);
  return tree ? std::optional(std::move(*tree)) : std::nullopt;
}

bool SlotDir::has_file(const ObjectId& id) {
  return parts_->shelf.has_file(id);
}

SlotDir::Folders SlotDir::folders() const {
  return {.slots = parts_->slots_dir,
          .spare = parts_->slots_dir / kSpare,
          .scratch = parts_->own / kScratch,
          .incoming = parts_->shelf.incoming()};
}

void SlotDir::give_away(const ObjectId& id) {
  parts_->shelf.give_away(id);
}

Result<void> SlotDir::put_tree(const ObjectId& id, std::string_view bytes) {
  return parts_->shelf.put_tree(id, bytes);
}

Result<posix::UniqueFd> SlotDir::begin_incoming(const ObjectId& id) {
  return parts_->shelf.begin_file(id);
}

Result<void> SlotDir::finish_incoming(const ObjectId& id) {
  return parts_->shelf.finish_file(id);
}

void SlotDir::drop_incoming(const ObjectId& id) {
  parts_->shelf.drop_file(id);
}

Result<void> SlotDir::check_space(std::uint64_t bytes, std::uint64_t files) const {
  const auto free = posix::free_space(parts_->slots_dir);
  if (!free) return std::unexpected(free.error());
  const std::string where = parts_->slots_dir.string();
  if (free->bytes < bytes + kReserveBytes) {
    return failure(ErrorKind::no_space,
                   fmt::format("{} has {} free, the release needs {} with the reserve of {}: free some space", where,
                               bytes_text(free->bytes), bytes_text(bytes + kReserveBytes), bytes_text(kReserveBytes)));
  }
  if (free->inodes < files + kReserveInodes) {
    return failure(ErrorKind::no_space,
                   fmt::format("{} has {} inodes free, the release needs {} with the reserve of {}: remove some files",
                               where, free->inodes, files + kReserveInodes, kReserveInodes));
  }
  return {};
}

/// Turns `folder` from one tree into another, sharing what it can with the live one.
Result<void> SlotDir::Parts::make_tree(const fs::path& folder, const ObjectId& from, const ObjectId& to) {
  const Slot* shared = live_is_good ? live() : nullptr;
  return change_tree(folder, from, to,
                     {.shelf = shelf,
                      .scratch = own / kScratch,
                      .live = shared == nullptr ? fs::path{} : slots_dir / shared->name,
                      .live_root = shared == nullptr ? ObjectId{} : shared->root});
}

/// The tree in SLOTS_DIR/.building: over the spare when there is one, else from nothing.
Result<void> SlotDir::Parts::make_building(const ObjectId& root) {
  const fs::path building = slots_dir / kBuilding;
  if (auto cleared = remove_tree(building); !cleared) return cleared;
  ObjectId base = std::exchange(spare, {});
  if (base.is_nothing() || ::rename((slots_dir / kSpare).c_str(), building.c_str()) != 0) {
    base = {};
    if (auto made = posix::make_folders(building, 0755); !made) return made;
  }
  auto made = make_tree(building, base, root);
  if (made) made = shelf.sync();
  if (made) return {};
  // Removed again at the next build or start where that fails now.
  [[maybe_unused]] const auto removed = remove_tree(building);
  if (made.error().kind == ErrorKind::no_space) return made;
  const bool damaged = made.error().kind == ErrorKind::corrupt || made.error().kind == ErrorKind::not_found;
  if (base.is_nothing() && !damaged) return made;
  // From now on it relies on less: not on the spare, which is gone; not on the live tree.
  if (base.is_nothing()) live_is_good = false;
  return failure(ErrorKind::corrupt, made.error().text);
}

Result<std::string> SlotDir::build(const Release& release) {
  Parts& parts = *parts_;
  std::string name = release.slot_name();
  if (has(release)) return name;
  const fs::path building = parts.slots_dir / kBuilding;
  if (auto made = parts.make_building(release.root); !made) return std::unexpected(made.error());
  // A tree of this name without a record is rubbish.
  if (auto removed = remove_tree(parts.slots_dir / name); !removed) return std::unexpected(removed.error());
  if (::rename(building.c_str(), (parts.slots_dir / name).c_str()) != 0) {
    return std::unexpected(posix::errno_error("rename " + building.string(), errno));
  }
  if (auto synced = posix::sync_folder(parts.slots_dir); !synced) return std::unexpected(synced.error());
  const SlotRecords::Record record{.name = name, .release = release.number, .root = release.root};
  if (auto written = parts.records.add(record); !written) return std::unexpected(written.error());
  parts.slots.push_back({.name = name, .release = release.number, .root = release.root});
  std::sort(parts.slots.begin(), parts.slots.end(),
            [](const Slot& a, const Slot& b) { return std::tie(a.release, a.name) < std::tie(b.release, b.name); });
  parts.idle_since[name] = parts.clock();
  return name;
}

Result<void> SlotDir::link_to(const std::string& slot) {
  if (parts_->find(slot) == nullptr) return failure(ErrorKind::not_found, fmt::format("there is no slot {}", slot));
  if (auto good = check_live_path(parts_->settings.live, parts_->slots_dir); !good) return good;
  const auto switched = point_live_path(parts_->settings.live, parts_->slots_dir / slot);
  // An error may have come after the rename: look, whatever it says.
  if (auto read = parts_->read_live_path(); !read && switched) return read;
  if (switched) parts_->live_is_good = true;
  return switched;
}

Result<void> SlotDir::Parts::remove_slot(const std::string& name) {
  if (auto removed = records.remove(name); !removed) return removed;
  std::erase_if(slots, [&](const Slot& each) { return each.name == name; });
  idle_since.erase(name);
  return remove_tree(slots_dir / name);
}

Result<void> SlotDir::discard(const std::string& name) {
  const Slot* slot = parts_->find(name);
  if (slot == nullptr) return {};
  if (slot->live) return failure(ErrorKind::refused, fmt::format("{} is live", name));
  return parts_->remove_slot(name);
}

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

/// False when surplus slots are left.
bool SlotDir::Parts::reap() {
  std::vector<std::pair<SteadyTime, std::string>> idle;
  for (const Slot& slot : slots) {
    if (!slot.live) idle.emplace_back(idle_since[slot.name], slot.name);
  }
  std::stable_sort(idle.begin(), idle.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const std::size_t before = slots.size();
  const SteadyTime now = clock();
  for (const auto& [since, name] : idle) {
    if (slots.size() <= settings.slots) break;
    if (now - since < settings.idle_grace || !process_using(slots_dir / name).empty()) continue;
    if (!remove_slot(name)) break;
  }
  if (slots.size() != before) sweep_trees();
  return slots.size() <= settings.slots;
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
  [[maybe_unused]] const auto kept = shelf.keep_trees(needed);
}

bool SlotDir::tidy() {
  parts_->shelf.clear_files();
  const bool done = parts_->reap();
  parts_->make_spare();
  return done;
}

}  // namespace serin::apply
