#include "controller/publish/pack_shelf_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <system_error>
#include <thread>
#include <vector>

#include "controller/publish/pack_plan.h"
#include "controller/publish/pack_writer_file.h"
#include "protocol/posix/files.h"
#include "protocol/posix/mailbox.h"

namespace serin::publish {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kRememberedMax = 1'024;  ///< of the packs that cannot be made

struct Pair {
  ObjectId from, to;
};

}  // namespace

struct PackShelf::Parts {
  Parts(fs::path at, posix::ObjectReader store, std::uint64_t most)
      : folder(std::move(at)), writer(folder, std::move(store)), bytes_max(most) {
    thread = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        if (const auto pair = jobs.wait(stop)) make(*pair, stop);
      }
    });
  }

  enum class State : std::uint8_t { making, impossible };
  using States = std::map<ObjectId, State>;

  [[nodiscard]] fs::path path_of(const ObjectId& name) const { return folder / name.hex(); }

  void ask_for(const ObjectId& name, const Pair& pair) {
    const bool is_new = states.with([&](States& all) { return all.try_emplace(name, State::making).second; });
    if (is_new) jobs.post(pair);
  }

  void make(const Pair& pair, const std::stop_token& stop) {
    const ObjectId name = pack_name(pair.from, pair.to);
    const auto written = writer.write(pair.from, pair.to, stop);
    if (written) {
      ++made;
      bytes += *written;
      make_room(name);
    } else if (!stop.stop_requested()) {
      ++failed;
    }
    states.with([&](States& all) {
      all.erase(name);
      if (written) return;
      if (all.size() >= kRememberedMax)
        std::erase_if(all, [](const auto& each) { return each.second == State::impossible; });
      all.emplace(name, State::impossible);
    });
  }

  /// Removes the longest unused beyond the bound, never the one that was just made.
  void make_room(const ObjectId& newest) const {
    struct File {
      fs::file_time_type used;
      std::uint64_t bytes = 0;
      fs::path path;
    };
    std::vector<File> files;
    std::uint64_t sum = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      std::error_code gone;
      const File file{entry.last_write_time(gone), entry.file_size(gone), entry.path()};
      if (gone) continue;
      sum += file.bytes;
      if (file.path != path_of(newest)) files.push_back(file);
    }
    std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.used < b.used; });
    for (const File& file : files) {
      if (sum <= bytes_max) return;
      if (::unlink(file.path.c_str()) == 0) sum -= file.bytes;
    }
  }

  fs::path folder;
  PackWriter writer;  ///< of the thread
  std::uint64_t bytes_max;
  posix::Guarded<States> states;
  posix::Mailbox<Pair> jobs;
  std::atomic<std::uint64_t> made{0}, bytes{0}, failed{0};
  std::jthread thread;  ///< the last member: it uses the others
};

PackShelf::PackShelf(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
PackShelf::PackShelf(PackShelf&&) noexcept = default;
PackShelf& PackShelf::operator=(PackShelf&&) noexcept = default;
PackShelf::~PackShelf() = default;

Result<PackShelf> PackShelf::start(const fs::path& folder, posix::ObjectReader objects, std::uint64_t bytes_max) {
  if (auto made = posix::make_folders(folder, 0700); !made) return std::unexpected(made.error());
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (!ObjectId::from_hex(entry.path().filename().string())) ::unlink(entry.path().c_str());
  }
  return PackShelf(std::make_unique<Parts>(folder, std::move(objects), bytes_max));
}

Result<posix::OpenedContent> PackShelf::open(const ObjectId& from, const ObjectId& to) {
  const ObjectId name = pack_name(from, to);
  if (auto opened = open_pack(parts_->path_of(name)); opened) return opened;
  const bool impossible = parts_->states.with([&](const Parts::States& all) {
    const auto found = all.find(name);
    return found != all.end() && found->second == Parts::State::impossible;
  });
  if (impossible) return failure(ErrorKind::not_found, "a pack between trees that are not both known");
  parts_->ask_for(name, {from, to});
  return failure(ErrorKind::busy, "the pack is being made");
}

void PackShelf::prepare(const ObjectId& from, const ObjectId& to) {
  const ObjectId name = pack_name(from, to);
  if (from != to && ::access(parts_->path_of(name).c_str(), F_OK) != 0) parts_->ask_for(name, {from, to});
}

PackShelf::Counters PackShelf::counters() const {
  return {.made = parts_->made, .bytes = parts_->bytes, .failed = parts_->failed};
}

}  // namespace serin::publish
