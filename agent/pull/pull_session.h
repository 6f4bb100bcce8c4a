#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/messages.h"
#include "protocol/pack.h"
#include "protocol/tree.h"

namespace serin::pull {

/// What the session asks of the host, answered at once from its disk.
struct Host {
  std::function<std::optional<Tree>(const ObjectId&)> tree;  ///< a folder's object that it has
  std::function<bool(const ObjectId&)> has_file;             ///< content that it has beside its live tree
};

/// Fewer than the messages that a link queues.
inline constexpr std::size_t kRequestsMax = 512;

// ---- what is to be done with arrived bytes, in order ----
struct AppendPack {
  std::uint64_t offset = 0;  ///< of these bytes in the pack; 0: it begins, whatever came before
  std::string_view bytes;    ///< valid until the next call
};
struct StoreTree {
  ObjectId id;
  std::string bytes;
};  ///< verified
struct AppendFile {
  ObjectId id;
  std::uint64_t offset = 0;  ///< of these bytes: the end of what was appended before
  std::string_view bytes;    ///< valid until the next call
};
struct FinishFile {
  ObjectId id;
};  ///< complete and verified
using Action = std::variant<AppendPack, StoreTree, AppendFile, FinishFile>;

/// Decides what to request and checks what arrives. First the pack between the live tree and the wanted one, where the
/// source has it: whoever unpacks it says object by object what it brought. Then what is still missing, object by
/// object: folders, from the root down, where they differ from the live tree, then files that do not stand at the same
/// path there. Never more than limits::kCreditBytes and kRequestsMax requests outstanding or held because an earlier
/// part is missing, each object once, every object hashed against its id. What was not asked for is ignored. After an
/// error the session is over. Pure; single-threaded.
class PullSession {
 public:
  /// `live_root`: what the host runs; nothing when it runs nothing. `mark`: up to there the objects of the pack are on
  /// the disk.
  PullSession(ObjectId root, ObjectId live_root, Host host, PackMark mark = {});

  /// The next requests that the credit allows; call after construction and after each part, retry or absence.
  Result<std::vector<GetObject>> next_requests();
  /// `corrupt` when these bytes are not the object's, or break a bound; `refused` when the release breaks one. The
  /// actions are to be carried out before the next call.
  Result<std::vector<Action>> on_part(const ObjectPart& part, std::string_view payload);
  /// A request that was refused as busy or could not be sent: next_requests() asks again.
  void retry(const ObjectId& object, std::uint64_t offset);
  /// The source does not have it. True when it can do without: it was the pack.
  bool absent(const ObjectId& object);

  // ---- for who unpacks ----
  /// The objects that it would take at this moment; a file only when all folders are known.
  [[nodiscard]] bool wants_folder(const ObjectId& id) const { return tree_ids_.contains(id); }
  [[nodiscard]] bool wants_file(const ObjectId& id, std::uint64_t bytes) const;
  /// A wanted folder, verified by the caller, and on the disk; `refused` when the release breaks a bound.
  Result<void> take_folder(const ObjectId& id, const Tree& tree);
  /// A wanted file, verified by the caller, and on the disk.
  void take_file(const ObjectId& id);
  /// The pack is of no more use: the rest comes object by object.
  void give_up_pack();
  [[nodiscard]] bool is_pack(const ObjectId& id) const { return id == pack_name_; }
  /// It came, or will not be asked for.
  [[nodiscard]] bool pack_over() const { return pack_ == Pack::over; }
  /// Of the parts that arrive; nothing (0) before the first.
  [[nodiscard]] std::uint64_t pack_edition() const { return mark_.edition; }

  /// Something was asked for and has not come.
  [[nodiscard]] bool waits() const { return requests_ != 0; }
  [[nodiscard]] bool done() const;
  /// Of the files that are still to come; complete once no folder is missing any more.
  [[nodiscard]] std::uint64_t bytes_missing() const { return bytes_missing_; }
  [[nodiscard]] std::uint64_t files_missing() const { return wanted_files_.size(); }
  /// That the source is to bring: of the pack once its size is known, else of those files.
  [[nodiscard]] std::uint64_t bytes_left() const;
  [[nodiscard]] bool folders_known() const { return trees_.empty() && tree_ids_.empty(); }

 private:
  struct Folder {
    std::string path;
    ObjectId id, live;  ///< live: the folder at this path in the live tree
    std::size_t depth = 0;
  };
  struct Request {
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
  };
  struct Object {
    bool is_tree = false, is_pack = false;
    std::uint64_t bytes = 0;  ///< unknown (0) for a folder until its first part
    bool size_known = false;
    bool begun = false;  ///< something was asked for, so that an empty object is asked for once
    std::uint64_t asked = 0, arrived = 0;
    std::vector<Request> outstanding;
    std::map<std::uint64_t, std::string> early;  ///< parts that came while an earlier one had been refused
    std::string content;                         ///< of a folder
    Sha256 hash;
  };

  Result<void> walk();
  Result<void> look_into(const Folder& folder, const Tree& tree);
  Object* next_object();
  bool ask_all(const ObjectId& id, Object& object, std::vector<GetObject>& requests);
  std::optional<Request> answered(Object& object, std::uint64_t offset);
  void take(const ObjectId& id, Object& object, std::string_view bytes, std::vector<Action>& actions);
  Result<void> check_part(const Object& object, const Request& request, const ObjectPart& part,
                          std::size_t bytes) const;
  Result<void> check_end(const ObjectId& id, Object& object, std::vector<Action>& actions);
  void begin_pack();
  bool begins_anew(Object& object, std::uint64_t edition);

  Host host_;
  std::deque<Folder> trees_;                          ///< to be looked into
  std::map<ObjectId, std::vector<Folder>> tree_ids_;  ///< folders that wait for their object
  std::deque<ObjectId> folders_;                      ///< objects that are not begun
  std::map<ObjectId, std::uint64_t> wanted_files_;    ///< still to come, and their sizes
  ObjectId last_file_;                                ///< that was begun: the next one is after it
  std::map<ObjectId, Object> in_flight_;
  std::deque<ObjectId> partly_asked_;  ///< in flight; the first one is next
  std::deque<GetObject> retries_;
  std::deque<std::string> given_;  ///< early parts that the last actions show
  std::uint64_t outstanding_ = 0, bytes_missing_ = 0;
  std::size_t requests_ = 0;  ///< outstanding
  std::size_t entries_ = 0;
  enum class Pack : std::uint8_t { wanted, streaming, over };
  Pack pack_ = Pack::wanted;
  ObjectId pack_from_, pack_to_, pack_name_;
  PackMark mark_;
};

}  // namespace serin::pull
