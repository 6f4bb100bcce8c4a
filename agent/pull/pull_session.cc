#include "agent/pull/pull_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::pull {

namespace {

std::unexpected<Error> corrupt(const ObjectId& id, const std::string& what) {
  return failure(ErrorKind::corrupt, fmt::format("object {}: {}", id.brief(), what));
}

}  // namespace

PullSession::PullSession(ObjectId root, ObjectId live_root, Host host, PackMark mark)
    : host_(std::move(host)),
      pack_from_(live_root),
      pack_to_(root),
      pack_name_(pack_name(live_root, root)),
      mark_(mark) {
  trees_.push_back({.id = root, .live = live_root});
}

Result<void> PullSession::walk() {
  while (!trees_.empty()) {
    const Folder folder = std::move(trees_.front());
    trees_.pop_front();
    if (folder.id == folder.live) continue;
    const auto tree = host_.tree(folder.id);
    if (tree) {
      if (auto looked = look_into(folder, *tree); !looked) return looked;
    } else {
      auto& waiting = tree_ids_[folder.id];
      if (waiting.empty()) folders_.push_back(folder.id);
      waiting.push_back(folder);
    }
  }
  return {};
}

Result<void> PullSession::look_into(const Folder& folder, const Tree& tree) {
  if (folder.depth > limits::kTreeDepthMax) {
    return failure(ErrorKind::refused,
                   fmt::format("{} is nested deeper than {} folders", printable(folder.path), limits::kTreeDepthMax));
  }
  const auto live = folder.live.is_nothing() ? std::optional<Tree>{} : host_.tree(folder.live);
  for (const TreeEntry& entry : tree.entries) {
    if (++entries_ > limits::kTreeEntriesMax) {
      return failure(ErrorKind::refused, fmt::format("the release has more than {} entries", limits::kTreeEntriesMax));
    }
    const std::string path = folder.path.empty() ? entry.name : folder.path + "/" + entry.name;
    const TreeEntry* there = live ? find_entry(*live, entry.name) : nullptr;
    if (there != nullptr && *there == entry) continue;
    if (entry.kind == EntryKind::folder) {
      const bool same_kind = there != nullptr && there->kind == EntryKind::folder;
      trees_.push_back({path, entry.id, same_kind ? there->id : ObjectId{}, folder.depth + 1});
    } else if (entry.kind != EntryKind::symlink) {
      const bool same_content = there != nullptr && there->id == entry.id;
      if (same_content || wanted_files_.contains(entry.id) || host_.has_file(entry.id)) continue;
      wanted_files_.emplace(entry.id, entry.size);
      bytes_missing_ += entry.size;
    }
  }
  return {};
}

Result<std::vector<GetObject>> PullSession::next_requests() {
  std::vector<GetObject> requests;
  if (auto walked = walk(); !walked) return std::unexpected(walked.error());
  if (pack_ == Pack::wanted && !done()) begin_pack();
  // First of all, so that what came early is not held for long. The credit that they gave back is still there.
  for (; !retries_.empty(); retries_.pop_front()) {
    const GetObject& request = retries_.front();
    if (outstanding_ + request.length > limits::kCreditBytes || requests_ >= kRequestsMax) return requests;
    in_flight_.at(request.object).outstanding.push_back({.offset = request.offset, .length = request.length});
    outstanding_ += request.length;
    ++requests_;
    requests.push_back(request);
  }
  while (Object* object = next_object()) {
    if (!ask_all(partly_asked_.front(), *object, requests)) break;
    partly_asked_.pop_front();
  }
  return requests;
}

void PullSession::begin_pack() {
  pack_ = Pack::streaming;
  Object& object = in_flight_[pack_name_];
  object.is_pack = true;
  object.asked = object.arrived = mark_.offset;
  partly_asked_.push_back(pack_name_);
}

