#include "agent/apply/slot_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>

#include "agent/apply/live_path_dir.h"
#include "agent/apply/slot_use_process.h"
#include "agent/apply/tree_writer_dir.h"
#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kReserveBytes = 64U << 20;
constexpr std::uint64_t kReserveInodes = 1'000;
constexpr auto kSpare = ".spare";

}  // namespace

struct SlotDir::Parts {
  agent::ApplicationSettings settings;
  fs::path slots_dir, own;  ///< own: slots_dir/.serin
  std::vector<Slot> slots;
  ObjectId spare;  ///< root of the spare tree; nothing: there is none

  [[nodiscard]] fs::path tree_path(const ObjectId& id) const { return own / "trees" / id.hex(); }
  [[nodiscard]] fs::path incoming_path(const ObjectId& id) const { return own / "incoming" / id.hex(); }
  [[nodiscard]] fs::path record_path(const std::string& name) const { return own / "slots" / name; }

  [[nodiscard]] TreeLoader loader() const {
    return [this](const ObjectId& id) -> Result<Tree> {
      const auto bytes = posix::read_file(tree_path(id), limits::kTreeObjectBytesMax);
      if (!bytes) return failure(bytes.error(), "a folder's object is missing");
      if (digest_of(*bytes) != id)
        return failure(ErrorKind::corrupt, "the folder object " + id.brief() + " is damaged");
      return decode_tree(*bytes);
    };
  }

  [[nodiscard]] const Slot* find(const std::string& name) const {
    const auto found = std::find_if(slots.begin(), slots.end(), [&](const Slot& slot) { return slot.name == name; });
    return found == slots.end() ? nullptr : &*found;
  }
  [[nodiscard]] const Slot* live() const {
    const auto found = std::find_if(slots.begin(), slots.end(), [](const Slot& slot) { return slot.live; });
    return found == slots.end() ? nullptr : &*found;
  }

  /// The entry at this path of a tree; nothing when it is not there.
  [[nodiscard]] std::optional<TreeEntry> entry_at(const ObjectId& root, const std::string& path) const {
    ObjectId folder = root;
    for (std::size_t begin = 0;;) {
      const auto tree = loader()(folder);
      if (!tree) return std::nullopt;
      const std::size_t end = std::min(path.find('/', begin), path.size());
      const TreeEntry* entry = find_entry(*tree, std::string_view(path).substr(begin, end - begin));
      if (entry == nullptr) return std::nullopt;
      if (end == path.size()) return *entry;
      if (entry->kind != EntryKind::folder) return std::nullopt;
      folder = entry->id;
      begin = end + 1;
    }
  }

  Result<void> load_slots();
  Result<void> write_record(const std::string& name, ReleaseNumber release, const ObjectId& root) const {
    return posix::replace_file(record_path(name), fmt::format("{} {}\n", release, root.hex()), 0644);
  }
  Result<void> make_tree(const fs::path& folder, const ObjectId& from, const ObjectId& to) const;
  Result<void> make_spare();
  void reap();
  void sweep_trees() const;
};

Result<void> SlotDir::Parts::load_slots() {
  std::error_code error;
  const auto live_slot = live_slot_of(settings.live, slots_dir);
  if (!live_slot) return std::unexpected(live_slot.error());
  for (const auto& entry : fs::directory_iterator(own / "slots", error)) {
    const std::string name = entry.path().filename().string();
    const auto text = posix::read_file(entry.path(), 256);
    const std::size_t space = text ? text->find(' ') : std::string::npos;
    Slot slot{.name = name};
    if (space != std::string::npos && text->size() > space + 64) {
      std::from_chars(text->data(), text->data() + space, slot.release);
      slot.root = ObjectId::from_hex(std::string_view(*text).substr(space + 1, 64)).value_or(ObjectId{});
    }
    if (slot.root.is_nothing() || !fs::is_directory(slots_dir / name, error)) {
      fs::remove(entry.path(), error);
    } else if (name == kSpare) {
      spare = slot.root;
    } else {
      slot.live = name == *live_slot;
      slots.push_back(slot);
    }
  }
  // What a crash left half built has no record.
  for (const auto& entry : fs::directory_iterator(slots_dir, error)) {
    const std::string name = entry.path().filename().string();
    if (name == ".serin" || name == *live_slot || find(name) != nullptr || (name == kSpare && !spare.is_nothing()))
      continue;
    fs::remove_all(entry.path(), error);
  }
  if (!live_slot->empty() && find(*live_slot) == nullptr) {
    return failure(ErrorKind::corrupt,
                   fmt::format("{} points to {}, of which {} has no record: point it to a slot that has "
                               "one, or remove the link and deploy again",
                               settings.live, *live_slot, (own / "slots").string()));
  }
  return {};
}

