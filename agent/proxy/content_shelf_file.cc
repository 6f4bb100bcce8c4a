#include "agent/proxy/content_shelf_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "protocol/posix/files.h"
#include "protocol/posix/system_clock.h"
#include "protocol/text.h"

namespace serin::proxy {

namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;
constexpr Duration kFailedFor = 5s;
constexpr std::size_t kEntriesMax = 100'000;
constexpr std::uint64_t kAll = posix::OpenedContent::kGone - 1;
/// That content leaves free: slots and counts go before.
constexpr std::uint64_t kReserveBytes = 256U << 20;
constexpr std::uint64_t kSlackPart = 64;  ///< of the cache

std::unexpected<Error> coming() {
  return failure(ErrorKind::busy, "it is on its way");
}

}  // namespace

Result<std::unique_ptr<ContentShelf>> ContentShelf::open(const fs::path& folder, std::uint64_t bytes_max) {
  if (auto made = posix::make_folders(folder, 0700); !made) return std::unexpected(made.error());
  posix::drop_unfinished(folder);
  const std::uint64_t bytes = posix::drop_longest_unused(folder, bytes_max);
  return std::unique_ptr<ContentShelf>(new ContentShelf(folder, bytes_max, bytes));
}

fs::path ContentShelf::coming_path_of(const ObjectId& name) const {
  return folder_ / (name.hex() + ".new");
}

