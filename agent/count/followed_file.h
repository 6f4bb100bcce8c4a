#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "agent/count/error_counter.h"
#include "agent/count/source_matcher.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/posix/unique_fd.h"

namespace serin::count {

/// What tells one file from another as long as one of us holds it open.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};
inline FileId id_of(const struct stat& status) {
  return {.device = status.st_dev, .inode = status.st_ino};
}

/// Why a file or folder cannot be read, in the system's words and with the remedy. Kinds: not_found, refused, io.
Error read_error(int error_number);

/// One open log file and how far it has been read. Holds the descriptor, so that the inode cannot become another file.
/// Its head (the first kHeadBytes) is compared before each read: a file that is shorter than what was read, or that
/// begins differently, was truncated; it is read again from its beginning and that is a gap. Single-threaded.
class FollowedFile {
 public:
  static constexpr std::size_t kHeadBytes = 256;
  enum class Start { beginning, end };

  /// `end`: before the line that is being written now, so that it counts when it is complete. Regular files only.
  static Result<FollowedFile> open(const std::string& path, Start start, SteadyTime now);

  /// Counts what was written, at most limits::kReadBytesPerTurn; true when something was left. More than
  /// limits::kBacklogBytesMax behind: all but the newest kReadBytesPerTurn is skipped, and that is a gap.
  Result<bool> read(const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter);
  /// Nothing will be added: an unfinished last line is counted.
  void finish(const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter);

  [[nodiscard]] FileId id() const { return id_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// When it was opened or something was read last.
  [[nodiscard]] SteadyTime grown_at() const { return grown_at_; }
  [[nodiscard]] bool is_deleted() const { return deleted_; }
  /// It has got another name.
  void now_at(const std::string& path) { path_ = path; }

 private:
  FollowedFile(posix::UniqueFd fd, std::string path, FileId id, SteadyTime now)
      : fd_(std::move(fd)), path_(std::move(path)), id_(id), grown_at_(now) {}
  Result<void> start_at_last_line();
  Result<bool> begins_as_before(std::uint64_t size);
  void begin_again(const SourceMatcher& matcher, std::uint64_t size, SteadyTime now, ErrorCounter& counter);
  void skip_backlog(std::uint64_t size, ErrorCounter& counter);
  void count(const SourceMatcher& matcher, std::string_view bytes, SteadyTime now, ErrorCounter& counter);

  posix::UniqueFd fd_;
  std::string path_;
  FileId id_;
  std::uint64_t offset_ = 0;
  std::uint64_t size_ = 0;  ///< at the last look, and when it was changed then
  std::int64_t changed_ns_ = 0;
  std::string head_;  ///< the fingerprint: up to kHeadBytes, with its length
  TextState text_;
  SteadyTime grown_at_;
  bool deleted_ = false;
};

}  // namespace serin::count
