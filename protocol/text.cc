#include "protocol/text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>

namespace serin {

namespace {

/// The length of the UTF-8 character at the front, and its code point; 0 when the bytes are none.
struct Character {
  std::size_t bytes = 0;
  char32_t code = 0;
};

Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, lead};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  char32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    code = code << 6U | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {length, code};
}

/// Characters that move the cursor, reorder what is read or show nothing.
bool is_treacherous(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD || code == 0x61C || code == 0x180E ||
         (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB) ||
         (code >= 0xE0000 && code <= 0xE007F);
}

std::string escaped(std::string_view bytes) {
  switch (bytes.front()) {
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    case '\033':
      return "\\e";
    default:
      break;
  }
  std::string text;
  for (const char byte : bytes) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::string make_printable(std::string_view text, std::size_t bytes_max, bool keep_lines) {
  std::string out;
  const std::size_t whole = text.size();
  while (!text.empty()) {
    const Character next = first_character(text);
    const std::size_t bytes = next.bytes == 0 ? 1 : next.bytes;
    if (whole - text.size() + bytes > bytes_max) break;
    const bool line_end = keep_lines && next.code == U'\n';
    if (next.bytes != 0 && (line_end || !is_treacherous(next.code))) {
      out += text.substr(0, bytes);
    } else {
      out += escaped(text.substr(0, bytes));
    }
    text.remove_prefix(bytes);
  }
  if (!text.empty()) out += fmt::format("… ({} bytes more)", text.size());
  return out;
}

/// A set at the front of `pattern` ("[a-z]…"): whether it holds `c`, and what follows it; nothing when it is not
/// closed.
bool matches_set(std::string_view& pattern, char c) {
  bool found = false;
  std::size_t i = 1;
  for (; i < pattern.size() && (pattern[i] != ']' || i == 1); ++i) {
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      found = found || (pattern[i] <= c && c <= pattern[i + 2]);
      i += 2;
    } else {
      found = found || pattern[i] == c;
    }
  }
  pattern.remove_prefix(i < pattern.size() ? i + 1 : pattern.size());
  return found;
}

}  // namespace

std::string printable(std::string_view text, std::size_t bytes_max) {
  return make_printable(text, bytes_max, false);
}

std::string printable_lines(std::string_view text, std::size_t bytes_max) {
  return make_printable(text, bytes_max, true);
}

std::string duration_text(Duration length) {
  const std::int64_t ms = length.count();
  if (ms < 0) return "-" + duration_text(-length);
  if (ms % 1'000 != 0 || ms == 0) return fmt::format("{}ms", ms);
  std::int64_t seconds = ms / 1'000;
  std::string text;
  if (seconds >= 3'600) text += fmt::format("{}h", seconds / 3'600);
  seconds %= 3'600;
  if (seconds >= 60) text += fmt::format("{}m", seconds / 60);
  seconds %= 60;
  if (seconds > 0) text += fmt::format("{}s", seconds);
  return text;
}

std::optional<Duration> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t ms = 0;
  };
  static constexpr Unit kUnits[] = {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};
  constexpr std::string_view kDigits = "0123456789";
  constexpr std::size_t kDigitsMax = 12;  // so that no sum is too large
  if (text.empty()) return std::nullopt;
  std::int64_t ms = 0;
  const Unit* unit = std::begin(kUnits);
  while (!text.empty()) {
    const std::size_t digits = std::min(text.find_first_not_of(kDigits), text.size());
    if (digits == 0 || digits > kDigitsMax) return std::nullopt;
    std::int64_t number = 0;
    for (const char digit : text.substr(0, digits)) number = number * 10 + (digit - '0');
    text.remove_prefix(digits);
    const std::string_view name = text.substr(0, text.find_first_of(kDigits));
    while (unit != std::end(kUnits) && unit->name != name) ++unit;
    if (unit == std::end(kUnits)) return std::nullopt;
    ms += number * unit->ms;
    ++unit;
    text.remove_prefix(name.size());
  }
  return Duration{ms};
}

std::string age_text(Duration age) {
  const std::int64_t seconds = age.count() / 1'000;
  if (seconds < 2) return "now";
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7'200) return fmt::format("{} min", seconds / 60);
  if (seconds < 172'800) return fmt::format("{} h", seconds / 3'600);
  return fmt::format("{} d", seconds / 86'400);
}

std::string ago_text(Duration age) {
  const std::string text = age_text(age);
  return text == "now" ? "just now" : text + " ago";
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1'000) return fmt::format("{} B", bytes);
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1'000;
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < std::size(kUnits)) {
    value /= 1'000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::uint64_t bytes = 0;
  };
  static constexpr Unit kUnits[] = {
      {"B", 1}, {"kB", 1'000}, {"MB", 1'000'000}, {"GB", 1'000'000'000}, {"TB", 1'000'000'000'000}};
  constexpr std::size_t kDigitsMax = 6;  // so that nothing is too large
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || digits > kDigitsMax) return std::nullopt;
  std::uint64_t number = 0;
  for (const char digit : text.substr(0, digits)) number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  text.remove_prefix(digits);
  if (text.starts_with(' ')) text.remove_prefix(1);
  for (const Unit& unit : kUnits) {
    if (unit.name == text) return number * unit.bytes;
  }
  return std::nullopt;
}

bool is_bind_address(std::string_view text) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]%";
  return text == "*" || (!text.empty() && text.find_first_not_of(kLetters) == std::string_view::npos);
}

bool is_plain_name(std::string_view name, std::size_t bytes_max) {
  if (name.empty() || name.size() > bytes_max || name.front() == '.' || name.front() == '-') return false;
  for (const char c : name) {
    const bool good =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    if (!good) return false;
  }
  return true;
}

bool matches_pattern(std::string_view pattern, std::string_view name) {
  // Only the last '*' is ever tried again, so the cost is at most pattern times name.
  std::string_view retry_pattern;
  std::string_view retry_name;
  bool can_retry = false;
  while (true) {
    if (!pattern.empty() && pattern.front() == '*') {
      pattern.remove_prefix(1);
      retry_pattern = pattern;
      retry_name = name;
      can_retry = true;
      continue;
    }
    bool fits = false;
    if (pattern.empty()) {
      if (name.empty()) return true;
    } else if (!name.empty()) {
      if (pattern.front() == '[') {
        fits = matches_set(pattern, name.front());
      } else {
        fits = pattern.front() == '?' || pattern.front() == name.front();
        pattern.remove_prefix(1);
      }
    }
    if (fits) {
      name.remove_prefix(1);
      continue;
    }
    if (!can_retry || retry_name.empty()) return false;
    retry_name.remove_prefix(1);
    pattern = retry_pattern;
    name = retry_name;
  }
}

}  // namespace serin
