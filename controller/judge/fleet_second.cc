#include "controller/judge/fleet_second.h"

#include <algorithm>

namespace serin::judge {

void FleetSecond::add(std::size_t host, double errors, double rate) {
  ++seen_;
  errors_ += errors;
  rate_ += rate;
  const Control control{.host = host, .errors = errors, .rate = rate};
  if (errors > loudest_.errors) {
    second_ = loudest_;
    loudest_ = control;
  } else if (errors > second_.errors) {
    second_ = control;
  }
}

double FleetSecond::multiplier() const {
  if (seen_ == 0) return 1;
  if (seen_ == 1) return errors_ / rate_;
  return (errors_ - loudest_.errors) / (rate_ - loudest_.rate);
}

double FleetSecond::share_kept(std::size_t host, double errors, double rate, double rise, double doubt) const {
  if (rise <= 0 || seen_ < 3) return 1;
  const bool treated = host == kNoHost;
  const Control& loudest = !treated && host == loudest_.host ? second_ : loudest_;
  const double others = errors_ - (treated ? 0 : errors) - loudest.errors;
  const double usual = rate_ - (treated ? 0 : rate) - loudest.rate;
  const double here = (std::max(0.0, others) + doubt) / (std::max(0.0, usual) + doubt);
  return std::min(1.0, rise / here);
}

}  // namespace serin::judge
