#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/posix/mailbox.h"
#include "protocol/posix/unique_fd.h"

namespace serin::count {

/// Keeps the newest record in a folder, in two files that are written in turn: whatever ends the process in the middle
/// of a write, the one of them is whole. A record survives the process as soon as save() returns, and the host 5 s
/// later; a thread of its own waits for the disk. Layout of each file: the 8 bytes "serinct1"; the number of the save
/// and the record's length, 8 bytes each, little endian; SHA-256 of these 16 bytes and the record; the record. What
/// stands behind it is of an older, longer one.
class CheckpointFile {
 public:
  explicit CheckpointFile(std::filesystem::path folder);
  CheckpointFile(CheckpointFile&&) = delete;
  CheckpointFile& operator=(CheckpointFile&&) = delete;
  ~CheckpointFile() = default;

  /// The newest record that is whole; none when there never was one; `corrupt` when no file is whole.
  Result<std::optional<std::string>> load();
  Result<void> save(std::string_view record, SteadyTime now);
  /// Waits until the newest record is on the disk.
  Result<void> sync();

 private:
  [[nodiscard]] std::filesystem::path file(std::uint64_t number) const;
  void sync_when_asked(const std::stop_token& stop);

  std::filesystem::path folder_;
  std::array<posix::UniqueFd, 2> files_;
  std::uint64_t number_ = 0;  ///< of the newest save
  SteadyTime synced_{};
  posix::Mailbox<int> to_sync_;
  std::jthread syncer_;
};

}  // namespace serin::count
