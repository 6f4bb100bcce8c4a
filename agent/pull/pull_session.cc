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

PullSession::PullSession(ObjectId root, ObjectId live_root, Host host) : host_(std::move(host)) {
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
      if (same_content || known_files_.contains(entry.id) || host_.has_file(entry.id)) continue;
      known_files_.insert(entry.id);
      files_.emplace_back(entry.id, entry.size);
      bytes_missing_ += entry.size;
      ++files_missing_;
    }
  }
  return {};
}

Result<std::vector<GetObject>> PullSession::next_requests() {
  std::vector<GetObject> requests;
  if (auto walked = walk(); !walked) return std::unexpected(walked.error());
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

/// The first of those partly asked for, which may be one that begins now.
PullSession::Object* PullSession::next_object() {
  if (!partly_asked_.empty()) return &in_flight_.at(partly_asked_.front());
  if (!folders_.empty()) {
    partly_asked_.push_back(folders_.front());
    folders_.pop_front();
    Object& object = in_flight_[partly_asked_.front()];
    object.is_tree = true;
    return &object;
  }
  if (!folders_known() || files_.empty()) return nullptr;
  const auto [id, bytes] = files_.front();
  files_.pop_front();
  partly_asked_.push_back(id);
  Object& object = in_flight_[id];
  object.bytes = bytes;
  object.size_known = true;
  return &object;
}

/// False when the credit ends before all was asked for that can be by now.
bool PullSession::ask_all(const ObjectId& id, Object& object, std::vector<GetObject>& requests) {
  // Of a folder whose size is not known one part; an empty object is asked for too: its arrival proves that the source
  // has it.
  while (!object.begun || (object.size_known && object.asked < object.bytes)) {
    const std::uint64_t left = object.size_known ? object.bytes - object.asked : limits::kChunkBytes;
    const auto length = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(left, 1, limits::kChunkBytes));
    if (outstanding_ + length > limits::kCreditBytes || requests_ >= kRequestsMax) return false;
    requests.push_back({.object = id, .offset = object.asked, .length = length});
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
  retries_.push_back({.object = id, .offset = request->offset, .length = request->length});
}

Result<void> PullSession::check_part(const Object& object, const Request& request, const ObjectPart& part,
                                     std::size_t bytes) const {
  if (object.size_known && part.object_bytes != object.bytes) {
    return corrupt(part.object, fmt::format("{} bytes instead of {}", part.object_bytes, object.bytes));
  }
  if (object.is_tree && part.object_bytes > limits::kTreeObjectBytesMax) {
    return corrupt(part.object, "too large a folder");
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
  if (part.offset != object.arrived) {
    // It stays on the credit until its turn comes.
    object.early.emplace(part.offset, payload);
    return actions;
  }
  if (!object.size_known) {
    object.size_known = true;
    object.bytes = part.object_bytes;
    object.asked = payload.size();
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
    if (auto good = check_end(part.object, object, actions); !good) return std::unexpected(good.error());
    in_flight_.erase(found);
  }
  return actions;
}

/// The object's next bytes.
void PullSession::take(const ObjectId& id, Object& object, std::string_view bytes, std::vector<Action>& actions) {
  object.hash.update(bytes);
  if (object.is_tree) {
    object.content += bytes;
  } else {
    actions.emplace_back(AppendFile{id, object.arrived, bytes});
  }
  object.arrived += bytes.size();
}

Result<void> PullSession::check_end(const ObjectId& id, Object& object, std::vector<Action>& actions) {
  if (object.hash.finish() != id) return corrupt(id, "its bytes are not what its name says");
  if (!object.is_tree) {
    bytes_missing_ -= object.bytes;
    --files_missing_;
    actions.emplace_back(FinishFile{id});
    return {};
  }
  const auto tree = decode_tree(object.content);
  if (!tree) return corrupt(id, tree.error().text);
  const auto folders = tree_ids_.extract(id);
  for (const Folder& folder : folders.mapped()) {
    if (auto looked = look_into(folder, *tree); !looked) return looked;
  }
  actions.emplace_back(StoreTree{id, std::move(object.content)});
  return {};
}

bool PullSession::done() const {
  return folders_known() && files_.empty() && in_flight_.empty();
}

}  // namespace serin::pull
