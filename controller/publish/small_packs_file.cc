#include "controller/publish/small_packs_file.h"

#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/posix/link_socket.h"
#include "protocol/posix/system_clock.h"

namespace serin::publish {

namespace {

using namespace std::chrono_literals;
constexpr Duration kWaitMax = 10ms;
constexpr Duration kWaitAgain = 1s;

}  // namespace

Result<posix::OpenedContent> SmallPacks::open(PackShelf& shelf, const ObjectId& from, const ObjectId& to) {
  auto opened = shelf.open(from, to);
  const SteadyTime began = posix::boot_time();
  if (waited_at_ && began - *waited_at_ < kWaitAgain) return opened;
  while (!opened && opened.error().kind == ErrorKind::busy && posix::boot_time() - began < kWaitMax) {
    waited_at_ = began;
    posix::wait_readable({}, 1ms);
    opened = shelf.open(from, to);
  }
  return opened;
}

const PackAhead* SmallPacks::find(PackShelf& shelf, const ObjectId& from, const ObjectId& to) {
  const auto kept = [this] { return pack_ ? &*pack_ : nullptr; };
  if (from == from_ && to == to_) return kept();
  const auto opened = open(shelf, from, to);
  if (!opened) return nullptr;
  from_ = from;
  to_ = to;
  pack_.reset();
  if (opened->bytes > limits::kPackAheadBytesMax) return nullptr;
  PackAhead pack{.from = from, .to = to, .edition = opened->edition, .bytes = std::string(opened->bytes, '\0')};
  if (posix::read_at(opened->fd.get(), 0, pack.bytes.data(), pack.bytes.size()) != pack.bytes.size()) return nullptr;
  pack_ = std::move(pack);
  return kept();
}

}  // namespace serin::publish