SlotDir::SlotDir(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SlotDir::SlotDir(SlotDir&&) noexcept = default;
SlotDir& SlotDir::operator=(SlotDir&&) noexcept = default;
SlotDir::~SlotDir() = default;

Result<SlotDir> SlotDir::open(const agent::ApplicationSettings& settings) {
  auto parts = std::make_unique<Parts>();
  parts->settings = settings;
  parts->slots_dir = settings.slots_dir.empty() ? fs::path(settings.live + ".slots") : fs::path(settings.slots_dir);
  parts->own = parts->slots_dir / ".serin";
  if (auto good = check_live_path(settings.live, parts->slots_dir); !good) return std::unexpected(good.error());
  for (const char* folder : {"trees", "incoming", "slots"}) {
    if (auto made = posix::make_folders(parts->own / folder, 0755); !made) return std::unexpected(made.error());
  }
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

std::optional<Tree> SlotDir::tree(const ObjectId& id) const {
  auto tree = parts_->loader()(id);
  return tree ? std::optional(std::move(*tree)) : std::nullopt;
}

bool SlotDir::has_file(const std::string& path, const TreeEntry& entry) const {
  std::error_code error;
  if (fs::exists(parts_->incoming_path(entry.id), error)) return true;
  const Slot* live = parts_->live();
  if (live == nullptr) return false;
  const auto there = parts_->entry_at(live->root, path);
  return there && there->id == entry.id && (there->kind == EntryKind::file || there->kind == EntryKind::executable);
}

Result<void> SlotDir::put_tree(const ObjectId& id, std::string_view bytes) {
  // Not synced one by one: build() ends with a sync, and an object that is missing or damaged is pulled again.
  const fs::path path = parts_->tree_path(id);
  const fs::path fresh = path.string() + ".new";
  const posix::UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444));
  if (!fd) return std::unexpected(posix::errno_error("make " + fresh.string(), errno));
  if (::write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    return std::unexpected(posix::errno_error("write " + fresh.string(), errno));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0)
    return std::unexpected(posix::errno_error("rename " + fresh.string(), errno));
  return {};
}

Result<posix::UniqueFd> SlotDir::begin_incoming(const ObjectId& id) {
  const fs::path path = parts_->incoming_path(id).string() + ".part";
  posix::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return std::unexpected(posix::errno_error("make " + path.string(), errno));
  return fd;
}

Result<void> SlotDir::finish_incoming(const ObjectId& id) {
  const fs::path path = parts_->incoming_path(id);
  if (::rename((path.string() + ".part").c_str(), path.c_str()) != 0) {
    return std::unexpected(posix::errno_error("rename " + path.string() + ".part", errno));
  }
  return {};
}

void SlotDir::drop_incoming(const ObjectId& id) {
  std::error_code error;
  fs::remove(parts_->incoming_path(id).string() + ".part", error);
}

Result<void> SlotDir::check_space(std::uint64_t bytes, std::uint64_t files) const {
  const auto free = posix::free_space(parts_->slots_dir);
  if (!free) return std::unexpected(free.error());
  // Incoming objects and the files made of them are there together for a moment.
  const std::uint64_t needed = 2 * bytes + kReserveBytes;
  if (free->bytes < needed) {
    return failure(ErrorKind::no_space,
                   fmt::format("{} has {} free, the release needs {} with the reserve of {}: free some "
                               "space",
                               parts_->slots_dir.string(), bytes_text(free->bytes), bytes_text(needed),
                               bytes_text(kReserveBytes)));
  }
  if (free->inodes != 0 && free->inodes < 2 * files + kReserveInodes) {
    return failure(ErrorKind::no_space,
                   fmt::format("{} has {} inodes free, the release needs {}", parts_->slots_dir.string(), free->inodes,
                               2 * files + kReserveInodes));
  }
  return {};
}

Result<void> SlotDir::Parts::make_tree(const fs::path& folder, const ObjectId& from, const ObjectId& to) const {
  const auto changes = diff_trees(from, to, loader());
  if (!changes) return std::unexpected(changes.error());
  auto writer = TreeWriter::open(folder);
  if (!writer) return std::unexpected(writer.error());
  const Slot* live_slot = live();
  const auto source = [&](const std::string& path, const TreeEntry& entry) -> Result<FileSource> {
    if (live_slot != nullptr) {
      const auto there = entry_at(live_slot->root, path);
      if (there && there->id == entry.id && there->kind != EntryKind::symlink && there->kind != EntryKind::folder) {
        return FileSource{slots_dir / live_slot->name / path, *there == entry};
      }
    }
    return FileSource{incoming_path(entry.id), false};
  };
  if (auto applied = writer->apply(*changes, source); !applied) return applied;
  return writer->sync();
}

