#pragma once

#include <string>

#include "controller/controller_config.h"

namespace serin::controller {

/// Reads and checks the controller's configuration file. `invalid` names each mistake with file and line; any other
/// error says why the file cannot be read.
Result<ControllerSettings> read_settings(const std::string& file);

/// Prints the error on stderr: mistakes in the file as they are (they name it themselves, as compilers do), all else
/// under the program's name.
void print_settings_error(const std::string& program, const Error& error);

/// `serin config check` and `serin-controller --check`: prints what the daemon would run with, or every mistake.
/// Returns the exit code: 0 good, 1 not.
int check_settings(const std::string& program, const std::string& file);

}  // namespace serin::controller
