#include "controller/publish/pack_shelf_file.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "controller/publish/pack_plan.h"
#include "controller/publish/pack_writer_file.h"
#include "protocol/posix/files.h"
#include "protocol/posix/mailbox.h"

namespace serin::publish {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kRememberedMax = 1'024;  ///< of the packs that cannot be made
constexpr std::size_t kThreads = 2;            ///< of each lane, so that a small pack does not wait for a large one

struct Pair {
  ObjectId from, to;
};

}  // namespace

struct PackShelf::Parts {
  Parts(fs::path at, const posix::ObjectReader& store, std::uint64_t most) : folder(std::move(at)), bytes_max(most) {
    for (std::size_t i = 0; i < kThreads; ++i) {
      for (Lane* lane : {&prepared, &asked}) {
        lane->threads.emplace_back([this, lane, writer = PackWriter(folder, std::to_string(numbers++), store)](
                                       const std::stop_token& stop) mutable {
          while (!stop.stop_requested()) {
            if (const auto pair = lane->jobs.wait(stop)) make(*pair, writer, stop);
          }
        });
      }
    }
  }
  ~Parts() {
    for (Lane* lane : {&prepared, &asked}) {
      for (std::jthread& thread : lane->threads) thread.request_stop();
    }
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  enum class State : std::uint8_t { making, whole, impossible };
  struct Known {
    std::map<ObjectId, State> packs;  ///< of this life
    std::set<ObjectId> roots;
  };
  struct Lane {
    posix::Mailbox<Pair> jobs;
    std::vector<std::jthread> threads;
  };

  [[nodiscard]] fs::path path_of(const ObjectId& name) const { return folder / name.hex(); }

  /// False when it cannot be made.
  bool ask_for(const Pair& pair, Lane& lane) {
    const ObjectId name = pack_name(pair.from, pair.to);
    enum class Answer : std::uint8_t { no, waits, begins };
    const Answer answer = known.with([&](Known& all) {
      const bool from_known = pair.from.is_nothing() || all.roots.contains(pair.from);
      if (!from_known || !all.roots.contains(pair.to) || pair.from == pair.to) return Answer::no;
      State& state = all.packs.try_emplace(name, State::whole).first->second;
      if (state == State::impossible) return Answer::no;
      return std::exchange(state, State::making) == State::making ? Answer::waits : Answer::begins;
    });
    if (answer == Answer::begins) lane.jobs.post(pair);
    return answer != Answer::no;
  }

  [[nodiscard]] bool is_whole(const ObjectId& name) {
    return known.with([&](const Known& all) {
      const auto found = all.packs.find(name);
      return found != all.packs.end() && found->second == State::whole;
    });
  }

  void make(const Pair& pair, PackWriter& writer, const std::stop_token& stop) {
    const ObjectId name = pack_name(pair.from, pair.to);
    const bool there = posix::check_content(path_of(name), stop).has_value();
    Result<std::uint64_t> written = 0;
    if (!there && !stop.stop_requested()) {
      written = writer.write(pair.from, pair.to, stop);
      if (!written && written.error().kind == ErrorKind::no_space) {
        posix::drop_longest_unused(folder, 0);
        written = writer.write(pair.from, pair.to, stop);
      }
      if (written) {
        ++made;
        bytes += *written;
        posix::drop_longest_unused(folder, bytes_max);
      } else if (!stop.stop_requested()) {
        ++failed;
        // Hosts only know the id of an object that is wrong.
        spdlog::error("no pack: {}", written.error().text);
      }
    }
    known.with([&](Known& all) {
      if (all.packs.size() >= kRememberedMax) {
        std::erase_if(all.packs, [](const auto& each) { return each.second == State::impossible; });
      }
      if (written) {
        all.packs[name] = State::whole;
      } else {
        all.packs[name] = State::impossible;  // until there is another release
      }
    });
  }

  fs::path folder;
  std::uint64_t bytes_max;
  posix::Guarded<Known> known;
  std::atomic<std::uint64_t> made{0}, bytes{0}, failed{0};
  int numbers = 0;       ///< of writers
  Lane prepared, asked;  ///< the last members: their threads use the others
};

PackShelf::PackShelf(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
PackShelf::PackShelf(PackShelf&&) noexcept = default;
PackShelf& PackShelf::operator=(PackShelf&&) noexcept = default;
PackShelf::~PackShelf() = default;

Result<PackShelf> PackShelf::start(const fs::path& folder, const posix::ObjectReader& objects,
                                   std::uint64_t bytes_max) {
  if (auto made = posix::make_folders(folder, 0700); !made) return std::unexpected(made.error());
  posix::drop_unfinished(folder);
  return PackShelf(std::make_unique<Parts>(folder, objects, bytes_max));
}

void PackShelf::know(const ObjectId& root) {
  parts_->known.with([&](Parts::Known& all) {
    all.roots.insert(root);
    // What could not be made before may be possible with it.
    std::erase_if(all.packs, [](const auto& each) { return each.second == Parts::State::impossible; });
  });
}

Result<posix::OpenedContent> PackShelf::open(const ObjectId& from, const ObjectId& to) {
  const ObjectId name = pack_name(from, to);
  if (parts_->is_whole(name)) {
    if (auto opened = posix::open_content(parts_->path_of(name)); opened) return opened;
  }
  if (!parts_->ask_for({from, to}, parts_->asked)) {
    return failure(ErrorKind::not_found, "a pack between trees that are not both known");
  }
  return failure(ErrorKind::busy, "the pack is being made");
}

void PackShelf::prepare(const ObjectId& from, const ObjectId& to) {
  parts_->ask_for({from, to}, parts_->prepared);
}

void PackShelf::clear() {
  posix::drop_longest_unused(parts_->folder, 0);
}

PackShelf::Counters PackShelf::counters() const {
  return {.made = parts_->made, .bytes = parts_->bytes, .failed = parts_->failed};
}

}  // namespace serin::publish
