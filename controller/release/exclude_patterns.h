#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace serin::release {

/// What never becomes part of a release. A pattern without '/' is compared with each name, at any depth: ".git",
/// "*.swp". One with '/' is compared with the whole path from the source, name by name: "cache/*.tmp", "/build";
/// "**" stands for any number of folders: "**/node_modules/.cache". A '/' at its end: folders only. '*', '?' and
/// "[a-z]" never reach over a '/'. An excluded folder is not looked into.
class ExcludePatterns {
 public:
  explicit ExcludePatterns(const std::vector<std::string>& patterns);

  /// The pattern that keeps this path out, as configured, or nullptr. Folders above it are not asked. Valid while this
  /// lives.
  [[nodiscard]] const std::string* match(std::string_view path, bool is_folder) const;
  /// The same, for a path whose folders above may be excluded too.
  [[nodiscard]] const std::string* match_with_folders(std::string_view path, bool is_folder) const;

 private:
  struct Pattern {
    std::string as_configured;
    bool folders_only = false;
    std::vector<std::string> names;  ///< one: of a name at any depth, unless anchored
    bool anchored = false;
  };
  std::vector<Pattern> patterns_;
};

}  // namespace serin::release
