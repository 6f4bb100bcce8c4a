#include "agent/count/followed_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <tuple>
#include <utility>

#include "protocol/limits.h"

namespace serin::count {
namespace {

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

Result<FollowedFile> FollowedFile::open(const std::string& path, Start start, SteadyTime now) {
  // O_NONBLOCK: a FIFO put in the log's place must not stop the agent.
  posix::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return std::unexpected(read_error(errno));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return std::unexpected(read_error(errno));
  if (!S_ISREG(status.st_mode)) return failure(ErrorKind::invalid, "it is not a regular file (name the log file)");
  FollowedFile file(std::move(fd), path, id_of(status), now);
  if (start == Start::end) {
    file.offset_ = static_cast<std::uint64_t>(status.st_size);
    if (auto placed = file.start_at_last_line(); !placed) return std::unexpected(placed.error());
  }
  if (auto head = file.begins_as_before(static_cast<std::uint64_t>(status.st_size)); !head) {
    return std::unexpected(head.error());
  }
  return file;
}

Result<void> FollowedFile::start_at_last_line() {
  const auto bytes = std::min<std::uint64_t>(offset_, limits::kLineBytesMatched);
  const auto tail = read_at(fd_.get(), offset_ - bytes, bytes);
  if (!tail) return std::unexpected(tail.error());
  const auto newline = tail->rfind('\n');
  offset_ -= newline == std::string::npos ? bytes : bytes - newline - 1;
  return {};
}

Result<bool> FollowedFile::read(const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter) {
  struct stat status{};
  if (::fstat(fd_.get(), &status) != 0) return std::unexpected(read_error(errno));
  deleted_ = status.st_nlink == 0;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const auto changed_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  if (size == size_ && changed_ns == changed_ns_ && offset_ == size) return false;
  const auto same = begins_as_before(size);
  if (!same) return std::unexpected(same.error());
  if (size < offset_ || !*same) begin_again(matcher, size, now, counter);
  // Remembered only now: a head that could not be read is looked at again.
  size_ = size;
  changed_ns_ = changed_ns;
  if (size - offset_ > limits::kBacklogBytesMax) skip_backlog(size, counter);

  // On the stack: one buffer for all files of all applications, whose pages are touched once.
  std::array<char, limits::kReadBytes> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const auto until = std::min(size, offset_ + limits::kReadBytesPerTurn);
  while (offset_ < until) {
    const auto wanted = std::min<std::uint64_t>(buffer.size(), until - offset_);
    const auto got = ::pread(fd_.get(), buffer.data(), wanted, static_cast<off_t>(offset_));
    if (got < 0) return std::unexpected(read_error(errno));
    if (got == 0) break;
    offset_ += static_cast<std::uint64_t>(got);
    grown_at_ = now;
    count(matcher, {buffer.data(), static_cast<std::size_t>(got)}, now, counter);
  }
  return offset_ < size;
}

void FollowedFile::finish(const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter) {
  Findings found;
  matcher.finish(text_, now, found, counter.signatures());
  counter.add(found, Written::lately);
}

Result<bool> FollowedFile::begins_as_before(std::uint64_t size) {
  if (size < head_.size()) return false;
  auto head = read_at(fd_.get(), 0, std::min<std::uint64_t>(size, kHeadBytes));
  if (!head) return std::unexpected(head.error());
  if (!head->starts_with(head_)) return false;
  head_ = std::move(*head);
  return true;
}

void FollowedFile::begin_again(const SourceMatcher& matcher, std::uint64_t size, SteadyTime now,
                               ErrorCounter& counter) {
  finish(matcher, now, counter);
  counter.note_gap(fmt::format("{} was truncated: lines written just before may be missing", path_));
  offset_ = 0;
  head_.clear();
  // A head that cannot be read now is learnt at the next look.
  std::ignore = begins_as_before(size);
}

void FollowedFile::skip_backlog(std::uint64_t size, ErrorCounter& counter) {
  const auto newest = size - limits::kReadBytesPerTurn;
  counter.note_gap(fmt::format("{}: {} bytes skipped, the log grows faster than it is read", path_, newest - offset_));
  counter.note_skipped(newest - offset_);
  offset_ = newest;
  SourceMatcher::skip_to_next_line(text_);
}

void FollowedFile::count(const SourceMatcher& matcher, std::string_view bytes, SteadyTime now, ErrorCounter& counter) {
  Findings found;
  matcher.take(text_, bytes, now, found, counter.signatures());
  counter.add(found, Written::lately);
}

}  // namespace serin::count
