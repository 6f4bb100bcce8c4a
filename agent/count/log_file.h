#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/agent_config.h"
#include "agent/count/change_watch_file.h"
#include "agent/count/error_counter.h"
#include "agent/count/file_position.h"

namespace serin::count {

/// Follows the log files of one application, and its units in the journal (journald_file.h), and counts what is new. A
/// file is known by device and inode and by what it holds (see FollowedFile); after a rename rotation the old file is
/// read to its end (5 s without growth) beside the new one, whose bytes count from its beginning. A file that exists at
/// the first look is read from its end, one that appears later from its beginning; what another process had counted is
/// never counted again. A line counts when it is complete; longer ones are matched on their first
/// limits::kLineBytesMatched bytes. Files that grew within 10 s are read in every turn, of others the kernel tells;
/// where it cannot, they are looked at each second. Memory is bounded whatever the input. Single-threaded: read() is
/// called every 250 ms by the loop, or when rests_on() says so.
class LogFollower {
 public:
  explicit LogFollower(const agent::ApplicationSettings& application,
                       std::unique_ptr<ChangeWatch> changes = make_inotify_watch());
  LogFollower(LogFollower&&) noexcept;
  LogFollower& operator=(LogFollower&&) noexcept;
  ~LogFollower();

  /// Where another process stopped. `saved`: when that was.
  struct Stopped {
    FollowerState state;
    bool same_boot = true;
    Now saved;
  };
  /// Goes on there; before the first read(). A file that was rotated meanwhile is looked for beside its path. Sources
  /// that are not configured any more are left out, and so is what nobody has seen for 24 hours.
  void restore(const Stopped& stopped, WallTime now);
  /// Where it stands.
  [[nodiscard]] FollowerState state(WallTime now) const;

  /// Reads what was written since the last call into `counter`: at most limits::kReadBytesPerTurn of a file, and when
  /// limits::kReadBytesPerCall are read the next call goes on with the next file. True when something was left: call
  /// again soon.
  bool read(SteadyTime now, ErrorCounter& counter);
  /// Nothing is being written: until the descriptor is readable (-1: there is none), read() is wanted once a second
  /// only. Nothing: it is wanted every 250 ms.
  [[nodiscard]] std::optional<int> rests_on() const;
  /// Why the counts are no evidence: "cannot read /var/log/app.log: Permission denied (...)"; empty: all is seen.
  [[nodiscard]] std::string blind() const;

  struct Parts;

 private:
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::count