Result<std::string> SlotDir::build(const Release& release) {
  Parts& parts = *parts_;
  const std::string name = release.slot_name();
  if (parts.find(name) != nullptr) return name;
  const fs::path building = parts.slots_dir / (".building-" + name);
  std::error_code error;
  fs::remove_all(building, error);
  ObjectId base;
  if (!parts.spare.is_nothing()) {
    base = parts.spare;
    parts.spare = {};
    fs::remove(parts.record_path(kSpare), error);
    fs::rename(parts.slots_dir / kSpare, building, error);
  } else {
    fs::create_directory(building, error);
  }
  if (error) return failure(ErrorKind::io, fmt::format("make {}: {}", building.string(), error.message()));
  if (auto made = parts.make_tree(building, base, release.root); !made) {
    fs::remove_all(building, error);
    return std::unexpected(made.error());
  }
  fs::rename(building, parts.slots_dir / name, error);
  if (error) return failure(ErrorKind::io, fmt::format("rename {}: {}", building.string(), error.message()));
  if (auto synced = posix::sync_folder(parts.slots_dir); !synced) return std::unexpected(synced.error());
  if (auto written = parts.write_record(name, release.number, release.root); !written) {
    return std::unexpected(written.error());
  }
  parts.slots.push_back({.name = name, .release = release.number, .root = release.root});
  return name;
}

Result<void> SlotDir::link_to(const std::string& slot) {
  if (parts_->find(slot) == nullptr) return failure(ErrorKind::not_found, fmt::format("there is no slot {}", slot));
  if (auto good = check_live_path(parts_->settings.live, parts_->slots_dir); !good) return good;
  if (auto switched = point_live_path(parts_->settings.live, parts_->slots_dir / slot); !switched) return switched;
  for (Slot& each : parts_->slots) {
    // The record's mtime tells since when a slot is idle.
    if (each.live && each.name != slot) ::utimensat(AT_FDCWD, parts_->record_path(each.name).c_str(), nullptr, 0);
    each.live = each.name == slot;
  }
  return {};
}

Result<void> SlotDir::discard(const std::string& name) {
  const Slot* slot = parts_->find(name);
  if (slot == nullptr) return {};
  if (slot->live) return failure(ErrorKind::refused, fmt::format("{} is live", name));
  std::error_code error;
  fs::remove(parts_->record_path(name), error);
  if (error) return failure(ErrorKind::io, fmt::format("remove the record of {}: {}", name, error.message()));
  std::erase_if(parts_->slots, [&](const Slot& each) { return each.name == name; });
  fs::remove_all(parts_->slots_dir / name, error);
  return {};
}

Result<void> SlotDir::Parts::make_spare() {
  const Slot* live_slot = live();
  if (live_slot == nullptr || live_slot->root == spare) return {};
  std::error_code error;
  if (spare.is_nothing()) {
    fs::remove_all(slots_dir / kSpare, error);
    fs::create_directory(slots_dir / kSpare, error);
  }
  const ObjectId from = spare;
  spare = {};
  fs::remove(record_path(kSpare), error);
  if (auto made = make_tree(slots_dir / kSpare, from, live_slot->root); !made) return made;
  if (auto written = write_record(kSpare, 0, live_slot->root); !written) return written;
  spare = live_slot->root;
  return {};
}

void SlotDir::Parts::reap() {
  std::vector<std::pair<fs::file_time_type, std::string>> idle;
  std::error_code error;
  for (const Slot& slot : slots) {
    if (!slot.live) idle.emplace_back(fs::last_write_time(record_path(slot.name), error), slot.name);
  }
  std::sort(idle.begin(), idle.end());
  const auto now = fs::file_time_type::clock::now();
  for (const auto& [since, name] : idle) {
    if (slots.size() <= settings.slots) return;
    if (now - since < settings.idle_grace || !process_using(slots_dir / name).empty()) continue;
    fs::remove(record_path(name), error);
    std::erase_if(slots, [&](const Slot& slot) { return slot.name == name; });
    fs::remove_all(slots_dir / name, error);
  }
}

void SlotDir::Parts::sweep_trees() const {
  std::set<ObjectId> needed;
  std::vector<ObjectId> open;
  for (const Slot& slot : slots) open.push_back(slot.root);
  if (!spare.is_nothing()) open.push_back(spare);
  const TreeLoader load = loader();
  while (!open.empty()) {
    const ObjectId id = open.back();
    open.pop_back();
    if (!needed.insert(id).second) continue;
    const auto tree = load(id);
    if (!tree) continue;
    for (const TreeEntry& entry : tree->entries) {
      if (entry.kind == EntryKind::folder) open.push_back(entry.id);
    }
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(own / "trees", error)) {
    const auto id = ObjectId::from_hex(entry.path().filename().string());
    if (!id || !needed.contains(*id)) fs::remove(entry.path(), error);
  }
}

void SlotDir::tidy() {
  std::error_code error;
  const std::size_t before = parts_->slots.size();
  for (const auto& entry : fs::directory_iterator(parts_->own / "incoming", error)) fs::remove(entry.path(), error);
  parts_->reap();
  // A spare that cannot be made costs the next deploy some time, nothing else.
  [[maybe_unused]] const auto spare = parts_->make_spare();
  if (parts_->slots.size() != before) parts_->sweep_trees();
}

}  // namespace serin::apply
