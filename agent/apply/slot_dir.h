#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/agent_config.h"
#include "protocol/error.h"
#include "protocol/posix/unique_fd.h"
#include "protocol/release.h"
#include "protocol/tree.h"

namespace serin::apply {

/// One complete tree on the host.
struct Slot {
  std::string name;  ///< Release::slot_name()
  ReleaseNumber release = 0;
  ObjectId root;
  bool live = false;
};

/// The trees of one application: SLOTS_DIR/NAME/ (files 0444 or 0555, folders 0755), SLOTS_DIR/.serin/ for tree
/// objects, incoming objects, slot records and the spare, and the live path, a symlink to one of them. Files are shared
/// between slots path by path as hard links (a copy where links fail) and are only ever replaced by rename. One thread.
class SlotDir {
 public:
  /// Checks the live path (see Applier::open) and removes what a crash left half built.
  static Result<SlotDir> open(const agent::ApplicationSettings& settings);
  SlotDir(SlotDir&&) noexcept;
  SlotDir& operator=(SlotDir&&) noexcept;
  ~SlotDir();

  [[nodiscard]] std::vector<Slot> slots() const;
  [[nodiscard]] std::optional<Slot> live() const;

  // What a pull needs
  /// A folder's object, when the host has it.
  [[nodiscard]] std::optional<Tree> tree(const ObjectId& id) const;
  /// True when this content is in incoming, or stands at this path in the live slot.
  [[nodiscard]] bool has_file(const std::string& path, const TreeEntry& entry) const;
  /// Keeps a folder's object (verified by the caller).
  Result<void> put_tree(const ObjectId& id, std::string_view bytes);
  /// A new file to receive an object into, and its move to incoming once verified by the caller.
  Result<posix::UniqueFd> begin_incoming(const ObjectId& id);
  Result<void> finish_incoming(const ObjectId& id);
  void drop_incoming(const ObjectId& id);
  /// `no_space` unless these many bytes and files fit beside the reserve.
  Result<void> check_space(std::uint64_t bytes, std::uint64_t files) const;

  // What a step needs
  /// Builds (or finds) the slot of a release from the spare, the live slot and incoming; durable when it returns.
  Result<std::string> build(const Release& release);
  /// Points the live path at the slot: one rename, durable when it returns.
  Result<void> link_to(const std::string& slot);
  /// Removes the slot when it is not live.
  Result<void> discard(const std::string& slot);
  /// Makes the spare (a clone of the live tree in links, so that the next build touches only what changed), removes
  /// incoming objects, and surplus slots that are free: idle for idle_grace, and no process has its cwd, executable, a
  /// mapping or an open file in it, as far as /proc shows.
  void tidy();

 private:
  struct Parts;
  explicit SlotDir(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::apply
