#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace serin::count {

/// What says which error an event is. All may be empty; views of the event's text.
struct EventParts {
  std::string_view message;    ///< of the first line, without its prefix
  std::string_view exception;  ///< "ValueError: ..." when it stands on a line of its own
  std::string_view frame;      ///< where it was thrown: the innermost of the application's own, else the innermost
};

/// Of a PHP, Java, Python or Node event, its lines with or without prefixes of their own; of anything else the message,
/// which of a JSON line is the value of "message" or "msg".
/// Looks at the first and the last lines only when there are very many. Pure; never fails.
EventParts parts_of(std::string_view text);

/// For who sees an event line by line and cannot keep them all: replaces `frame` by `line` when that is a frame that
/// says better where the event was thrown. It never has more than kFrameBytes. Pure.
void keep_frame(std::string_view line, std::string& frame);
inline constexpr std::size_t kFrameBytes = 512;

/// An event's first line, its exception's line and its frame as a text of which parts_of() finds these three; the last
/// two may be empty.
std::string event_text(std::string_view first, std::string_view exception, std::string_view frame);

}  // namespace serin::count
