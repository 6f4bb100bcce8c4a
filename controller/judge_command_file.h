#pragma once

#include <string>
#include <vector>

#include "protocol/error.h"

namespace serin::controller {

/// `serin judge TRACE.csv`: what the line said.
struct JudgeCommand {
  std::string file;                   ///< "-": standard input
  std::string judge;                  ///< empty: as the trace says, else the sequential one
  std::string horizon;                ///< empty: as it is; of the fixed judge it is the wait
  std::vector<std::string> settings;  ///< key=value
  bool explain = false;
  bool json = false;
};

/// Reads the trace, judges it and returns what to print. No daemon. A fail and an inconclusive verdict are no errors; a
/// file that cannot be read, a malformed trace (named with line and column) and an impossible setting are.
Result<std::string> run_judge(const JudgeCommand& command);

}  // namespace serin::controller
