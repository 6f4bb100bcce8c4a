#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/agent_config.h"
#include "agent/apply/base_tree_dir.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/pack.h"
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
  friend bool operator==(const Slot&, const Slot&) = default;
};

/// The trees of one application: SLOTS_DIR/NAME/ (files 0444 or 0555, folders 0755), SLOTS_DIR/.spare,
/// SLOTS_DIR/.serin/ for folders' objects, pulled files and the records of what is whole; and the live path, a symlink
/// to one of them. README.md describes all of it. Files are shared between slots path by path as hard links (a copy
/// where links fail) and are only ever replaced by rename. Names in SLOTS_DIR that are not of this form are left alone.
/// One thread; one process for each SLOTS_DIR, which a lock file ensures.
class SlotDir {
 public:
  using Clock = std::function<SteadyTime()>;
  /// Checks the live path (see Applier::open) and removes what a crash left half built, and the spare. `busy` when
  /// another agent uses the folder. Every slot that is not live counts as idle from now on.
  static Result<SlotDir> open(const agent::ApplicationSettings& settings, Clock clock);
  SlotDir(SlotDir&&) noexcept;
  SlotDir& operator=(SlotDir&&) noexcept;
  ~SlotDir();

  /// By release number.
  [[nodiscard]] std::vector<Slot> slots() const;
  [[nodiscard]] std::optional<Slot> live() const;
  /// True when a real folder stands at the live path: what was there before Serin. No slot is live then.
  [[nodiscard]] bool adopted() const;
  /// Processes that used slots after their grace, when tidy() last looked: one for each slot.
  [[nodiscard]] const std::vector<SlotUse>& old_code() const;
  /// True when the release's slot is there.
  [[nodiscard]] bool has(const Release& release) const;

  // What a pull needs
  /// The root of the tree whose files need not be pulled: the live one. Nothing when none is live, or when build()
  /// found it damaged.
  [[nodiscard]] ObjectId base() const;
  /// A folder's object, when the host has it whole.
  [[nodiscard]] std::optional<Tree> tree(const ObjectId& id) const;
  /// True when this content was pulled and waits for build().
  [[nodiscard]] bool has_file(const ObjectId& id);
  /// Keeps a folder's object (verified by the caller).
  Result<void> put_tree(const ObjectId& id, std::string_view bytes);
  /// A new file to receive an object into, and the end of it once verified by the caller.
  Result<posix::UniqueFd> begin_incoming(const ObjectId& id);
  /// The first `bytes` of one that an earlier pull began, unverified, to go on behind them.
  Result<posix::UniqueFd> resume_incoming(const ObjectId& id, std::uint64_t bytes);
  Result<void> finish_incoming(const ObjectId& id);
  void drop_incoming(const ObjectId& id);
  /// The tree of base(), to be read while the live path does not change.
  [[nodiscard]] Result<BaseTree> open_base() const;
  /// How far an interrupted pull unpacked this pack; 0: not at all. Kept until tidy().
  [[nodiscard]] PackMark pack_mark(const ObjectId& from, const ObjectId& to) const;
  void keep_pack_mark(const ObjectId& from, const ObjectId& to, const PackMark& mark);
  /// `no_space` unless these many bytes and files fit beside the reserve.
  Result<void> check_space(std::uint64_t bytes, std::uint64_t files) const;

  // What mending needs (tree_mend_dir.h)
  struct Folders {
    std::filesystem::path slots;     ///< holds each slot under its name
    std::filesystem::path spare;     ///< a tree like any other, when it is there
    std::filesystem::path scratch;   ///< for files that are being made
    std::filesystem::path incoming;  ///< pulled files, each under its id in hexadecimal
  };
  [[nodiscard]] Folders folders() const;
  /// The caller moves this pulled file away.
  void give_away(const ObjectId& id);

  // What a step needs
  /// Builds (or finds) the slot of a release from the spare, the live slot and what was pulled; durable when it
  /// returns. What is copied is hashed, what is shared is not. `corrupt` when something that the host should have is
  /// missing or damaged: it then relies on less, first not on the spare, then not on the live tree (base() is nothing),
  /// so that after two more pulls at most it succeeds. After an error everything live is as it was.
  Result<std::string> build(const Release& release);
  /// `refused`, with the path and the remedy, when the release (pulled, not built yet) has what this host keeps, or
  /// when what is live has real files there that cannot become kept ones.
  Result<void> check_kept(const Release& release);
  /// `refused` when a real folder stands at the live path, and this release (pulled or built) must not take its place:
  /// it holds files that the release does not have and that are not kept, unless they may be set aside.
  Result<void> check_adoptable(const Release& release);
  /// Points the live path at the slot: one rename, durable when it returns. A real folder there is exchanged with the
  /// link and becomes kAdoptedSlot, which is a name to go back to; what is kept moves out of it before. After an error
  /// live() says which it is.
  Result<void> link_to(const std::string& slot);
  /// What was pulled and not built is of no more use: the next tidy() removes it.
  void drop_pulled();
  /// Removes the slot when it is not live, and what was pulled.
  Result<void> discard(const std::string& slot);
  /// Makes the spare (a clone of the live tree in links, so that the next build touches only what changed), removes
  /// pulled files that are of no more use, and surplus slots that are free: idle for idle_grace, and no process has its
  /// cwd, executable, a mapping or an open file in it, as far as /proc shows. When to be called again: at the end of a
  /// slot's grace, and while an old slot is in use; nothing when there is no such slot.
  std::optional<Duration> tidy();

 private:
  struct Parts;
  explicit SlotDir(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::apply
