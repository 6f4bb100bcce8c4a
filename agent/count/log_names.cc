#include "agent/count/log_names.h"

#include <algorithm>
#include <array>
#include <span>

namespace serin::count {
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

constexpr std::array<std::string_view, 5> kPackedEndings = {".gz", ".xz", ".zst", ".bz2", ".lz4"};
constexpr std::array<std::string_view, 2> kOldEndings = {".old", "~"};

bool ends_with_any(std::string_view name, std::span<const std::string_view> endings) {
  return std::ranges::any_of(endings, [name](std::string_view ending) { return name.ends_with(ending); });
}

/// The digits at the end; ".1" counts rotations, all else is a date.
struct Rotation {
  std::string_view digits;
  bool is_number = false;
};
Rotation rotation_of(std::string_view name) {
  const auto mark = name.find_last_of(".-");
  if (mark == std::string_view::npos || !all_digits(name.substr(mark + 1))) return {};
  return {.digits = name.substr(mark + 1), .is_number = name[mark] == '.' && name.size() - mark <= 4};
}

}  // namespace

SourcePattern split_source_path(const std::string& path) {
  const auto slash = path.rfind('/');
  SourcePattern pattern;
  if (slash == std::string::npos) {
    pattern.folder = ".";
    pattern.name = path;
  } else {
    pattern.folder = slash == 0 ? "/" : path.substr(0, slash);
    pattern.name = path.substr(slash + 1);
  }
  pattern.is_pattern = pattern.name.find_first_of("*?") != std::string::npos;
  return pattern;
}

bool fits_pattern(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.')) return false;
  // On a mismatch the newest '*' takes one byte more; older ones need not be tried again.
  std::size_t p = 0, n = 0, star = std::string_view::npos, star_end = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_end = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_end;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool is_rotated_name(std::string_view name) {
  if (ends_with_any(name, kPackedEndings) || ends_with_any(name, kOldEndings)) return true;
  const auto mark = name.find_last_of(".-");
  if (mark == std::string_view::npos || mark == 0) return false;
  const auto tail = name.substr(mark + 1);
  // ".1" to ".999" count rotations; eight digits and more are a date, with or without the hour or a time stamp.
  return all_digits(tail) && ((name[mark] == '.' && tail.size() <= 3) || tail.size() >= 8);
}

bool is_rotated_name_of(std::string_view name, std::string_view candidate) {
  if (!candidate.starts_with(name) || candidate.size() == name.size()) return false;
  const char mark = candidate[name.size()];
  return (mark == '.' || mark == '-' || mark == '~') && is_rotated_name(candidate) &&
         !ends_with_any(candidate, kPackedEndings);
}

bool is_rotated_after(std::string_view one, std::string_view other) {
  const auto a = rotation_of(one);
  const auto b = rotation_of(other);
  if (a.is_number != b.is_number) return a.is_number < b.is_number;
  if (a.digits.size() != b.digits.size()) return a.is_number == (a.digits.size() < b.digits.size());
  return a.is_number ? a.digits < b.digits : a.digits > b.digits;
}

std::string_view packed_by(std::string_view head) {
  if (head.starts_with("\x1f\x8b\x08")) return "gzip";
  if (head.starts_with(std::string_view("\xfd"
                                        "7zXZ\0",
                                        6)))
    return "xz";
  if (head.starts_with("\x28\xb5\x2f\xfd")) return "zstd";
  if (head.starts_with("\x04\x22\x4d\x18")) return "lz4";
  // Three letters alone may begin a line.
  if (head.starts_with("BZh") && head.substr(std::min<std::size_t>(4, head.size())).starts_with("1AY&SY"))
    return "bzip2";
  return {};
}

}  // namespace serin::count
