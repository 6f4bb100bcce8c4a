#include "agent/count/followed_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <tuple>
#include <utility>

#include "agent/count/log_names.h"
#include "agent/count/written_part_file.h"
#include "protocol/limits.h"

namespace serin::count {
namespace {

constexpr std::chrono::seconds kLateAfter{ErrorCounter::kAssumedRunning};

/// Up to `bytes` at `offset`; fewer at the end of the file.
Result<std::string> read_at(int fd, std::uint64_t offset, std::size_t bytes) {
  std::string read(bytes, '\0');
  const auto got = ::pread(fd, read.data(), bytes, static_cast<off_t>(offset));
  if (got < 0) return std::unexpected(read_error(errno));
  read.resize(static_cast<std::size_t>(got));
  return read;
}

}  // namespace

Error read_error(int error_number) {
  const auto words = std::generic_category().message(error_number);
  switch (error_number) {
    case EACCES:
    case EPERM:
      return {.kind = ErrorKind::refused,
              .text = words + " (add the agent's user to group adm, or let it read the file and enter its folders)"};
    case EMFILE:
    case ENFILE:
      return {.kind = ErrorKind::io, .text = words + " (raise LimitNOFILE= of the agent's service)"};
    case ENOENT:
    case ENOTDIR:
      return {.kind = ErrorKind::not_found, .text = words};
    default:
      return {.kind = ErrorKind::io, .text = words};
  }
}

Result<FollowedFile> FollowedFile::open(const std::string& path, Start start, SteadyTime now, KnownAt at_end) {
  // O_NONBLOCK: a FIFO put in the log's place must not stop the agent.
  posix::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return std::unexpected(read_error(errno));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return std::unexpected(read_error(errno));
  if (!S_ISREG(status.st_mode)) return failure(ErrorKind::invalid, "it is not a regular file (name the log file)");
  FollowedFile file(std::move(fd), path, id_of(status), now, at_end);
  if (start == Start::end) {
    file.offset_ = static_cast<std::uint64_t>(status.st_size);
    if (auto placed = file.start_at_last_line(); !placed) return std::unexpected(placed.error());
  }
  if (auto head = file.begins_as_before(static_cast<std::uint64_t>(status.st_size)); !head) {
    return std::unexpected(head.error());
  }
  if (const auto packer = packed_by(file.head_); !packer.empty()) {
    return failure(ErrorKind::invalid, fmt::format("it is packed by {} (name the log that is written)", packer));
  }
  return file;
}

Result<void> FollowedFile::start_at_last_line() {
  auto tail = bytes_before(offset_);
  if (tail && tail->ends_with('\0')) {
    // Space that was set aside for what will be written: the end is before it.
    offset_ = written_parts(fd_.get(), 0, offset_).end;
  }
  const auto bytes = std::min<std::uint64_t>(offset_, limits::kLineBytesMatched);
  tail = read_at(fd_.get(), offset_ - bytes, bytes);
  if (!tail) return std::unexpected(tail.error());
  const auto text = without_trailing_nuls(*tail);
  offset_ -= bytes - text.size();
  const auto newline = text.rfind('\n');
  if (newline != std::string_view::npos) {
    offset_ -= text.size() - newline - 1;
  } else if (offset_ == text.size()) {
    offset_ = 0;
  } else {
    SourceMatcher::skip_to_next_line(text_);
  }
  auto before = bytes_before(offset_);
  if (!before) return std::unexpected(before.error());
  anchor_ = std::move(*before);
  return {};
}

bool FollowedFile::is_of(const FilePosition& position, bool same_boot) const {
  return id_.inode == position.id.inode && (!same_boot || id_.device == position.id.device) &&
         head_.size() >= position.head_bytes &&
         hash_of_head(std::string_view(head_).substr(0, position.head_bytes)) == position.head_hash;
}

Result<void> FollowedFile::go_on(const FilePosition& position, bool same_boot, ErrorCounter& counter) {
  generation_ = position.generation;
  at_end_at_.reset();
  if (same_boot && position.at_end_ms > 0) at_end_at_ = SteadyTime{Duration{position.at_end_ms}};
  auto before = bytes_before(position.offset);
  if (!before) return std::unexpected(before.error());
  if (*before != position.anchor || position.line_bytes > position.offset) {
    begin_again(counter);
    return {};
  }
  offset_ = position.offset - position.line_bytes;
  text_ = TextState::restored(position.text);
  if (position.line_bytes > 0) before = bytes_before(offset_);
  if (!before) return std::unexpected(before.error());
  anchor_ = std::move(*before);
  // After a backlog was skipped the rest of a line may stand there.
  if (!anchor_.empty() && anchor_.back() != '\n' && anchor_.back() != '\0') SourceMatcher::skip_to_next_line(text_);
  return {};
}

FilePosition FollowedFile::position() const {
  return {.source = {},
          .path = path_,
          .id = id_,
          .generation = generation_,
          .head_hash = head_hash_,
          .head_bytes = static_cast<std::uint32_t>(head_.size()),
          .offset = offset_,
          .line_bytes = text_.pending_bytes(),
          .anchor = anchor_,
          .text = text_.saved(),
          .changed_ns = changed_ns_,
          .at_end_ms = at_end_at_ ? at_end_at_->time_since_epoch().count() : 0,
          .grown_ms = grown_at_.time_since_epoch().count()};
}

Result<bool> FollowedFile::read(const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter) {
  struct stat status{};
  if (::fstat(fd_.get(), &status) != 0) return std::unexpected(read_error(errno));
  deleted_ = status.st_nlink == 0;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const auto changed_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  if (size == size_ && changed_ns == changed_ns_ && at_end_) {
    at_end_at_ = now;
    matcher.pause(text_, now, counter.signatures());
    counter.add({}, Written::lately);
    return false;
  }
  const auto same = begins_as_before(size);
  if (!same) return std::unexpected(same.error());
  if (size < offset_ || !*same) {
    finish(matcher, now, counter);
    begin_again(counter);
    // A head that cannot be read now is learnt at the next look.
    std::ignore = begins_as_before(size);
  }
  // Remembered only now: a head that could not be read is looked at again.
  size_ = size;
  changed_ns_ = changed_ns;
  at_end_ = false;
  const bool sparse = static_cast<std::uint64_t>(status.st_blocks) * 512 < size;
  if (auto skipped = skip_backlog(counter); !skipped) return std::unexpected(skipped.error());
  const auto before = offset_;
  const auto how = read_on(sparse, matcher, now, counter);
  if (!how) return std::unexpected(how.error());
  if (*how == How::truncated) {
    finish(matcher, now, counter);
    begin_again(counter);
    return true;
  }
  if (offset_ != before && is_late(now)) {
    counter.note_gap(at_end_at_ ? fmt::format("{} was read {} s late", path_,
                                              std::chrono::round<std::chrono::seconds>(now - *at_end_at_).count())
                                : fmt::format("{} was read late: nobody looked when it was written", path_));
  }
  at_end_ = *how == How::to_the_end;
  if (at_end_) at_end_at_ = now;
  if (notices_truncation_ && !mark_.is_placed() && offset_ > 0) mark_.place(fd_.get());
  return !at_end_;
}

void FollowedFile::notice_truncation(bool on) {
  notices_truncation_ = on;
  if (!on) mark_.remove();
  if (on && offset_ > 0) mark_.place(fd_.get());
}

bool FollowedFile::is_late(SteadyTime now) const {
  return !at_end_at_ || now - *at_end_at_ > kLateAfter;
}

void FollowedFile::finish(const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter) {
  Findings found;
  matcher.finish(text_, now, found, counter.signatures());
  counter.add(found, is_late(now) ? Written::earlier : Written::lately);
}

Result<bool> FollowedFile::begins_as_before(std::uint64_t size) {
  if (size < head_.size()) return false;
  auto head = read_at(fd_.get(), 0, std::min<std::uint64_t>(size, kHeadBytes));
  if (!head) return std::unexpected(head.error());
  if (!head->starts_with(head_)) return false;
  // What is only set aside will be written yet.
  head->resize(without_trailing_nuls(*head).size());
  if (*head != head_ || head_.empty()) {
    head_ = std::move(*head);
    head_hash_ = hash_of_head(head_);
  }
  return true;
}

void FollowedFile::begin_again(ErrorCounter& counter) {
  counter.note_gap(fmt::format("{} was truncated: lines written just before may be missing", path_));
  ++generation_;
  offset_ = 0;
  anchor_.clear();
  head_.clear();
  text_ = TextState();
  mark_.remove();
  at_end_ = false;
  after_hole_ = false;
}

/// Holes and space that is only set aside are no backlog.
Result<void> FollowedFile::skip_backlog(ErrorCounter& counter) {
  if (size_ - offset_ <= limits::kBacklogBytesMax) return {};
  const auto [bytes, end] = written_parts(fd_.get(), offset_, size_);
  if (bytes <= limits::kBacklogBytesMax) return {};
  const auto newest = end - limits::kReadBytesPerTurn;
  auto before = bytes_before(newest);
  if (!before) return std::unexpected(before.error());
  counter.note_gap(fmt::format("{}: {} bytes skipped, the log grows faster than it is read", path_, newest - offset_));
  counter.note_skipped(newest - offset_);
  offset_ = newest;
  anchor_ = std::move(*before);
  SourceMatcher::skip_to_next_line(text_);
  return {};
}

Result<std::string> FollowedFile::bytes_before(std::uint64_t offset) const {
  const auto bytes = std::min<std::uint64_t>(offset, kAnchorBytes);
  return read_at(fd_.get(), offset - bytes, bytes);
}

Result<FollowedFile::How> FollowedFile::read_on(bool sparse, const SourceMatcher& matcher, SteadyTime now,
                                                ErrorCounter& counter) {
  // On the stack: one buffer for all files of all applications, whose pages are touched once.
  std::array<char, limits::kReadBytes> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  std::uint64_t left = limits::kReadBytesPerTurn;
  do {
    WrittenPart part{.begin = offset_, .end = size_};
    if (sparse && offset_ < size_) {
      part = written_part(fd_.get(), offset_, size_);
      if (part.begin >= size_) return How::to_the_end;
      if (part.begin > offset_) pass_hole(part.begin, matcher, now, counter);
    }
    const auto wanted =
        std::min<std::uint64_t>({buffer.size(), anchor_.size() + left, anchor_.size() + part.end - offset_});
    const auto got = ::pread(fd_.get(), buffer.data(), wanted, static_cast<off_t>(offset_ - anchor_.size()));
    if (got < 0) return std::unexpected(read_error(errno));
    const std::string_view all(buffer.data(), static_cast<std::size_t>(got));
    // After the bytes were read: they are of the file that was marked.
    if (!all.starts_with(anchor_) || mark_.is_gone()) return How::truncated;
    auto bytes = all.substr(anchor_.size());
    if (bytes.empty()) return How::to_the_end;
    if (!sparse && (bytes.front() == '\0' || bytes.back() == '\0')) {
      sparse = true;
      continue;
    }
    left -= bytes.size();
    const bool hole_follows = part.end < size_ && offset_ + bytes.size() == part.end;
    if (hole_follows) bytes = without_trailing_nuls(bytes);
    take(bytes, matcher, now, counter);
    if (hole_follows) {
      const auto next = written_part(fd_.get(), part.end, size_);
      if (next.begin >= size_) return How::to_the_end;
      pass_hole(next.begin, matcher, now, counter);
    }
  } while (offset_ < size_ && left > 0);
  return offset_ < size_ ? How::not_to_the_end : How::to_the_end;
}

void FollowedFile::take(std::string_view bytes, const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter) {
  if (bytes.empty()) return;
  grown_at_ = now;
  offset_ += bytes.size();
  if (bytes.size() < kAnchorBytes) anchor_.append(bytes);
  anchor_ = bytes.size() < kAnchorBytes ? anchor_.substr(anchor_.size() - std::min(anchor_.size(), kAnchorBytes))
                                        : std::string(bytes.substr(bytes.size() - kAnchorBytes));
  if (after_hole_) {
    bytes.remove_prefix(std::min(bytes.find_first_not_of('\0'), bytes.size()));
    if (bytes.empty()) return;
    after_hole_ = false;
  }
  Findings found;
  matcher.take(text_, bytes, now, found, counter.signatures());
  counter.add(found, is_late(now) ? Written::earlier : Written::lately);
}

void FollowedFile::pass_hole(std::uint64_t end, const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter) {
  finish(matcher, now, counter);
  offset_ = end;
  anchor_.assign(std::min<std::uint64_t>(end, kAnchorBytes), '\0');
  after_hole_ = true;
}

}  // namespace serin::count
