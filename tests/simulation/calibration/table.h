#pragma once

#include <string>

#include "tests/simulation/calibration/trial.h"

namespace serin::calibration {

/// The table of judge.md, section 3, line by line. Peers' cells are "-" when they were not asked.
std::string markdown_head(bool with_peers);
std::string markdown_line(const Row& row, bool with_peers);

std::string csv_head();
std::string csv_line(const Row& row, const std::string& judge);

}  // namespace serin::calibration
