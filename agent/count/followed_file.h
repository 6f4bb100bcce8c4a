#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/count/error_counter.h"
#include "agent/count/file_position.h"
#include "agent/count/source_matcher.h"
#include "agent/count/truncation_mark_file.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/posix/unique_fd.h"

namespace serin::count {

inline FileId id_of(const struct stat& status) {
  return {.device = status.st_dev, .inode = status.st_ino};
}

/// Why a file or folder cannot be read, in the system's words and with the remedy. Kinds: not_found, refused, io.
Error read_error(int error_number);

/// One open log file and how far it has been read. Holds the descriptor, so that the inode cannot become another file.
/// Each read begins kAnchorBytes before the position and compares them; the first kHeadBytes are compared too: where
/// they differ, or the file is shorter than what was read, it was truncated; while notice_truncation() is on, also when
/// it holds the same bytes as before. Then the unfinished line is counted, the
/// file is read again from its beginning, and that is a gap. Holes are passed without reading: they hold nothing that
/// was written; one ends an unfinished line, one at the end is waited at. What is read more than kAssumedRunning
/// seconds after the file was last known to be read to its end counts as Written::earlier, and that is a gap.
/// Single-threaded.
class FollowedFile {
 public:
  enum class Start { beginning, end };
  /// When a file was last known to hold nothing unread; none: not known, long ago.
  using KnownAt = std::optional<SteadyTime>;

  /// `end`: before the line that is being written now, so that it counts when it is complete; when more than
  /// limits::kLineBytesMatched of it stand there, it is left out. Regular files only, and none that
  /// is packed: `invalid`.
  static Result<FollowedFile> open(const std::string& path, Start start, SteadyTime now, KnownAt at_end);

  /// This is the file that the position is of, going by the inode and the head. Of another boot the device's number
  /// says nothing.
  [[nodiscard]] bool is_of(const FilePosition& position, bool same_boot) const;
  /// Goes on there: right after open(), where is_of() said so. Truncated meanwhile: see above; its unfinished line is
  /// gone.
  Result<void> go_on(const FilePosition& position, bool same_boot, ErrorCounter& counter);
  /// The position now; `source`, `seen_ms` and what it is to its path are the caller's to fill in.
  [[nodiscard]] FilePosition position() const;

  /// Counts what was written, at most limits::kReadBytesPerTurn; true when something was left. More than
  /// limits::kBacklogBytesMax behind: all but the newest kReadBytesPerTurn is skipped, and that is a gap. When nothing
  /// is new an event that has been open for a second is over.
  Result<bool> read(const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter);
  /// Nothing will be added: an unfinished last line is counted.
  void finish(const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] FileId id() const { return id_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// When it was opened or something was read last.
  [[nodiscard]] SteadyTime grown_at() const { return grown_at_; }
  /// Bytes from its beginning that were taken, or passed.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] std::int64_t changed_ns() const { return changed_ns_; }
  [[nodiscard]] bool is_deleted() const { return deleted_; }
  /// It has got another name.
  void now_at(const std::string& path) { path_ = path; }
  /// From now on a truncation to nothing shows in itself (TruncationMark); costs a page of memory.
  void notice_truncation(bool on);
  [[nodiscard]] bool notices_truncation() const { return notices_truncation_; }
  /// When it grew, as far as is known.
  void grew_at(SteadyTime then) { grown_at_ = then; }
  /// Somebody who would have heard of a change says that until then there was none.
  void unchanged_until(SteadyTime then) {
    if (at_end_ && (!at_end_at_ || *at_end_at_ < then)) at_end_at_ = then;
  }

 private:
  enum class How { to_the_end, not_to_the_end, truncated };
  FollowedFile(posix::UniqueFd fd, std::string path, FileId id, SteadyTime now, KnownAt at_end)
      : fd_(std::move(fd)), path_(std::move(path)), id_(id), at_end_at_(at_end), grown_at_(now) {}
  Result<void> start_at_last_line();
  Result<bool> begins_as_before(std::uint64_t size);
  void begin_again(ErrorCounter& counter);
  [[nodiscard]] bool is_late(SteadyTime now) const;
  Result<void> skip_backlog(ErrorCounter& counter);
  [[nodiscard]] Result<std::string> bytes_before(std::uint64_t offset) const;
  Result<How> read_on(bool sparse, const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter);
  void take(std::string_view bytes, const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter);
  void pass_hole(std::uint64_t end, const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter);

  posix::UniqueFd fd_;
  std::string path_;
  FileId id_;
  std::uint64_t generation_ = 0;
  std::uint64_t offset_ = 0;
  std::string anchor_;      ///< what stood before offset_
  std::uint64_t size_ = 0;  ///< at the last look, and when it was changed then
  std::int64_t changed_ns_ = 0;
  std::string head_;  ///< the fingerprint: up to kHeadBytes, with its length
  std::uint64_t head_hash_ = 0;
  TextState text_;
  bool notices_truncation_ = false;
  TruncationMark mark_;
  bool at_end_ = false;  ///< the last read left nothing
  KnownAt at_end_at_;
  SteadyTime grown_at_;
  bool after_hole_ = false;  ///< NULs that come now fill the rest of its last block
  bool deleted_ = false;
};

}  // namespace serin::count
