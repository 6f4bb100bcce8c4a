#include "controller/release/exclude_patterns.h"

#include <algorithm>
#include <span>

#include "protocol/text.h"

namespace serin::release {

namespace {

template <class Name>
std::vector<Name> split(std::string_view path) {
  std::vector<Name> names;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) names.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

/// As matches_pattern() does for bytes: only the last "**" is ever tried again, so the cost is bounded.
bool matches_names(std::span<const std::string> pattern, std::span<const std::string_view> names) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t retry_pattern = 0;
  std::size_t retry_name = 0;
  bool can_retry = false;
  while (true) {
    if (p < pattern.size() && pattern[p] == "**") {
      // At the end it means what is inside, not the folder itself.
      if (p + 1 == pattern.size()) return n < names.size();
      retry_pattern = ++p;
      retry_name = n;
      can_retry = true;
      continue;
    }
    if (p == pattern.size() && n == names.size()) return true;
    if (p < pattern.size() && n < names.size() && matches_pattern(pattern[p], names[n])) {
      ++p;
      ++n;
      continue;
    }
    if (!can_retry || retry_name >= names.size()) return false;
    n = ++retry_name;
    p = retry_pattern;
  }
}

}  // namespace

ExcludePatterns::ExcludePatterns(const std::vector<std::string>& patterns) {
  for (const std::string& text : patterns) {
    const std::string_view whole = text;
    Pattern pattern{.as_configured = text, .folders_only = whole.ends_with('/'), .names = split<std::string>(whole)};
    pattern.anchored = pattern.names.size() > 1 || whole.starts_with('/');
    if (!pattern.names.empty()) patterns_.push_back(std::move(pattern));
  }
}

const std::string* ExcludePatterns::match(std::string_view path, bool is_folder) const {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  std::vector<std::string_view> names;
  for (const Pattern& pattern : patterns_) {
    if (pattern.folders_only && !is_folder) continue;
    if (pattern.anchored && names.empty()) names = split<std::string_view>(path);
    const bool out = pattern.anchored ? matches_names(pattern.names, names) : matches_pattern(pattern.names[0], name);
    if (out) return &pattern.as_configured;
  }
  return nullptr;
}

const std::string* ExcludePatterns::match_with_folders(std::string_view path, bool is_folder) const {
  for (std::size_t end = path.find('/'); end != std::string_view::npos; end = path.find('/', end + 1)) {
    if (const std::string* pattern = match(path.substr(0, end), true)) return pattern;
  }
  return match(path, is_folder);
}

}  // namespace serin::release
