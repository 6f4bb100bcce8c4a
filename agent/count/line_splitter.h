#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace serin::count {

/// Cuts the bytes of one file into lines, in whatever pieces they arrive: equal input gives equal lines. A line ends
/// with LF; a CR right before it is no part of the line; NUL is an ordinary byte. A line longer than
/// limits::kLineBytesMatched is given once, as its first kLineBytesMatched bytes, and counted in long_lines(). Memory:
/// at most that much, and only while a line is unfinished. Pure; single-threaded; never fails.
class LineSplitter {
 public:
  /// The next bytes of the file; call next() until it gives nothing before these bytes go away.
  void give(std::string_view bytes) { rest_ = bytes; }
  /// The next complete line; valid until the next call of any method.
  std::optional<std::string_view> next();
  /// The end of the file has come for good: what is pending is a line too.
  std::optional<std::string_view> finish();
  /// Bytes were left out: forgets what is pending and everything up to the next LF.
  void skip_to_next_line();

  /// Length so far of the line that is unfinished.
  [[nodiscard]] std::size_t pending_bytes() const { return pending_bytes_; }
  [[nodiscard]] std::uint64_t long_lines() const { return long_lines_; }

 private:
  void keep(std::string_view piece);
  /// The line whose first bytes are `start` and which is `bytes` long without its LF.
  std::string_view line(std::string_view start, std::size_t bytes, bool ended);

  std::string_view rest_;
  std::string pending_;            ///< the first bytes of an unfinished line: one more than can be matched
  std::size_t pending_bytes_ = 0;  ///< its whole length so far
  std::string given_;              ///< what the last line was made of, when it came in pieces
  bool skipping_ = false;
  std::uint64_t long_lines_ = 0;
};

}  // namespace serin::count
