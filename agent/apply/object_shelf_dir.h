#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/apply/folder_dir.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/pack.h"
#include "protocol/posix/unique_fd.h"
#include "protocol/tree.h"

namespace serin::apply {

/// A folder's object of FOLDER/trees/, hashed: `not_found`, or `corrupt` when its bytes are not the id's. Any thread.
Result<Tree> read_tree_object(const std::filesystem::path& trees, const ObjectId& id);

/// The objects that a host keeps beside its trees: folders' objects (FOLDER/trees/HEX) for as long as a slot needs
/// them, and pulled files (FOLDER/incoming/HEX) until they move into a slot. Nothing here is believed by its name
/// alone: a folder's object is hashed whenever it is read, and a pulled file that an earlier life left is hashed before
/// it counts as there. One thread.
class ObjectShelf {
 public:
  /// Makes the folders; removes what was half received, but for the file that the mark says is growing.
  static Result<ObjectShelf> open(const std::filesystem::path& folder);

  /// `not_found`, or `corrupt` when its bytes are not the id's.
  [[nodiscard]] Result<Tree> tree(const ObjectId& id) const;
  /// Keeps a folder's object (verified by the caller); durable after sync().
  Result<void> put_tree(const ObjectId& id, std::string_view bytes);
  /// fsync of each new folder's object while they are few (64), else one syncfs.
  Result<void> sync();
  /// Removes all others.
  Result<void> keep_trees(const std::set<ObjectId>& needed);

  /// True when this file was pulled and is whole.
  bool has_file(const ObjectId& id);
  /// A new file to receive into; finish_file() once the caller has verified it.
  Result<posix::UniqueFd> begin_file(const ObjectId& id);
  /// The first `bytes` of one that was begun, in an earlier life perhaps, to go on behind them; nobody has verified
  /// them. `not_found` when there are not so many.
  Result<posix::UniqueFd> resume_file(const ObjectId& id, std::uint64_t bytes);
  Result<void> finish_file(const ObjectId& id);
  void drop_file(const ObjectId& id);
  /// Where finished files lie, each under its id in hexadecimal.
  [[nodiscard]] const std::filesystem::path& incoming() const { return incoming_; }
  /// The caller moves this file away.
  void give_away(const ObjectId& id) { whole_files_.erase(id); }
  /// Removes pulled files, the mark and what is half received, all that did not change within `kept`.
  void clear_files(Duration kept);
  /// Where the unpacking of this pack goes on, as last told; not durable: what is not there is pulled again.
  [[nodiscard]] PackMark pack_mark(const ObjectId& from, const ObjectId& to) const;
  void keep_pack_mark(const ObjectId& from, const ObjectId& to, const PackMark& mark) const;

 private:
  explicit ObjectShelf(const std::filesystem::path& folder)
      : trees_(folder / "trees"), incoming_(folder / "incoming") {}
  [[nodiscard]] std::filesystem::path tree_path(const ObjectId& id) const { return trees_ / id.hex(); }
  [[nodiscard]] std::filesystem::path file_path(const ObjectId& id) const { return incoming_ / id.hex(); }

  std::filesystem::path trees_, incoming_;
  std::set<ObjectId> whole_files_;  ///< verified in this life
  std::vector<ObjectId> unsynced_trees_;
  bool earlier_life_unsynced_ = false;  ///< there are trees of which nobody knows whether they were synced
};

}  // namespace serin::apply
