#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/messages.h"
#include "protocol/tree.h"

namespace serin::pull {

/// What the session asks of the host, answered at once from its disk.
struct Host {
  std::function<std::optional<Tree>(const ObjectId&)> tree;                 ///< a folder's object that it has
  std::function<bool(const std::string& path, const TreeEntry&)> has_file;  ///< content that it has
};

// ---- what is to be done with arrived bytes, in order ----
struct StoreTree {
  ObjectId id;
  std::string bytes;
};  ///< verified
struct AppendFile {
  ObjectId id;
  std::uint64_t offset = 0;
};  ///< the payload just given, to the incoming file
struct FinishFile {
  ObjectId id;
};  ///< complete and verified
using Action = std::variant<StoreTree, AppendFile, FinishFile>;

/// Decides what to request and checks what arrives: folders first, from the root down, where they differ from the live
/// tree, then files. Never more than limits::kCreditBytes outstanding, each object once, every object hashed against
/// its id. Pure; single-threaded.
class PullSession {
 public:
  /// `live_root`: what the host runs; nothing when it runs nothing.
  PullSession(ObjectId root, ObjectId live_root, Host host);

  /// The next requests that the credit allows; call after construction and after each part or retry.
  Result<std::vector<GetObject>> next_requests();
  /// `corrupt` when these bytes are not the object's, or break a bound.
  Result<std::vector<Action>> on_part(const ObjectPart& part, std::string_view payload);
  /// A part that was refused as busy: asked for again by next_requests().
  void retry(const ObjectId& object, std::uint64_t offset);

  [[nodiscard]] bool done() const;
  /// Of the files that are still to come; complete once no folder is missing any more.
  [[nodiscard]] std::uint64_t bytes_missing() const { return bytes_missing_; }
  [[nodiscard]] std::uint64_t files_missing() const { return files_missing_; }
  [[nodiscard]] bool folders_known() const { return trees_.empty() && tree_ids_.empty(); }

 private:
  struct Folder {
    std::string path;
    ObjectId id, live;  ///< live: the folder at this path in the live tree
    std::size_t depth = 0;
  };
  struct Object {
    bool is_tree = false;
    std::uint64_t bytes = 0;  ///< unknown (0) for a folder until its first part
    bool size_known = false;
    std::uint64_t asked = 0, arrived = 0;
    std::string content;  ///< of a folder
    Sha256 hash;
  };

  Result<void> walk();
  Result<void> look_into(const Folder& folder, const Tree& tree);
  std::optional<GetObject> ask(const ObjectId& id, Object& object);
  Result<void> check_end(const ObjectId& id, Object& object, std::vector<Action>& actions);

  Host host_;
  std::deque<Folder> trees_;                          ///< to be looked into
  std::map<ObjectId, std::vector<Folder>> tree_ids_;  ///< folders that wait for their object
  std::deque<ObjectId> files_;                        ///< to be requested
  std::set<ObjectId> known_files_;
  std::map<ObjectId, std::uint64_t> file_bytes_;
  std::map<ObjectId, Object> in_flight_;
  std::deque<GetObject> retries_;
  std::uint64_t outstanding_ = 0, bytes_missing_ = 0, files_missing_ = 0;
  std::size_t entries_ = 0;
};

}  // namespace serin::pull
