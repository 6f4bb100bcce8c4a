#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/error.h"

namespace serin::count {

/// Tells what changed, so that nobody has to look. Asked, it never waits. An error of a watch_ function means that
/// somebody has to look: the kernel's limits are reached, or the filesystem is one whose changes come from elsewhere
/// (network, FUSE, overlay). Single-threaded.
class ChangeWatch {
 public:
  struct Change {
    int watch = -1;
    std::string name;   ///< of what came, went or was renamed in a folder
    bool over = false;  ///< the watch is no more
  };
  struct Changes {
    std::vector<Change> all;
    bool lost = false;  ///< there were more: anything may have changed
  };

  virtual ~ChangeWatch() = default;
  /// Names that come, go or are renamed. The same folder gives the same watch.
  virtual Result<int> watch_folder(const std::string& path) = 0;
  /// The next write or truncation of this open file, once.
  virtual Result<int> watch_growth(int file) = 0;
  virtual void forget(int watch) = 0;
  virtual Changes take() = 0;
  /// Readable while take() has something to give; -1: nothing is watched.
  [[nodiscard]] virtual int fd() const = 0;
};

/// By inotify. Where there is none, every watch is refused.
std::unique_ptr<ChangeWatch> make_inotify_watch();

}  // namespace serin::count
