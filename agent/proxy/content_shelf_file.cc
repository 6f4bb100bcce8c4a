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
/// That content leaves free: slots and counts go before.
constexpr std::uint64_t kReserveBytes = 256U << 20;

std::unexpected<Error> coming() {
  return failure(ErrorKind::busy, "it is on its way");
}

}  // namespace

Result<std::unique_ptr<ContentShelf>> ContentShelf::open(const fs::path& folder, std::uint64_t bytes_max) {
  if (auto made = posix::make_folders(folder, 0700); !made) return std::unexpected(made.error());
  posix::drop_unfinished(folder);
  posix::drop_longest_unused(folder, bytes_max);
  return std::unique_ptr<ContentShelf>(new ContentShelf(folder, bytes_max));
}

fs::path ContentShelf::coming_path_of(const ObjectId& name) const {
  return folder_ / (name.hex() + ".new");
}

Result<posix::OpenedContent> ContentShelf::find(const GetObject& what) {
  const SteadyTime now = posix::boot_time();
  const auto known = entries_.with([&](auto& all) -> std::optional<Entry> {
    const auto found = all.find(what.object);
    if (found == all.end()) return std::nullopt;
    if (found->second.state == Entry::State::failed && now - found->second.failed_at > kFailedFor) return std::nullopt;
    return found->second;
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
    if (auto opened = posix::open_content(path_of(what.object))) return opened;  // else it had to make room
  }
  set(what.object, {});
  wanted_.post(what);
  return coming();
}

void ContentShelf::set(const ObjectId& name, Entry entry) {
  entries_.with([&](auto& all) {
    if (all.size() >= kEntriesMax) {
      std::erase_if(all, [](const auto& each) {
        return each.second.state == Entry::State::whole || each.second.state == Entry::State::failed;
      });
    }
    all[name] = std::move(entry);
  });
}

bool ContentShelf::is_here(const ObjectId& name, const std::stop_token& stop) {
  if (!posix::is_sound_content(path_of(name), stop)) return false;
  set(name, {.state = Entry::State::whole});
  return true;
}

Result<void> ContentShelf::make_room(std::uint64_t bytes) const {
  if (bytes > bytes_max_) {
    return failure(ErrorKind::no_space, fmt::format("{} are more than the proxy's cache", bytes_text(bytes)));
  }
  for (const std::uint64_t kept : {bytes_max_ - bytes, std::uint64_t{0}}) {
    posix::drop_longest_unused(folder_, kept);
    const auto free = posix::free_space(folder_);
    if (free && free->bytes >= bytes + kReserveBytes) return {};
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
  if (auto room = make_room(begin.bytes + posix::kEditionBytes); !room) return fail(name, room.error());
  if (const auto found = coming_.find(name); found != coming_.end()) {
    found->second.arrived->store(posix::OpenedContent::kGone, std::memory_order_release);
  }
  const fs::path path = coming_path_of(name);
  ::unlink(path.c_str());  // who reads the former one reads that
  posix::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail(name, posix::errno_error("make " + path.string(), errno));
  auto arrived = std::make_shared<std::atomic<std::uint64_t>>(0);
  coming_[name] = {.fd = std::move(fd), .bytes = begin.bytes, .edition = begin.edition, .arrived = arrived};
  set(name, {.state = Entry::State::coming, .bytes = begin.bytes, .edition = begin.edition, .arrived = arrived});
  return {};
}

Result<void> ContentShelf::take(const AppendContent& append) {
  const auto found = coming_.find(append.name);
  if (found == coming_.end()) return {};
  if (auto written = posix::write_all(found->second.fd.get(), append.bytes, "content"); !written) {
    return fail(append.name, written.error());
  }
  found->second.arrived->fetch_add(append.bytes.size(), std::memory_order_release);
  return {};
}

Result<void> ContentShelf::take(const FinishContent& finish) {
  const auto found = coming_.find(finish.name);
  if (found == coming_.end()) return {};
  const std::string edition = posix::edition_bytes(found->second.edition);
  if (auto written = posix::write_all(found->second.fd.get(), edition, "content"); !written) {
    return fail(finish.name, written.error());
  }
  const fs::path whole = path_of(finish.name);
  if (::rename(coming_path_of(finish.name).c_str(), whole.c_str()) != 0) {
    return fail(finish.name, posix::errno_error("rename to " + whole.string(), errno));
  }
  if (!posix::is_sound_content(whole, {})) {
    return fail(finish.name, {ErrorKind::corrupt, fmt::format("{} came damaged", finish.name.brief())});
  }
  coming_.erase(found);
  set(finish.name, {.state = Entry::State::whole});
  return {};
}

Result<void> ContentShelf::take(const FailContent& failed) {
  [[maybe_unused]] const auto error = fail(failed.name, {});
  return {};
}

}  // namespace serin::proxy
