#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/agent_config.h"
#include "agent/count/checkpoint.h"
#include "agent/count/checkpoint_file.h"
#include "agent/count/log_file.h"

namespace serin::count {

/// The logs of all applications of a host, and the record of how far they are counted. Single-threaded.
class CountedLogs {
 public:
  struct Start {
    std::filesystem::path folder;  ///< of the record
    std::string boot_id;
    std::string new_run;  ///< used where none goes on
    Now now;
  };
  /// Goes on where the record stands. Without one, or with one that cannot be read, files are read from their end.
  CountedLogs(const agent::AgentSettings& settings, const Start& start);

  /// What the counters begin with.
  [[nodiscard]] const Resumed& resumed() const { return resumed_; }
  /// Why the record could not be read; empty: it was, or there was none.
  [[nodiscard]] const std::string& warning() const { return warning_; }

  /// Reads what one application logged; true when something was left.
  bool read(const ApplicationName& application, SteadyTime now, ErrorCounter& counter);
  /// Of all applications, as LogFollower::rests_on(); nothing when one of them has something to read.
  [[nodiscard]] std::optional<std::vector<int>> rest_on() const;
  [[nodiscard]] std::string blind(const ApplicationName& application) const;

  /// Adds the positions and writes it down, where anything differs from the last one: right after read(), so that
  /// positions and counts are of one moment. The last one of a process waits for the disk.
  Result<void> save(Checkpoint checkpoint);

 private:
  void restore(const Checkpoint& from, Now now);

  std::map<ApplicationName, LogFollower> followers_;
  CheckpointFile file_;
  std::optional<Checkpoint> saved_;
  Resumed resumed_;
  std::string warning_;
};

}  // namespace serin::count
