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
      tree_ids_[folder.id].push_back(folder);
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
    } else if (entry.kind != EntryKind::symlink && !known_files_.contains(entry.id) && !host_.has_file(path, entry)) {
      known_files_.insert(entry.id);
      file_bytes_[entry.id] = entry.size;
      files_.push_back(entry.id);
      bytes_missing_ += entry.size;
      ++files_missing_;
    }
  }
  return {};
}

std::optional<GetObject> PullSession::ask(const ObjectId& id, Object& object) {
  const std::uint64_t left = object.size_known ? object.bytes - object.asked : limits::kChunkBytes;
  const bool whole_asked = object.asked > 0 && (!object.size_known || left == 0);
  if (whole_asked || outstanding_ >= limits::kCreditBytes) return std::nullopt;
  // An empty object is asked for too: its arrival proves that the source has it.
  const auto length = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(left, 1, limits::kChunkBytes));
  GetObject request{.object = id, .offset = object.asked, .length = length};
  object.asked += length;
  outstanding_ += length;
  return request;
}

Result<std::vector<GetObject>> PullSession::next_requests() {
  std::vector<GetObject> requests;
  if (auto walked = walk(); !walked) return std::unexpected(walked.error());
  while (!retries_.empty() && outstanding_ < limits::kCreditBytes) {
    requests.push_back(retries_.front());
    outstanding_ += retries_.front().length;
    retries_.pop_front();
  }
  for (auto& [id, object] : in_flight_) {
    while (auto request = ask(id, object)) requests.push_back(*request);
  }
  for (auto& [id, folders] : tree_ids_) {
    if (outstanding_ >= limits::kCreditBytes) break;
    const auto [object, fresh] = in_flight_.try_emplace(id);
    if (!fresh) continue;
    object->second.is_tree = true;
    if (auto request = ask(id, object->second)) requests.push_back(*request);
  }
  while (folders_known() && !files_.empty() && outstanding_ < limits::kCreditBytes) {
    const ObjectId id = files_.front();
    files_.pop_front();
    Object& object = in_flight_[id];
    object.bytes = file_bytes_.at(id);
    object.size_known = true;
    while (auto request = ask(id, object)) requests.push_back(*request);
  }
  return requests;
}

void PullSession::retry(const ObjectId& id, std::uint64_t offset) {
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end()) return;
  const Object& object = found->second;
  const std::uint64_t left =
      object.size_known ? std::max<std::uint64_t>(object.bytes - offset, 1) : limits::kChunkBytes;
  const auto length = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, limits::kChunkBytes));
  outstanding_ -= std::min<std::uint64_t>(outstanding_, length);
  retries_.push_back({.object = id, .offset = offset, .length = length});
}

Result<std::vector<Action>> PullSession::on_part(const ObjectPart& part, std::string_view payload) {
  std::vector<Action> actions;
  const auto found = in_flight_.find(part.object);
  if (found == in_flight_.end()) return actions;  // of an attempt that was given up
  Object& object = found->second;
  if (object.size_known && part.object_bytes != object.bytes) {
    return corrupt(part.object, fmt::format("{} bytes instead of {}", part.object_bytes, object.bytes));
  }
  if (object.is_tree && part.object_bytes > limits::kTreeObjectBytesMax)
    return corrupt(part.object, "too large a folder");
  if (part.offset != object.arrived || payload.size() > limits::kChunkBytes ||
      object.arrived + payload.size() > part.object_bytes || (payload.empty() && part.object_bytes > object.arrived)) {
    return corrupt(part.object, fmt::format("a part of {} bytes at {} where {} was next", payload.size(), part.offset,
                                            object.arrived));
  }
  // What was asked for at this offset, which for a folder's first part may be more than there is.
  const std::uint64_t asked = object.size_known ? std::max<std::uint64_t>(payload.size(), 1) : limits::kChunkBytes;
  outstanding_ -= std::min(outstanding_, asked);
  if (!object.size_known) {
    object.size_known = true;
    object.bytes = part.object_bytes;
    object.asked = payload.size();
  }
  object.arrived += payload.size();
  object.hash.update(payload);
  if (object.is_tree) {
    object.content += payload;
  } else {
    actions.emplace_back(AppendFile{part.object, part.offset});
  }
  if (object.arrived == object.bytes) {
    if (auto good = check_end(part.object, object, actions); !good) return std::unexpected(good.error());
    in_flight_.erase(found);
  }
  return actions;
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