/// The first of those partly asked for, which may be one that begins now.
PullSession::Object* PullSession::next_object() {
  if (!partly_asked_.empty()) return &in_flight_.at(partly_asked_.front());
  if (pack_ == Pack::streaming) return nullptr;
  while (!folders_.empty() && !tree_ids_.contains(folders_.front())) folders_.pop_front();
  if (!folders_.empty()) {
    partly_asked_.push_back(folders_.front());
    folders_.pop_front();
    Object& object = in_flight_[partly_asked_.front()];
    object.is_tree = true;
    return &object;
  }
  const auto next = wanted_files_.upper_bound(last_file_);
  if (!folders_known() || next == wanted_files_.end()) return nullptr;
  last_file_ = next->first;
  partly_asked_.push_back(last_file_);
  Object& object = in_flight_[last_file_];
  object.bytes = next->second;
  object.size_known = true;
  return &object;
}

/// False when the credit ends before all was asked for that can be by now.
bool PullSession::ask_all(const ObjectId& id, Object& object, std::vector<GetObject>& requests) {
  // Of a folder or a pack whose size is not known one part; an empty object is asked for too: its arrival proves that
  // the source has it.
  while (!object.begun || (object.size_known && object.asked < object.bytes)) {
    const std::uint64_t left = object.size_known ? object.bytes - object.asked : limits::kChunkBytes;
    const auto length = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(left, 1, limits::kChunkBytes));
    if (outstanding_ + length > limits::kCreditBytes || requests_ >= kRequestsMax) return false;
    GetObject request{.object = id, .offset = object.asked, .length = length};
    if (object.is_pack) {
      request.pack_from = pack_from_;
      request.pack_to = pack_to_;
    }
    requests.push_back(request);
    object.outstanding.push_back({.offset = object.asked, .length = length});
    object.begun = true;
    object.asked += length;
    outstanding_ += length;
    ++requests_;
  }
  return true;
}

/// The request that this answers.
std::optional<PullSession::Request> PullSession::answered(Object& object, std::uint64_t offset) {
  auto& all = object.outstanding;
  const auto found = std::find_if(all.begin(), all.end(), [&](const Request& each) { return each.offset == offset; });
  if (found == all.end()) return std::nullopt;
  const Request request = *found;
  all.erase(found);
  --requests_;
  return request;
}

void PullSession::retry(const ObjectId& id, std::uint64_t offset) {
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end()) return;
  const auto request = answered(found->second, offset);
  if (!request) return;
  outstanding_ -= request->length;
  GetObject again{.object = id, .offset = request->offset, .length = request->length};
  if (found->second.is_pack) {
    again.pack_from = pack_from_;
    again.pack_to = pack_to_;
  }
  retries_.push_back(again);
}

bool PullSession::absent(const ObjectId& id) {
  if (id != pack_name_) return false;
  give_up_pack();
  return true;
}

void PullSession::give_up_pack() {
  pack_ = Pack::over;
  const auto found = in_flight_.find(pack_name_);
  if (found == in_flight_.end()) return;
  for (const Request& request : found->second.outstanding) outstanding_ -= request.length;
  for (const auto& [offset, bytes] : found->second.early) outstanding_ -= bytes.size();
  requests_ -= found->second.outstanding.size();
  std::erase(partly_asked_, pack_name_);
  std::erase_if(retries_, [&](const GetObject& each) { return each.object == pack_name_; });
  in_flight_.erase(found);
}

bool PullSession::wants_file(const ObjectId& id, std::uint64_t bytes) const {
  const auto found = wanted_files_.find(id);
  return folders_known() && found != wanted_files_.end() && found->second == bytes && !in_flight_.contains(id);
}

Result<void> PullSession::take_folder(const ObjectId& id, const Tree& tree) {
  const auto folders = tree_ids_.extract(id);
  if (folders.empty()) return {};
  for (const Folder& folder : folders.mapped()) {
    if (auto looked = look_into(folder, tree); !looked) return looked;
  }
  return walk();
}

void PullSession::take_file(const ObjectId& id) {
  const auto found = wanted_files_.find(id);
  if (found == wanted_files_.end()) return;
  bytes_missing_ -= found->second;
  wanted_files_.erase(found);
}

std::uint64_t PullSession::bytes_left() const {
  const auto pack = in_flight_.find(pack_name_);
  const bool known = pack != in_flight_.end() && pack->second.size_known;
  return known ? pack->second.bytes - pack->second.arrived : bytes_missing_;
}

