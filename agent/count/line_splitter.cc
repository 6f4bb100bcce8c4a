#include "agent/count/line_splitter.h"

#include <algorithm>
#include <utility>

#include "protocol/limits.h"

namespace serin::count {
namespace {

/// One byte more than is matched: a line that fits but for its CR is not a long one.
constexpr std::size_t kKept = limits::kLineBytesMatched + 1;

}  // namespace

std::optional<std::string_view> LineSplitter::next() {
  // A new string gives the old one's memory back: many quiet files must not hold 16 KiB each.
  if (!given_.empty()) given_ = std::string();
  while (!rest_.empty()) {
    const auto end = rest_.find('\n');
    const auto piece = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (end == std::string_view::npos) {
      if (!skipping_) keep(piece);
    } else if (skipping_) {
      skipping_ = false;
    } else if (pending_bytes_ == 0) {
      return line(piece.substr(0, kKept), piece.size(), true);
    } else {
      keep(piece);
      given_ = std::exchange(pending_, std::string());
      return line(given_, std::exchange(pending_bytes_, 0), true);
    }
  }
  return std::nullopt;
}

std::optional<std::string_view> LineSplitter::finish() {
  skipping_ = false;
  given_ = std::exchange(pending_, std::string());
  const auto bytes = std::exchange(pending_bytes_, 0);
  if (bytes == 0) return std::nullopt;
  return line(given_, bytes, false);
}

void LineSplitter::skip_to_next_line() {
  rest_ = {};
  pending_ = std::string();
  pending_bytes_ = 0;
  skipping_ = true;
}

void LineSplitter::keep(std::string_view piece) {
  pending_bytes_ += piece.size();
  pending_.append(piece.substr(0, kKept - std::min(kKept, pending_.size())));
}

std::string_view LineSplitter::line(std::string_view start, std::size_t bytes, bool ended) {
  if (ended && start.size() == bytes && start.ends_with('\r')) {
    start.remove_suffix(1);
    --bytes;
  }
  if (bytes > limits::kLineBytesMatched) ++long_lines_;
  return start.substr(0, limits::kLineBytesMatched);
}

}  // namespace serin::count
