#include "agent/apply/slot_dir.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <tuple>

#include "agent/apply/folder_dir.h"
#include "agent/apply/host_step.h"
#include "agent/apply/live_path_dir.h"
#include "agent/apply/slot_parts_dir.h"
#include "agent/apply/stray_files_dir.h"
#include "agent/apply/tree_change_dir.h"
#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kReserveBytes = 64U << 20;
constexpr std::uint64_t kReserveInodes = 1'000;
constexpr auto kOwn = ".serin";

/// "/srv/shop/" -> "/srv/shop"
fs::path without_slash(const std::string& path) {
  const fs::path plain = fs::path(path).lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();
}

}  // namespace

Result<void> SlotDir::Parts::read_live_path() {
  const auto live_slot = live_slot_of(settings.live, slots_dir);
  if (!live_slot) return std::unexpected(live_slot.error());
  adopted = *live_slot == kAdoptedSlot;
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
  if (!live_slot->empty() && *live_slot != kAdoptedSlot && find(*live_slot) == nullptr) {
    return failure(ErrorKind::corrupt,
                   fmt::format("{} points to {}, of which {} has no record: point it to a slot that has one, or remove "
                               "the link and deploy again",
                               settings.live, *live_slot, records.folder().string()));
  }
  if (auto cleared = clear_rubbish(*live_slot); !cleared) return cleared;
  if (auto cleared = clear_adopted_path(settings.live, slots_dir); !cleared) return cleared;
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
  auto kept = KeptPaths::open(plain, plain.live, slots_dir);
  if (!kept) return std::unexpected(kept.error());
  auto parts = std::make_unique<Parts>(std::move(plain), std::move(clock), slots_dir, own, std::move(*lock),
                                       std::move(*shelf), std::move(*kept));
  if (auto loaded = parts->load_slots(); !loaded) return std::unexpected(loaded.error());
  parts->link_kept_paths();
  return SlotDir(std::move(parts));
}

std::vector<Slot> SlotDir::slots() const {
  return parts_->slots;
}

std::optional<Slot> SlotDir::live() const {
  const Slot* live = parts_->live();
  return live == nullptr ? std::nullopt : std::optional(*live);
}

bool SlotDir::adopted() const {
  return parts_->adopted;
}

