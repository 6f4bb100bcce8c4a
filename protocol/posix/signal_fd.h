#pragma once

#include <initializer_list>
#include <optional>

#include "protocol/posix/unique_fd.h"

namespace serin::posix {

/// Turns signals into something to poll. Make it in main before any thread starts: it blocks the signals for all.
class SignalFd {
 public:
  explicit SignalFd(std::initializer_list<int> signals);
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The next pending signal.
  std::optional<int> take();

 private:
  UniqueFd fd_;
};

}  // namespace serin::posix
