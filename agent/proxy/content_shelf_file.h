#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "agent/proxy/fetch_plan.h"
#include "protocol/clock.h"
#include "protocol/posix/content_folder.h"
#include "protocol/posix/mailbox.h"

namespace serin::proxy {

/// What a proxy keeps of the controller's content: packs and objects as files (protocol/posix/content_folder.h), whole
/// and verified, or as far as they have come. The longest unused go first when all are larger than `bytes_max`, or the
/// disk has no more room. What an earlier life left is hashed before it is served.
class ContentShelf {
 public:
  static constexpr std::size_t kWantedMax = 4'096;

  /// Makes the folder; removes what an earlier life was fetching.
  static Result<std::unique_ptr<ContentShelf>> open(const std::filesystem::path& folder, std::uint64_t bytes_max);
  ContentShelf(const ContentShelf&) = delete;
  ContentShelf& operator=(const ContentShelf&) = delete;
  ~ContentShelf() = default;

  /// From any thread, and quick. What is not there is wanted from then on, and `busy`, or `busy` alone while kWantedMax
  /// are; `not_found` for some seconds after it could not be fetched. What is still coming is given with how much of it
  /// has.
  Result<posix::OpenedContent> find(const GetObject& what);

  // ---- of the thread that fetches ----
  /// What is wanted, each once.
  posix::Mailbox<GetObject>& wanted() { return wanted_; }
  /// An earlier life left it, and it is sound.
  bool is_here(const ObjectId& name, const std::stop_token& stop);
  /// Errors say why it cannot be kept; it fails then, and everything that follows of it is ignored.
  Result<void> take(const BeginContent& begin);
  Result<void> take(const AppendContent& append);
  /// `corrupt`: what came is not what it should be.
  Result<void> take(const FinishContent& finish);
  Result<void> take(const FailContent& fail);

  // ---- of the thread that scrubs ----
  /// Looks at each whole file of this moment, in reading at most so many bytes a second. What is damaged goes: it is
  /// served no more, also to who reads it, and wanted anew when it is asked for. How many those were.
  std::size_t scrub(std::uint64_t bytes_per_s, const std::stop_token& stop);

 private:
  ContentShelf(std::filesystem::path folder, std::uint64_t bytes_max, std::uint64_t bytes)
      : folder_(std::move(folder)), bytes_max_(bytes_max), bytes_(bytes) {}

  using Arrived = std::shared_ptr<std::atomic<std::uint64_t>>;
  struct Entry {
    enum class State : std::uint8_t { wanted, coming, whole, failed } state = State::wanted;
    bool is_pack = false;  ///< a pack that was asked for as an object fails, and that says nothing of the pack
    std::uint64_t bytes = 0, edition = 0;
    Arrived arrived;         ///< of what is coming or whole: kGone ends the serving of it
    SteadyTime failed_at{};  ///< it may be tried again some seconds later
  };
  struct Entries {
    std::map<ObjectId, Entry> all;
    std::size_t wanted = 0;  ///< of them
  };
  /// It is being written.
  struct Coming {
    posix::UniqueFd fd;
    std::uint64_t bytes = 0, edition = 0;
    Arrived arrived;
    Sha256 hash;
  };
  [[nodiscard]] std::filesystem::path path_of(const ObjectId& name) const { return folder_ / name.hex(); }
  [[nodiscard]] std::filesystem::path coming_path_of(const ObjectId& name) const;
  Result<void> make_room(std::uint64_t bytes);
  /// False: it is wanted already, or as many are as may be.
  bool want(const GetObject& what);
  std::unexpected<Error> fail(const ObjectId& name, Error error);
  void set(const ObjectId& name, Entry entry);
  void forget_damaged(const ObjectId& name);

  std::filesystem::path folder_;
  std::uint64_t bytes_max_;
  posix::Guarded<Entries> entries_;
  posix::Mailbox<GetObject> wanted_;
  // The fetching thread's own.
  std::map<ObjectId, Coming> coming_;
  std::uint64_t bytes_;  ///< of all that is whole, or more: what went meanwhile is seen when there is no room
};

}  // namespace serin::proxy
