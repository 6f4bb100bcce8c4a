#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/agent_config.h"
#include "agent/count/error_counter.h"

namespace serin::count {

/// Follows the log files of one application, and its units in the journal (journald_file.h), and counts what is new. A
/// file is known by device and inode; after a rename rotation the old file is read to its end (5 s without growth)
/// beside the new one, whose bytes count from its beginning. A file that exists at the first look is read from its end,
/// one that appears later from its beginning. A line counts when it is complete; longer ones are matched on their first
/// limits::kLineBytesMatched bytes. Memory is bounded whatever the input. Single-threaded: read() is called every 250
/// ms by the loop.
class LogFollower {
 public:
  explicit LogFollower(const agent::ApplicationSettings& application);
  LogFollower(LogFollower&&) noexcept;
  LogFollower& operator=(LogFollower&&) noexcept;
  ~LogFollower();

  /// Reads what was written since the last call (at most limits::kReadBytesPerTurn a file) into `counter`.
  /// True when something was left: call again soon.
  bool read(SteadyTime now, ErrorCounter& counter);
  /// Why the counts are no evidence: "cannot read /var/log/app.log: Permission denied (...)"; empty: all is seen.
  [[nodiscard]] std::string blind() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::count
