#include "controller/publish/small_packs_file.h"

#include "protocol/limits.h"
#include "protocol/posix/files.h"

namespace serin::publish {

const Frames* SmallPacks::frames_of(PackShelf& shelf, const ObjectId& from, const ObjectId& to) {
  const auto kept = [this] { return frames_ ? &*frames_ : nullptr; };
  if (from == from_ && to == to_) return kept();
  const auto opened = shelf.open(from, to);
  if (!opened) return nullptr;
  from_ = from;
  to_ = to;
  frames_.reset();
  if (opened->bytes > limits::kPackAheadBytesMax) return nullptr;
  PackAhead pack{.from = from, .to = to, .edition = opened->edition, .bytes = std::string(opened->bytes, '\0')};
  if (posix::read_at(opened->fd.get(), 0, pack.bytes.data(), pack.bytes.size()) != pack.bytes.size()) return nullptr;
  frames_ = encode({.header = {.protocol = limits::kProtocolNewest}, .message = std::move(pack)});
  return kept();
}

}  // namespace serin::publish
