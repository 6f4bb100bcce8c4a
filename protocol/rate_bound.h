#pragma once

#include <cstdint>

#include "protocol/clock.h"

namespace serin {

/// When more may be sent or asked for, so that no more than so many bytes pass in a second; what was not used is lost,
/// but for a tenth of a second. Pure; single-threaded.
class RateBound {
 public:
  /// 0: no bound. At most 1e12.
  explicit RateBound(std::uint64_t bytes_per_s) : bytes_per_s_(bytes_per_s) {}

  void passed(std::uint64_t bytes, SteadyTime now);
  /// How long nothing more may pass; 0: it may.
  [[nodiscard]] Duration wait(SteadyTime now) const;

 private:
  [[nodiscard]] std::uint64_t ahead(SteadyTime now) const;

  std::uint64_t bytes_per_s_;
  std::uint64_t ahead_ = 0;  ///< bytes that passed before their time, at `at_`
  SteadyTime at_{};
};

}  // namespace serin