const std::vector<SlotUse>& SlotDir::old_code() const {
  return parts_->old_code;
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

Result<posix::UniqueFd> SlotDir::resume_incoming(const ObjectId& id, std::uint64_t bytes) {
  return parts_->shelf.resume_file(id, bytes);
}

Result<void> SlotDir::finish_incoming(const ObjectId& id) {
  return parts_->shelf.finish_file(id);
}

void SlotDir::drop_incoming(const ObjectId& id) {
  parts_->shelf.drop_file(id);
}

Result<BaseTree> SlotDir::open_base() const {
  if (base().is_nothing()) return BaseTree();
  const Slot* live = parts_->live();
  return BaseTree::open(parts_->slots_dir / live->name, live->root,
                        [shelf = &parts_->shelf](const ObjectId& id) { return shelf->tree(id); });
}

PackMark SlotDir::pack_mark(const ObjectId& from, const ObjectId& to) const {
  return parts_->shelf.pack_mark(from, to);
}

void SlotDir::keep_pack_mark(const ObjectId& from, const ObjectId& to, const PackMark& mark) {
  parts_->shelf.keep_pack_mark(from, to, mark);
}

Result<void> SlotDir::check_space(std::uint64_t bytes, std::uint64_t files) const {
  if (::access((parts_->own / "slots").c_str(), F_OK) != 0 && errno == ENOENT) {
    return failure(ErrorKind::refused, fmt::format("{} was removed while the agent ran: restart serin-agent, which "
                                                   "then pulls all of it anew",
                                                   parts_->own.string()));
  }
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

/// Trees that were made before a path was kept get its link too. What cannot be done is told when the next one is
/// built.
void SlotDir::Parts::link_kept_paths() {
  for (const Slot& slot : slots) {
    const fs::path folder = slots_dir / slot.name;
    [[maybe_unused]] const auto linked = slot.live ? kept.settle({folder, slot.root}, kept.slot_links(), loader())
                                                   : kept.fill(folder, kept.slot_links());
  }
}

Result<void> SlotDir::check_kept(const Release& release) {
  Parts& parts = *parts_;
  if (has(release)) return {};
  if (auto good = parts.kept.check_release(release.root, parts.loader()); !good) return good;
  if (parts.adopted) return parts.kept.check({parts.settings.live, {}}, parts.kept.folder_links(), parts.loader());
  const Slot* live = parts.live();
  if (live == nullptr) return {};
  return parts.kept.settle({parts.slots_dir / live->name, live->root}, parts.kept.slot_links(), parts.loader());
}

Result<void> SlotDir::check_adoptable(const Release& release) {
  // Somebody may have put a folder there meanwhile. What else is wrong with it the switch tells.
  [[maybe_unused]] const auto read = parts_->read_live_path();
  return parts_->adopted ? parts_->check_adoptable(release.slot_name(), release.root) : Result<void>{};
}

Result<void> SlotDir::Parts::check_adoptable(const std::string& name, const ObjectId& root) const {
  if (auto free = check_adopted_is_free(settings.live); !free) return free;
  if (settings.adopt == agent::Adopt::set_aside) return {};
  std::set<std::string> kept_paths;
  for (const agent::KeptPath& path : settings.keep) kept_paths.insert(path.path);
  const auto strays = find_stray_files(settings.live, root, loader(), kept_paths);
  if (!strays) return std::unexpected(strays.error());
  if (strays->count == 0) return {};
  return failure(ErrorKind::refused,
                 fmt::format("live path {}: it is a real folder with {} file{} that {} does not have: {}; name in keep "
                             "what the application needs, remove the rest, or set adopt = \"set-aside\"",
                             settings.live, strays->count, strays->count == 1 ? "" : "s", name, strays->text));
}

/// Turns `folder` from one tree into another, sharing what it can with the live one.
Result<void> SlotDir::Parts::make_tree(const fs::path& folder, const ObjectId& from, const ObjectId& to) {
  const Slot* shared = live_is_good ? live() : nullptr;
  return change_tree(folder, from, to,
                     {.shelf = shelf,
                      .scratch = own / kScratch,
                      .live = shared == nullptr ? fs::path{} : slots_dir / shared->name,
                      .live_root = shared == nullptr ? ObjectId{} : shared->root,
                      .share = settings.share,
                      .kept = kept.slot_links()});
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
  parts.pulled_is_used = true;
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

Result<void> SlotDir::Parts::switch_to(const std::string& name) {
  if (auto good = check_live_path(settings.live, slots_dir); !good) return good;
  const auto now_live = live_slot_of(settings.live, slots_dir);
  if (!now_live) return std::unexpected(now_live.error());
  const bool from_folder = *now_live == kAdoptedSlot;
  if (name == kAdoptedSlot) {
    if (from_folder) return {};
    // What it lacks is no reason to stay with a release that failed.
    [[maybe_unused]] const auto filled = kept.fill(adopted_path(settings.live), kept.folder_links());
    return restore_live_path(settings.live);
  }
  // Links that went meanwhile. A tree that has something else there worked so when it was live.
  [[maybe_unused]] const auto filled = kept.fill(slots_dir / name, kept.slot_links());
  if (!from_folder) return point_live_path(settings.live, slots_dir / name);
  if (!adopted) {
    return failure(ErrorKind::refused,
                   fmt::format("live path {}: somebody has put a real folder there just now", settings.live));
  }
  if (auto cleared = clear_adopted_path(settings.live, slots_dir); !cleared) return cleared;
  if (auto can = check_adoptable(name, find(name)->root); !can) return can;
  if (auto settled = kept.settle({settings.live, {}}, kept.folder_links(), loader()); !settled) return settled;
  return adopt_live_path(settings.live, slots_dir / name);
}

Result<void> SlotDir::link_to(const std::string& slot) {
  if (slot != kAdoptedSlot && parts_->find(slot) == nullptr) {
    return failure(ErrorKind::not_found, fmt::format("there is no slot {}", slot));
  }
  const auto switched = parts_->switch_to(slot);
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

void SlotDir::drop_pulled() {
  parts_->pulled_is_used = true;
}

Result<void> SlotDir::discard(const std::string& name) {
  parts_->pulled_is_used = true;
  const Slot* slot = parts_->find(name);
  if (slot == nullptr) return {};
  if (slot->live) return failure(ErrorKind::refused, fmt::format("{} is live", name));
  return parts_->remove_slot(name);
}

}  // namespace serin::apply
