#pragma once

#include <unistd.h>

#include <stdexcept>

namespace serin::testing {

/// While it lives, files are opened as somebody who owns none of them: what root may do, permissions cannot refuse.
/// Without root nothing changes: the tests' own user is refused where the folder says so.
class AsNobody {
 public:
  AsNobody() {
    if (was_root_ && ::seteuid(kNobody) != 0) throw std::runtime_error("seteuid");
  }
  ~AsNobody() {
    if (was_root_ && ::seteuid(0) != 0) ::_exit(1);
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  bool was_root_ = ::geteuid() == 0;
};

}  // namespace serin::testing
