#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "agent/apply/kept_paths_dir.h"
#include "agent/apply/object_shelf_dir.h"
#include "agent/apply/slot_dir.h"
#include "agent/apply/slot_records_dir.h"
#include "protocol/posix/files.h"
#include "protocol/tree_diff.h"

/// What SlotDir is made of, for its own files: slot_dir builds and switches, slot_upkeep_dir is for quiet moments.
namespace serin::apply {

inline constexpr auto kSpare = ".spare";
inline constexpr auto kBuilding = ".building";
inline constexpr auto kScratch = "scratch";

struct SlotDir::Parts {
  Parts(agent::ApplicationSettings with, Clock with_clock, std::filesystem::path at, std::filesystem::path own_folder,
        posix::LockFile with_lock, ObjectShelf with_shelf, KeptPaths with_kept)
      : settings(std::move(with)),
        clock(std::move(with_clock)),
        slots_dir(std::move(at)),
        own(std::move(own_folder)),
        lock(std::move(with_lock)),
        shelf(std::move(with_shelf)),
        kept(std::move(with_kept)),
        records(own / "slots") {}

  agent::ApplicationSettings settings;
  Clock clock;
  std::filesystem::path slots_dir, own;
  posix::LockFile lock;
  ObjectShelf shelf;
  KeptPaths kept;
  SlotRecords records;
  std::vector<Slot> slots;                       ///< by release number
  std::map<std::string, SteadyTime> idle_since;  ///< of all that are not live
  ObjectId spare;                                ///< root of the spare tree; nothing: there is none
  bool pulled_is_used = false;                   ///< a slot was built since the last tidy(): what is left is of no use
  bool live_is_good = true;                      ///< no damage was found in the live tree
  bool adopted = false;                          ///< a real folder stands at the live path
  std::vector<SlotUse> old_code;                 ///< as reap() last saw it

  [[nodiscard]] const Slot* find(const std::string& name) const {
    const auto found = std::find_if(slots.begin(), slots.end(), [&](const Slot& slot) { return slot.name == name; });
    return found == slots.end() ? nullptr : &*found;
  }
  [[nodiscard]] const Slot* live() const {
    const auto found = std::find_if(slots.begin(), slots.end(), [](const Slot& slot) { return slot.live; });
    return found == slots.end() ? nullptr : &*found;
  }

  [[nodiscard]] TreeLoader loader() const {
    return [this](const ObjectId& id) { return shelf.tree(id); };
  }
  Result<void> load_slots();
  Result<void> clear_rubbish(const std::string& live_slot);
  Result<void> make_tree(const std::filesystem::path& folder, const ObjectId& from, const ObjectId& to);
  Result<void> make_building(const ObjectId& root);
  Result<void> remove_slot(const std::string& name);
  Result<void> read_live_path();
  void link_kept_paths();
  [[nodiscard]] Result<void> check_adoptable(const std::string& name, const ObjectId& root) const;
  Result<void> switch_to(const std::string& name);
  void drop_spare();
  void make_spare();
  std::optional<Duration> reap();
  void sweep_trees();
};

}  // namespace serin::apply
