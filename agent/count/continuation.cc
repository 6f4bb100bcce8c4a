#include "agent/count/continuation.h"

#include <algorithm>

namespace serin::count {
namespace {

using Phase = EventShape::Phase;

constexpr std::string_view kTraceback = "Traceback (most recent call last):";
/// Who speaks stands near the beginning of a line.
constexpr std::size_t kProcessWithin = 160;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_name(char c) {
  return is_word(c) || c == '.' || c == '-' || c == '/' || c == '@';
}

std::uint32_t indent_of(std::string_view content) {
  return static_cast<std::uint32_t>(std::min(content.find_first_not_of(" \t"), content.size()));
}

/// "java.io.IOException" of "java.io.IOException: gone"; empty when the line does not begin with such a name.
std::string_view leading_name(std::string_view content) {
  std::size_t end = 0;
  while (end < content.size() && (is_word(content[end]) || content[end] == '.' || content[end] == '$')) ++end;
  if (end == 0 || is_digit(content[0]) || content[0] == '.') return {};
  if (end < content.size() && content[end] != ':') return {};
  return content.substr(0, end);
}

bool is_exception(std::string_view content) {
  const auto name = leading_name(content);
  return name.ends_with("Exception") || name.ends_with("Error") || name.ends_with("Throwable");
}

/// "#3 /srv/a.php(1): f()"
bool is_numbered_frame(std::string_view content) {
  if (!content.starts_with('#')) return false;
  const auto end = content.find_first_not_of("0123456789", 1);
  return end != std::string_view::npos && end > 1 && content[end] == ' ';
}

/// "... 12 more", "... 3 common frames omitted"
bool is_left_out(std::string_view content) {
  return content.starts_with("... ") && content.size() > 4 && is_digit(content[4]);
}

/// MediaWiki's line formatter, below a record: "[Exception RuntimeException] (/srv/a.php:3) text"
bool is_exception_in_brackets(std::string_view content) {
  const auto kind = content.starts_with("[Exception ") ? 11U : content.starts_with("[Error ") ? 7U : 0U;
  const auto end =
      kind == 0 ? kind
                : content.find_first_not_of("\\_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", kind);
  return kind != 0 && end != kind && end != std::string_view::npos && content.substr(end).starts_with("] (");
}

bool is_frame(std::string_view content) {
  return is_numbered_frame(content) || is_left_out(content) || content.starts_with("Stack trace:") ||
         content.starts_with("thrown in ") || is_exception_in_brackets(content) ||
         content.starts_with("[stacktrace]") || content == "}";
}

/// "2026/05/01 10:00:00 [error] "
bool is_nginx(std::string_view content) {
  constexpr std::string_view kForm = "dddd/dd/dd dd:dd:dd [";
  return content.size() > kForm.size() &&
         std::ranges::equal(kForm, content.substr(0, kForm.size()),
                            [](char f, char c) { return f == 'd' ? is_digit(c) : f == c; });
}

GoesOn as(const EventShape& event, Phase phase, bool names_it = false) {
  GoesOn next{.shape = event, .names_it = names_it};
  next.shape.phase = phase;
  return next;
}

/// A line that is indented as the event's first is.
std::optional<GoesOn> goes_on_at_margin(const EventShape& event, std::string_view text) {
  if (text.starts_with("Caused by:") || text.starts_with("Suppressed:")) return as(event, Phase::excepted);
  if (is_frame(text)) return as(event, event.phase == Phase::began ? Phase::frames : event.phase);
  if (event.from_nginx && text.starts_with("PHP message:")) return as(event, event.phase);
  const bool is_chain = text.starts_with("During handling of the above exception") ||
                        text.starts_with("The above exception was the direct cause");
  if (is_chain && event.phase != Phase::began) return as(event, Phase::chained);
  if (text.starts_with(kTraceback)) {
    if (event.phase == Phase::began || event.phase == Phase::chained) return as(event, Phase::traceback);
    return std::nullopt;
  }
  if (event.phase == Phase::traceback && !leading_name(text).empty()) return as(event, Phase::excepted, true);
  if (event.phase == Phase::began && is_exception(text)) return as(event, Phase::excepted, true);
  return std::nullopt;
}

/// "<3>kernel: text": of some the journal knows no number. The name is empty when it is no such line.
ProcessLine unnumbered(std::string_view line) {
  if (!line.starts_with('<')) return {};
  const auto start = line.substr(0, kProcessWithin);
  const auto begin = start.find('>') + 1;
  const auto end = start.find(": ");
  if (begin == 0 || begin > 5 || end == std::string_view::npos || end <= begin) return {};
  const auto name = line.substr(begin, end - begin);
  if (!std::ranges::all_of(name, is_name)) return {};
  return {.process = name, .content = line.substr(end + 2)};
}

}  // namespace

ProcessLine split_process(std::string_view line) {
  const auto start = line.substr(0, kProcessWithin);
  if (const auto said = unnumbered(line); !said.process.empty()) return said;
  for (auto end = start.find("]: "); end != std::string_view::npos; end = start.find("]: ", end + 1)) {
    auto open = end;
    while (open > 0 && is_digit(line[open - 1])) --open;
    if (open == end || open == 0 || line[open - 1] != '[') continue;
    auto name = open - 1;
    while (name > 0 && is_name(line[name - 1])) --name;
    const bool apart = name == 0 || line[name - 1] == ' ' || line[name - 1] == '>';
    if (name == open - 1 || !apart) continue;
    return {.process = line.substr(name, end + 1 - name), .content = line.substr(end + 3)};
  }
  return {.process = {}, .content = line};
}

EventShape shape_of_first(std::string_view content) {
  EventShape shape{.indent = indent_of(content), .from_nginx = is_nginx(content)};
  const auto text = content.substr(shape.indent);
  if (text.starts_with(kTraceback)) {
    shape.phase = Phase::traceback;
  } else if (is_exception(text)) {
    shape.phase = Phase::excepted;
  }
  return shape;
}

std::optional<GoesOn> goes_on(const EventShape& event, std::string_view content) {
  const auto indent = indent_of(content);
  if (indent == content.size()) return GoesOn{.shape = event};
  const auto text = content.substr(indent);
  if (indent <= event.indent) return goes_on_at_margin(event, text);
  // The journal's further lines are indented by a tab, whatever they are.
  const bool by_tab = indent == event.indent + 1 && content[event.indent] == '\t';
  if (const auto next = by_tab ? goes_on_at_margin(event, text) : std::nullopt) return next;
  return as(event, event.phase == Phase::began ? Phase::frames : event.phase);
}

}  // namespace serin::count
