#include "controller/settings_file.h"

#include <fmt/format.h>

#include "protocol/posix/files.h"

namespace serin::controller {

namespace {

constexpr std::size_t kConfigBytesMax = 1U << 20;

}  // namespace

Result<ControllerSettings> read_settings(const std::string& file) {
  const auto text = posix::read_file(file, kConfigBytesMax);
  if (!text) return std::unexpected(text.error());
  return parse_controller_settings(*text, file);
}

void print_settings_error(const std::string& program, const Error& error) {
  if (error.kind == ErrorKind::invalid) {
    fmt::print(stderr, "{}\n", error.text);
  } else {
    fmt::print(stderr, "{}: {}\n", program, error.text);
  }
}

int check_settings(const std::string& program, const std::string& file) {
  const auto settings = read_settings(file);
  if (!settings) {
    print_settings_error(program, settings.error());
    return 1;
  }
  std::string names;
  for (const auto& [name, application] : settings->applications) names += (names.empty() ? ": " : ", ") + name;
  const std::size_t count = settings->applications.size();
  fmt::print("{}: good ({} application{}{})\n", file, count, count == 1 ? "" : "s", names);
  return 0;
}

}  // namespace serin::controller
