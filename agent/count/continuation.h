#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// Which lines belong to the event that an earlier line began: stack traces, causes, chained exceptions. Pure.
namespace serin::count {

/// "May  1 10:00:00 web1 shop[312]: text", "<3>shop[312]: text", "<3>kernel: text": who says it, and what. Without such
/// a beginning the process is empty and the content is the whole line.
struct ProcessLine {
  std::string_view process;  ///< "shop[312]"
  std::string_view content;
  friend bool operator==(const ProcessLine&, const ProcessLine&) = default;
};
ProcessLine split_process(std::string_view line);

/// How far an event has come.
struct EventShape {
  enum class Phase : std::uint8_t {
    began,      ///< its first line was read: an exception's line or a traceback may follow
    frames,     ///< inside a stack trace
    traceback,  ///< inside Python's: the exception's line comes at its end
    excepted,   ///< the exception's line was read: another one is another event
    chained,    ///< "During handling of …": one more traceback belongs to it
  };
  Phase phase = Phase::began;
  std::uint32_t indent = 0;  ///< of the first line; deeper ones belong to it
  bool from_nginx = false;   ///< what PHP writes to nginx comes in lines of its own
  friend bool operator==(const EventShape&, const EventShape&) = default;
};

/// Of an event's first line.
EventShape shape_of_first(std::string_view content);

/// What a further line is to the event.
struct GoesOn {
  EventShape shape;
  bool names_it = false;  ///< the exception's line: it tells more than the first
};
/// Nothing: the line begins something else. A line that is indented no deeper than the first begins something else: an
/// application that indents every line writes one event in each.
std::optional<GoesOn> goes_on(const EventShape& event, std::string_view content);

}  // namespace serin::count
