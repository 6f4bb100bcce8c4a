#pragma once

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

}  // namespace serin::count
