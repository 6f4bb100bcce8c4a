#include "agent/count/event_parts.h"

#include <algorithm>
#include <cstddef>

#include "agent/count/byte_class.h"
#include "agent/count/line_prefix.h"

namespace serin::count {
namespace {

constexpr std::size_t kLinesSeen = 64;  ///< from the front, and from the end of a traceback

constexpr std::size_t kJsonSeen = 4'096;

constexpr std::string_view kTraceback = "Traceback (most recent call last)";
constexpr std::string_view kForeign[] = {
    "java.", "javax.",   "jdk.", "sun.", "com.sun.", "jakarta.", "kotlin.", "scala.", "org.springframework.",
    "node:", "internal/"};
constexpr std::string_view kForeignFolders[] = {"/site-packages/", "/dist-packages/", "/lib/python3", "/node_modules/",
                                                "(node:",          "(internal/",      "/vendor/"};

std::size_t indentation(std::string_view line) {
  return static_cast<std::size_t>(std::ranges::find_if_not(line, is_blank) - line.begin());
}
std::string_view trimmed(std::string_view line) {
  line.remove_prefix(indentation(line));
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  return line;
}

bool is_python_frame(std::string_view line) {
  return line.starts_with("File \"");
}
bool is_frame(std::string_view line) {
  return line.starts_with("at ") || (line.size() > 3 && line[0] == '#' && is_digit(line[1]));
}
/// "#0 {main}" and "#1 [internal function]: f()" name no place.
bool names_a_place(std::string_view frame) {
  return frame.find("{main}") == std::string_view::npos && frame.find("[internal function]") == std::string_view::npos;
}
bool is_own(std::string_view frame) {
  const auto called = frame.starts_with("at ") ? frame.substr(3) : frame;
  return std::ranges::none_of(kForeign, [&](std::string_view start) { return called.starts_with(start); }) &&
         std::ranges::none_of(kForeignFolders, [&](std::string_view folder) {
           return frame.substr(0, 300).find(folder) != std::string_view::npos;
         });
}

/// "java.lang.IllegalStateException: text", "KeyError", "Exception in thread "main" java.lang..."
bool is_exception(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && (is_word(line[end]) || line[end] == '.' || line[end] == '$' || line[end] == '\\')) ++end;
  if (end < line.size() && line[end] != ':') return line.starts_with("Exception in thread ");
  const auto name = line.substr(0, end);
  return name.ends_with("Exception") || name.ends_with("Error") || name.ends_with("Throwable");
}

/// Of a JSON object the text of its message, as it stands there; whatever else it holds differs from line to line.
std::string_view json_message(std::string_view line) {
  const auto window = line.substr(0, kJsonSeen);
  for (const std::string_view key : {"\"message\":", "\"msg\":"}) {
    auto from = window.find(key);
    if (from == std::string_view::npos) continue;
    from += key.size();
    while (from < line.size() && is_blank(line[from])) ++from;
    if (from == line.size() || line[from] != '"') continue;
    auto to = ++from;
    while (to < line.size() && line[to] != '"') to += line[to] == '\\' ? 2U : 1U;
    return line.substr(from, std::min(to, line.size()) - from);
  }
  return line;
}

/// The lines after the first, from the front.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    const auto end = rest_.find('\n');
    line = without_prefix(rest_.substr(0, end));
    rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
    return true;
  }

 private:
  std::string_view rest_;
};

/// The frames of Python stand before the exception, the innermost last: read from the end.
void read_traceback(std::string_view text, EventParts& parts) {
  std::string_view below;  // the last line seen that may be the exception
  std::string_view innermost;
  for (std::size_t seen = 0; seen < kLinesSeen && !text.empty(); ++seen) {
    const auto start = text.rfind('\n') + 1;  // npos + 1 is 0
    const auto line = without_prefix(text.substr(start));
    text = text.substr(0, start == 0 ? 0 : start - 1);
    const auto words = trimmed(line);
    if (words.starts_with(kTraceback)) break;
    if (!is_python_frame(words)) {
      // Source lines are indented more than frames, exceptions less; a message may have lines of its own after it.
      if (innermost.empty() && (below.empty() || indentation(line) <= indentation(below))) below = line;
      continue;
    }
    if (innermost.empty()) {
      innermost = words;
      if (indentation(below) < indentation(line)) parts.exception = trimmed(below);
    }
    if (!is_own(words)) continue;
    parts.frame = words;
    return;
  }
  // A text may hold the exception's line alone.
  if (innermost.empty()) parts.exception = trimmed(below);
  parts.frame = innermost;
}

void read_frames(std::string_view text, EventParts& parts) {
  // PHP says first where, then who called: callers make no other error.
  const bool placed =
      parts.message.find(" in /") != std::string_view::npos || parts.message.find(" of /") != std::string_view::npos;
  Lines lines(text);
  std::string_view line;
  std::string_view innermost;
  for (std::size_t seen = 0; seen < kLinesSeen && lines.next(line); ++seen) {
    line = trimmed(line);
    if (line.starts_with("Caused by:")) break;
    if (parts.exception.empty() && innermost.empty() && is_exception(line)) {
      parts.exception = line;
    } else if (is_frame(line) && names_a_place(line) && !(placed && line.front() == '#')) {
      if (line.front() == '#') line = trimmed(line.substr(std::min(line.find(' '), line.size())));
      if (innermost.empty()) innermost = line;
      if (!is_own(line)) continue;
      parts.frame = line;
      return;
    }
  }
  parts.frame = innermost;
}

}  // namespace

void keep_frame(std::string_view line, std::string& frame) {
  line = trimmed(line).substr(0, kFrameBytes);
  const bool is_python = is_python_frame(line);
  if (!is_python && !(is_frame(line) && names_a_place(line))) return;
  // Of Python the innermost comes last, of the others first.
  const bool is_better = frame.empty() || (is_own(line) ? is_python || !is_own(frame) : is_python && !is_own(frame));
  if (is_better) frame = line;
}

std::string event_text(std::string_view first, std::string_view exception, std::string_view frame) {
  std::string text(first);
  const auto add = [&text](std::string_view before, std::string_view line) {
    if (!line.empty()) text.append("\n").append(before).append(line);
  };
  if (!is_python_frame(frame)) {
    add("", exception);
    add("\t", frame);
    return text;
  }
  if (!without_prefix(first).starts_with(kTraceback)) add("", kTraceback);
  add("  ", frame);
  add("", exception);
  return text;
}

EventParts parts_of(std::string_view text) {
  const auto end = text.find('\n');
  EventParts parts{.message = without_prefix(text.substr(0, end)), .exception = {}, .frame = {}};
  if (parts.message.starts_with('{')) parts.message = json_message(parts.message);
  if (end == std::string_view::npos) return parts;
  const auto rest = text.substr(end + 1);
  const bool is_traceback = parts.message.starts_with(kTraceback);
  if (is_traceback || rest.find(kTraceback) != std::string_view::npos) {
    read_traceback(rest, parts);
    if (is_traceback && !parts.exception.empty()) parts.message = {};
    return parts;
  }
  read_frames(rest, parts);
  return parts;
}

}  // namespace serin::count