Result<posix::OpenedContent> ContentShelf::find(const GetObject& what) {
  const SteadyTime now = posix::boot_time();
  const auto known = entries_.with([&](const Entries& entries) -> std::optional<Entry> {
    const auto found = entries.all.find(what.object);
    if (found == entries.all.end()) return std::nullopt;
    const Entry& entry = found->second;
    const bool counts = now - entry.failed_at <= kFailedFor && entry.is_pack == what.is_pack();
    if (entry.state == Entry::State::failed && !counts) return std::nullopt;
    return entry;
  });
  if (known && known->state == Entry::State::failed) return failure(ErrorKind::not_found, "the controller has it not");
  if (known && known->state == Entry::State::wanted) return coming();
  if (known && known->state == Entry::State::coming) {
    posix::UniqueFd fd(::open(coming_path_of(what.object).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) return coming();  // it is whole in this moment
    return posix::OpenedContent{
        .fd = std::move(fd), .bytes = known->bytes, .edition = known->edition, .arrived = known->arrived};
  }
  if (known) {
    if (auto opened = posix::open_content(path_of(what.object))) {  // else it had to make room
      opened->arrived = known->arrived;
      return opened;
    }
  }
  if (want(what)) wanted_.post(what);
  return coming();
}

bool ContentShelf::want(const GetObject& what) {
  return entries_.with([&](Entries& entries) {
    if (entries.wanted >= kWantedMax) return false;
    const auto [entry, is_new] = entries.all.try_emplace(what.object);
    if (!is_new && entry->second.state == Entry::State::wanted) return false;
    entry->second = {.is_pack = what.is_pack()};
    ++entries.wanted;
    return true;
  });
}

void ContentShelf::set(const ObjectId& name, Entry entry) {
  entries_.with([&](Entries& entries) {
    // Who asks for much that does not exist makes nothing else be forgotten.
    for (const auto state : {Entry::State::failed, Entry::State::whole}) {
      if (entries.all.size() < kEntriesMax) break;
      std::erase_if(entries.all, [&](const auto& each) { return each.second.state == state; });
    }
    const auto [there, is_new] = entries.all.try_emplace(name);
    if (!is_new && there->second.state == Entry::State::wanted) --entries.wanted;
    entry.is_pack = there->second.is_pack;
    there->second = std::move(entry);
  });
}

bool ContentShelf::is_here(const ObjectId& name, const std::stop_token& stop) {
  if (!posix::check_content(path_of(name), stop)) return false;
  set(name, {.state = Entry::State::whole, .arrived = std::make_shared<std::atomic<std::uint64_t>>(kAll)});
  return true;
}

void ContentShelf::forget_damaged(const ObjectId& name) {
  entries_.with([&](Entries& entries) {
    const auto found = entries.all.find(name);
    if (found == entries.all.end() || found->second.state != Entry::State::whole) return;
    found->second.arrived->store(posix::OpenedContent::kGone, std::memory_order_release);
    entries.all.erase(found);
  });
}

std::size_t ContentShelf::scrub(std::uint64_t bytes_per_s, const std::stop_token& stop) {
  std::size_t damaged = 0;
  for (const ObjectId& name : posix::names_of_content(folder_)) {
    if (stop.stop_requested()) break;
    const auto sound = posix::check_content(path_of(name), stop, bytes_per_s);
    if (sound || sound.error().kind != ErrorKind::corrupt) continue;
    forget_damaged(name);
    ++damaged;
  }
  return damaged;
}

Result<void> ContentShelf::make_room(std::uint64_t bytes) {
  std::uint64_t wanted = bytes;
  for (const auto& [name, each] : coming_) wanted += each.bytes;
  if (wanted > bytes_max_) {
    return failure(ErrorKind::no_space, fmt::format("{} are more than the proxy's cache", bytes_text(wanted)));
  }
  const auto fits = [&] {
    const auto free = posix::free_space(folder_);
    return bytes_ <= bytes_max_ - wanted && free && free->bytes >= bytes + kReserveBytes;
  };
  if (fits()) return {};
  // A little more than is needed, so that not each small object looks through the folder.
  const std::uint64_t left = bytes_max_ - wanted;
  for (const std::uint64_t kept : {left - std::min(left, bytes_max_ / kSlackPart), std::uint64_t{0}}) {
    bytes_ = posix::drop_longest_unused(folder_, kept);
    if (fits()) return {};
  }
  return failure(ErrorKind::no_space, fmt::format("the disk has no room for {} more", bytes_text(bytes)));
}

std::unexpected<Error> ContentShelf::fail(const ObjectId& name, Error error) {
  if (const auto found = coming_.find(name); found != coming_.end()) {
    found->second.arrived->store(posix::OpenedContent::kGone, std::memory_order_release);
    coming_.erase(found);
    ::unlink(coming_path_of(name).c_str());
  }
  set(name, {.state = Entry::State::failed, .failed_at = posix::boot_time()});
  return std::unexpected(std::move(error));
}

Result<void> ContentShelf::take(const BeginContent& begin) {
  const ObjectId& name = begin.what.object;
  if (const auto found = coming_.find(name); found != coming_.end()) {
    found->second.arrived->store(posix::OpenedContent::kGone, std::memory_order_release);
    coming_.erase(found);
  }
  if (auto room = make_room(begin.bytes + posix::kEditionBytes); !room) return fail(name, room.error());
  const fs::path path = coming_path_of(name);
  ::unlink(path.c_str());  // who reads the former one reads that
  posix::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail(name, posix::errno_error("make " + path.string(), errno));
  auto arrived = std::make_shared<std::atomic<std::uint64_t>>(0);
  coming_[name] = {.fd = std::move(fd), .bytes = begin.bytes, .edition = begin.edition, .arrived = arrived, .hash = {}};
  set(name, {.state = Entry::State::coming, .bytes = begin.bytes, .edition = begin.edition, .arrived = arrived});
  return {};
}

Result<void> ContentShelf::take(const AppendContent& append) {
  const auto found = coming_.find(append.name);
  if (found == coming_.end()) return {};
  if (auto written = posix::write_all(found->second.fd.get(), append.bytes, "content"); !written) {
    return fail(append.name, written.error());
  }
  found->second.hash.update(append.bytes);
  found->second.arrived->fetch_add(append.bytes.size(), std::memory_order_release);
  return {};
}

Result<void> ContentShelf::take(const FinishContent& finish) {
  const auto found = coming_.find(finish.name);
  if (found == coming_.end()) return {};
  const ObjectId hash = found->second.hash.finish();
  const std::uint64_t edition = found->second.edition;
  if (edition == 0 ? hash != finish.name : posix::edition_of(hash) != edition) {
    return fail(finish.name, {ErrorKind::corrupt, fmt::format("{} came damaged", finish.name.brief())});
  }
  if (auto written = posix::write_all(found->second.fd.get(), posix::edition_bytes(edition), "content"); !written) {
    return fail(finish.name, written.error());
  }
  const fs::path whole = path_of(finish.name);
  if (::rename(coming_path_of(finish.name).c_str(), whole.c_str()) != 0) {
    return fail(finish.name, posix::errno_error("rename to " + whole.string(), errno));
  }
  bytes_ += found->second.bytes + posix::kEditionBytes;
  auto arrived = std::move(found->second.arrived);
  coming_.erase(found);
  set(finish.name, {.state = Entry::State::whole, .arrived = std::move(arrived)});
  return {};
}

Result<void> ContentShelf::take(const FailContent& failed) {
  [[maybe_unused]] const auto error = fail(failed.name, {});
  return {};
}

}  // namespace serin::proxy
