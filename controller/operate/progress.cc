#include "controller/operate/progress.h"

#include <string_view>

namespace serin::operate {

namespace {

using namespace std::chrono_literals;
constexpr auto kRepeatAfter = 10s;
constexpr std::string_view kBeginLineAnew = "\r\x1b[K";

/// "shop r2 canaries soak" of "shop r2 canaries soak: ok 3, ...".
std::string_view where_of(std::string_view progress) {
  return progress.substr(0, progress.find(':'));
}

std::string with_line_end(const std::string& text) {
  return text.empty() || text.back() == '\n' ? text : text + "\n";
}

/// At most so many characters of UTF-8.
std::string_view first_characters(std::string_view text, std::size_t count) {
  std::size_t end = 0;
  while (end < text.size()) {
    const bool begins_character = (static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80U;
    if (begins_character && count-- == 0) break;
    ++end;
  }
  return text.substr(0, end);
}

}  // namespace

std::string ProgressPrinter::clear() {
  if (!line_is_open_) return {};
  line_is_open_ = false;
  return std::string(kBeginLineAnew);
}

std::string ProgressPrinter::progress_line(const OperatorEvent& event, SteadyTime now) {
  if (options_.terminal) {
    line_is_open_ = true;
    return std::string(kBeginLineAnew) + std::string(first_characters(event.text, options_.columns - 1));
  }
  const bool moved = where_of(event.text) != shown_where_;
  const bool due = event.text != shown_ && now - shown_at_ >= kRepeatAfter;
  if (!moved && !due) return {};
  shown_ = event.text;
  shown_where_ = where_of(event.text);
  shown_at_ = now;
  return event.text + "\n";
}

std::string ProgressPrinter::print(const OperatorEvent& event, SteadyTime now) {
  if (options_.json) return event.json.empty() ? std::string{} : event.json + "\n";
  if (event.kind == "progress") return progress_line(event, now);
  if (event.text.empty()) return {};
  return clear() + with_line_end(event.text);
}

}  // namespace serin::operate
