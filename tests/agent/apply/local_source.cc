#include "tests/agent/apply/local_source.h"

#include "protocol/posix/files.h"

namespace serin::apply {

namespace {

/// Carries out what the session asks for.
struct Keeper {
  SlotDir& slots;
  std::map<ObjectId, posix::UniqueFd>& files;
  Result<void> operator()(const pull::StoreTree& tree) const { return slots.put_tree(tree.id, tree.bytes); }
  Result<void> operator()(const pull::AppendFile& part) const {
    if (!files.contains(part.id)) {
      auto opened = slots.begin_incoming(part.id);
      if (!opened) return std::unexpected(opened.error());
      files.emplace(part.id, std::move(*opened));
    }
    return posix::write_all(files.at(part.id).get(), part.bytes, "incoming");
  }
  Result<void> operator()(const pull::AppendPack& /*part*/) const {
    return failure(ErrorKind::refused, "this source has no packs");
  }
  Result<void> operator()(const pull::FinishFile& file) const {
    files.erase(file.id);
    return slots.finish_incoming(file.id);
  }
};

}  // namespace

Result<PullResult> LocalSource::pull(const Release& release, SlotDir& slots) {
  return run({release.root,
              slots.base(),
              {.tree = [&](const ObjectId& id) { return slots.tree(id); },
               .has_file = [&](const ObjectId& id) { return slots.has_file(id); }}},
             slots);
}

Result<PullResult> LocalSource::pull_objects(const Release& release, const std::set<ObjectId>& files, SlotDir& slots) {
  return run({release.root,
              {},
              {.tree = [&](const ObjectId& id) { return slots.tree(id); },
               .has_file = [&](const ObjectId& id) { return !files.contains(id) || slots.has_file(id); }}},
             slots);
}

Result<PullResult> LocalSource::run(pull::PullSession session, SlotDir& slots) {
  std::map<ObjectId, posix::UniqueFd> files;
  PullResult result;
  while (!session.done()) {
    const auto requests = session.next_requests();
    if (!requests) return std::unexpected(requests.error());
    for (const GetObject& request : *requests) {
      if (session.absent(request.object)) continue;  // it has no packs
      const auto found = objects_.find(request.object);
      if (found == objects_.end()) return failure(ErrorKind::not_found, "no object " + request.object.brief());
      served.insert(request.object);
      const auto payload = std::string_view(found->second).substr(request.offset, request.length);
      const auto actions = session.on_part(
          {.object = request.object, .offset = request.offset, .object_bytes = found->second.size()}, payload);
      if (!actions) return std::unexpected(actions.error());
      result.bytes += payload.size();
      for (const auto& action : *actions) {
        if (auto done = std::visit(Keeper{slots, files}, action); !done) return std::unexpected(done.error());
      }
    }
  }
  return result;
}

}  // namespace serin::apply
