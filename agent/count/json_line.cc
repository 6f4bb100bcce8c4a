#include "agent/count/json_line.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace serin::count {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

/// Goes through a line from left to right.
class Scanner {
 public:
  explicit Scanner(std::string_view line) : at_(line.data()), end_(line.data() + line.size()) {}

  void skip_space() {
    while (at_ != end_ && is_space(*at_)) ++at_;
  }
  /// The next byte that is no space; 0 at the end.
  char peek() {
    skip_space();
    return at_ == end_ ? '\0' : *at_;
  }
  bool take(char c) {
    if (peek() != c || at_ == end_) return false;
    ++at_;
    return true;
  }

  /// Behind the opening quote: the text up to the closing one, which is taken too.
  std::optional<std::string_view> text() {
    const char* const begin = at_;
    while (at_ != end_) {
      const void* quote = std::memchr(at_, '"', static_cast<std::size_t>(end_ - at_));
      if (quote == nullptr) return std::nullopt;
      const char* const found = static_cast<const char*>(quote);
      const char* escapes = found;
      while (escapes != begin && escapes[-1] == '\\') --escapes;
      at_ = found + 1;
      if ((found - escapes) % 2 == 0) return std::string_view{begin, static_cast<std::size_t>(found - begin)};
    }
    return std::nullopt;
  }

  std::optional<JsonValue> value() {
    const char first = peek();
    if (take('"')) {
      const auto inside = text();
      if (!inside) return std::nullopt;
      return JsonValue{.kind = JsonValue::Kind::text, .raw = *inside};
    }
    const char* const begin = at_;
    if (first == '{' || first == '[') {
      if (!skip_nested()) return std::nullopt;
      return JsonValue{.kind = JsonValue::Kind::nested, .raw = {begin, static_cast<std::size_t>(at_ - begin)}};
    }
    while (at_ != end_ && *at_ != ',' && *at_ != '}' && !is_space(*at_)) ++at_;
    const std::string_view raw{begin, static_cast<std::size_t>(at_ - begin)};
    if (raw.empty()) return std::nullopt;
    if (raw == "true" || raw == "false" || raw == "null") return JsonValue{.kind = JsonValue::Kind::word, .raw = raw};
    if (first != '-' && (first < '0' || first > '9')) return std::nullopt;
    return JsonValue{.kind = JsonValue::Kind::number, .raw = raw};
  }

 private:
  /// From an opening bracket to behind its closing one.
  bool skip_nested() {
    std::size_t depth = 0;
    while (at_ != end_) {
      const char c = *at_++;
      if (c == '"') {
        if (!text()) return false;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if ((c == '}' || c == ']') && --depth == 0) {
        return true;
      }
    }
    return false;
  }

  const char* at_;
  const char* end_;
};

bool is_key(std::string_view raw, const std::string& key) {
  if (raw.find('\\') == std::string_view::npos) return raw == key;
  return json_text(raw, raw.size()) == key;
}

std::optional<unsigned> hex4(std::string_view text) {
  unsigned value = 0;
  if (text.size() < 4) return std::nullopt;
  const char* const begin = text.data();
  if (std::from_chars(begin, begin + 4, value, 16).ptr != begin + 4) return std::nullopt;
  return value;
}

void append_utf8(std::string& to, unsigned c) {
  const auto tail = [&](unsigned shift) { to += static_cast<char>(0x80U | (c >> shift & 0x3fU)); };
  if (c < 0x80) {
    to += static_cast<char>(c);
  } else if (c < 0x800) {
    to += static_cast<char>(0xc0U | c >> 6U);
    tail(0);
  } else if (c < 0x10000) {
    to += static_cast<char>(0xe0U | c >> 12U);
    tail(6);
    tail(0);
  } else {
    to += static_cast<char>(0xf0U | c >> 18U);
    tail(12);
    tail(6);
    tail(0);
  }
}

/// "\u00e9", or two that make one: how many bytes were read; 0: it is none.
std::size_t append_unicode(std::string& to, std::string_view escape) {
  const auto first = escape.starts_with("\\u") ? hex4(escape.substr(2)) : std::nullopt;
  if (!first) return 0;
  if (*first >= 0xd800 && *first < 0xdc00 && escape.substr(6).starts_with("\\u")) {
    const auto second = hex4(escape.substr(8));
    if (second && *second >= 0xdc00 && *second < 0xe000) {
      append_utf8(to, 0x10000 + ((*first - 0xd800) << 10U) + (*second - 0xdc00));
      return 12;
    }
  }
  append_utf8(to, *first >= 0xd800 && *first < 0xe000 ? 0xfffd : *first);
  return 6;
}

}  // namespace

bool find_json_members(std::string_view line, std::span<const std::string> keys, std::span<JsonValue> values) {
  std::ranges::fill(values, JsonValue{});
  if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  Scanner scanner(line);
  if (!scanner.take('{')) return false;
  std::size_t wanted = keys.size();
  if (scanner.take('}')) return scanner.peek() == '\0';
  while (wanted > 0) {
    if (!scanner.take('"')) return false;
    const auto key = scanner.text();
    if (!key || !scanner.take(':')) return false;
    const auto value = scanner.value();
    if (!value) return false;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (values[i].kind != JsonValue::Kind::none || !is_key(*key, keys[i])) continue;
      values[i] = *value;
      --wanted;
    }
    if (scanner.take('}')) return true;
    if (!scanner.take(',')) return false;
  }
  return true;
}

std::string json_text(std::string_view raw, std::size_t bytes_max) {
  std::string text;
  while (!raw.empty() && text.size() < bytes_max) {
    const auto plain = std::min(raw.find('\\'), raw.size());
    text += raw.substr(0, std::min(plain, bytes_max - text.size()));
    raw.remove_prefix(plain);
    if (raw.size() < 2) break;
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kBytes = "\"\\/\b\f\n\r\t";
    const auto place = kNames.find(raw[1]);
    std::size_t bytes = append_unicode(text, raw);
    if (place != std::string_view::npos) {
      text += kBytes[place];
      bytes = 2;
    } else if (bytes == 0) {
      text += raw[0];
      bytes = 1;
    }
    raw.remove_prefix(bytes);
  }
  return text;
}

std::optional<double> json_number(const JsonValue& value) {
  if (value.kind != JsonValue::Kind::number && value.kind != JsonValue::Kind::text) return std::nullopt;
  double number = 0;
  const char* const begin = value.raw.data();
  const char* const end = begin + value.raw.size();
  const auto read = std::from_chars(begin, end, number);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return number;
}

bool equals_caseless(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace serin::count
