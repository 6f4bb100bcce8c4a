#include <algorithm>
#include <cmath>

#include "controller/controller_config.h"

namespace serin::controller {

std::size_t HostShare::of(std::size_t total, std::size_t at_least) const {
  std::size_t hosts = count;
  if (percent > 0) {
    // 29 % of 100 is 28.999999999999996 in binary.
    constexpr double kRounding = 1e-9;
    const double share = std::floor(static_cast<double>(total) * std::min(percent, 100.0) / 100.0 + kRounding);
    hosts = static_cast<std::size_t>(share);
  }
  return std::min(std::max(hosts, at_least), total);
}

}  // namespace serin::controller
