#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <stop_token>
#include <vector>

#include "protocol/content_messages.h"
#include "protocol/error.h"
#include "protocol/posix/unique_fd.h"

/// Content that can be had again, as files of one folder: FOLDER/NAME, where NAME is the hexadecimal name of a pack or
/// an object; its bytes, then the 8 bytes of its edition (the beginning of a pack's SHA-256; 0 for an object). Any of
/// them may be removed at any time. Nothing is synced.
namespace serin::posix {

/// An object or a pack, open.
struct OpenedContent {
  static constexpr std::uint64_t kGone = std::numeric_limits<std::uint64_t>::max();

  UniqueFd fd;
  std::uint64_t bytes = 0;    ///< of the whole
  std::uint64_t edition = 0;  ///< of a pack
  /// How many of them are there, where they are still coming; kGone: no more will, this one is to be closed. Nothing:
  /// all are.
  std::shared_ptr<const std::atomic<std::uint64_t>> arrived = {};
};
/// Finds what is asked for. `not_found` and every other error is answered `absent`, `busy` means: ask again soon.
/// Called in the socket's thread, which it must not hold up.
using OpenContent = std::function<Result<OpenedContent>(const GetObject&)>;

inline constexpr std::size_t kEditionBytes = 8;
/// The edition of a pack with this SHA-256; never 0.
std::uint64_t edition_of(const ObjectId& hash);
/// As it stands behind the content.
std::string edition_bytes(std::uint64_t edition);

/// Opens it, and marks it as used. `corrupt` when it is too short to be one.
Result<OpenedContent> open_content(const std::filesystem::path& path);

/// Its bytes are what its edition says, or its name where that is 0. Reads all of it, at most so many bytes a second
/// (0: no bound), and does not mark it as used. `not_found`; `corrupt`: it was removed; `busy`: `stop` was requested.
Result<void> check_content(const std::filesystem::path& path, const std::stop_token& stop,
                           std::uint64_t bytes_per_s = 0);

/// All that is there, in no order.
std::vector<ObjectId> names_of_content(const std::filesystem::path& folder);

/// Removes the longest unused until the others have no more than `bytes_kept` together. What is open is read to its end
/// all the same. How many bytes are left.
std::uint64_t drop_longest_unused(const std::filesystem::path& folder, std::uint64_t bytes_kept);

/// Removes what an earlier life was writing: all that has no content's name.
void drop_unfinished(const std::filesystem::path& folder);

/// Removes all content, whole (NAME) or not (NAME.new), and the folder when nothing else is there. How many files went.
std::size_t drop_content(const std::filesystem::path& folder);

}  // namespace serin::posix