Result<void> PullSession::check_part(const Object& object, const Request& request, const ObjectPart& part,
                                     std::size_t bytes) const {
  if (object.size_known && part.object_bytes != object.bytes) {
    return corrupt(part.object, fmt::format("{} bytes instead of {}", part.object_bytes, object.bytes));
  }
  if (object.is_tree && part.object_bytes > limits::kTreeObjectBytesMax) {
    return corrupt(part.object, "too large a folder");
  }
  if (object.is_pack != (part.edition != 0)) return corrupt(part.object, "an edition where none may be, or none");
  if (object.is_pack && object.size_known && part.edition != mark_.edition) {
    return corrupt(part.object, "the pack changed while it was sent");
  }
  const std::uint64_t left = part.object_bytes - std::min(part.object_bytes, part.offset);
  const std::uint64_t wanted = std::min<std::uint64_t>(request.length, left);
  if (bytes != wanted) return corrupt(part.object, fmt::format("a part of {} bytes instead of {}", bytes, wanted));
  return {};
}

Result<std::vector<Action>> PullSession::on_part(const ObjectPart& part, std::string_view payload) {
  given_.clear();
  std::vector<Action> actions;
  const auto found = in_flight_.find(part.object);
  if (found == in_flight_.end()) return actions;
  Object& object = found->second;
  const auto request = answered(object, part.offset);
  if (!request) return actions;
  if (auto good = check_part(object, *request, part, payload.size()); !good) return std::unexpected(good.error());
  if (object.is_pack && !object.size_known) {
    if (begins_anew(object, part.edition)) {
      outstanding_ -= request->length;
      return actions;
    }
    mark_.edition = part.edition;
  }
  if (part.offset != object.arrived) {
    // It stays on the credit until its turn comes.
    object.early.emplace(part.offset, payload);
    return actions;
  }
  if (!object.size_known) {
    object.size_known = true;
    object.bytes = part.object_bytes;
    object.asked = object.arrived + payload.size();
    if (object.asked < object.bytes) partly_asked_.push_front(part.object);
  }
  outstanding_ -= request->length;
  take(part.object, object, payload, actions);
  for (auto next = object.early.begin(); next != object.early.end() && next->first == object.arrived;) {
    given_.push_back(std::move(next->second));
    next = object.early.erase(next);
    outstanding_ -= given_.back().size();
    take(part.object, object, given_.back(), actions);
  }
  if (object.arrived == object.bytes) {
    if (object.is_pack) {
      give_up_pack();
      return actions;
    }
    if (auto good = check_end(part.object, object, actions); !good) return std::unexpected(good.error());
    in_flight_.erase(part.object);
  }
  return actions;
}

/// An earlier life began it in another edition: from its beginning then.
bool PullSession::begins_anew(Object& object, std::uint64_t edition) {
  if (object.arrived == 0 || edition == mark_.edition) return false;
  mark_ = {};
  object.asked = object.arrived = 0;
  object.begun = false;
  partly_asked_.push_back(pack_name_);
  return true;
}

/// The object's next bytes.
void PullSession::take(const ObjectId& id, Object& object, std::string_view bytes, std::vector<Action>& actions) {
  if (!object.is_pack) object.hash.update(bytes);
  if (object.is_pack) {
    actions.emplace_back(AppendPack{object.arrived, bytes});
  } else if (object.is_tree) {
    object.content += bytes;
  } else {
    actions.emplace_back(AppendFile{id, object.arrived, bytes});
  }
  object.arrived += bytes.size();
}

Result<void> PullSession::check_end(const ObjectId& id, Object& object, std::vector<Action>& actions) {
  if (object.hash.finish() != id) return corrupt(id, "its bytes are not what its name says");
  if (!object.is_tree) {
    take_file(id);
    actions.emplace_back(FinishFile{id});
    return {};
  }
  const auto tree = decode_tree(object.content);
  if (!tree) return corrupt(id, tree.error().text);
  if (auto taken = take_folder(id, *tree); !taken) return taken;
  actions.emplace_back(StoreTree{id, std::move(object.content)});
  return {};
}

bool PullSession::done() const {
  return folders_known() && wanted_files_.empty() && in_flight_.empty();
}

}  // namespace serin::pull
