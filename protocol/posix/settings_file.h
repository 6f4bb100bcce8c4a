#pragma once

#include <string>

#include "protocol/error.h"
#include "protocol/posix/files.h"

/// A daemon's configuration file: read, refused or found good, with the same words for all programs. Main thread.
namespace serin::posix {

inline constexpr std::size_t kSettingsBytesMax = 1U << 20;

/// What `parse(text, file)` makes of the file. `invalid` names each mistake with file and line; any other error says
/// why the file cannot be read.
template <class Settings>
Result<Settings> read_settings(const std::string& file,
                               Result<Settings> (*parse)(std::string_view, const std::string&)) {
  const auto text = read_file(file, kSettingsBytesMax);
  if (!text) return std::unexpected(text.error());
  return parse(*text, file);
}

/// On stderr: mistakes in the file as they are (they name it themselves, as compilers do), all else under the program's
/// name.
void print_settings_error(const std::string& program, const Error& error);

/// `names` of the applications, with ", " between them.
void print_settings_good(const std::string& file, const std::string& names, std::size_t count);

/// Says whether the configuration is good, or every mistake in it. Returns the exit code: 0 good, 1 not.
template <class Settings>
int check_settings(const std::string& program, const std::string& file, const Result<Settings>& settings) {
  if (!settings) {
    print_settings_error(program, settings.error());
    return 1;
  }
  std::string names;
  for (const auto& [name, application] : settings->applications) names += (names.empty() ? "" : ", ") + name;
  print_settings_good(file, names, settings->applications.size());
  return 0;
}

}  // namespace serin::posix
