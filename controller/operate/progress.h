#pragma once

#include <chrono>
#include <string>

#include "protocol/clock.h"
#include "protocol/messages.h"

namespace serin::operate {

/// How the CLI shows what arrives. On a terminal the progress is one line that is drawn again in place; elsewhere it
/// is a line when the deployment moved on, and otherwise one every ten seconds. With json each event is one line of
/// JSON. Pure: gives the bytes to write to standard output. Single-threaded.
class ProgressPrinter {
 public:
  struct Options {
    bool terminal = false;
    bool json = false;
    std::size_t columns = 80;  ///< of the terminal; a longer progress line is cut there
  };
  explicit ProgressPrinter(Options options) : options_(options) {}

  std::string print(const OperatorEvent& event, SteadyTime now);
  /// Before something else writes to the terminal.
  std::string clear();

 private:
  std::string progress_line(const OperatorEvent& event, SteadyTime now);

  Options options_;
  bool line_is_open_ = false;  ///< the terminal's progress line
  std::string shown_;          ///< the newest progress line elsewhere
  std::string shown_where_;    ///< and its beginning, without the counts
  SteadyTime shown_at_{};
};

}  // namespace serin::operate
