#include "protocol/posix/settings_file.h"

#include <fmt/format.h>

namespace serin::posix {

void print_settings_error(const std::string& program, const Error& error) {
  if (error.kind == ErrorKind::invalid) {
    fmt::print(stderr, "{}\n", error.text);
  } else {
    fmt::print(stderr, "{}: {}\n", program, error.text);
  }
}

void print_settings_good(const std::string& file, const std::string& names, std::size_t count) {
  fmt::print("{}: good ({} application{}{}{})\n", file, count, count == 1 ? "" : "s", names.empty() ? "" : ": ", names);
}

}  // namespace serin::posix
