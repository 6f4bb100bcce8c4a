#pragma once

#include <cstddef>

namespace serin::judge {

/// What the controls log in one second, so that any one of them is left out in O(1). A value; never fails.
class FleetSecond {
 public:
  static constexpr std::size_t kNoHost = static_cast<std::size_t>(-1);

  /// One control that was seen, with its rate before the deploy.
  void add(std::size_t host, double errors, double rate);

  /// g: errors against rates. The loudest control has no say, else one host could lift the cap of all.
  [[nodiscard]] double multiplier() const;

  /// How much of this second's count a host keeps, so that a second in which the whole fleet storms weighs no more than
  /// `rise` ordinary ones: there, noise between hosts decides and not the release. By the other controls without the
  /// loudest of them, so that no host's own errors make its own second lighter; `doubt` errors are believed beforehand
  /// to be as usual. In 0..1; 1 when rise is 0 or fewer than three controls were seen. A treated host has host =
  /// kNoHost.
  [[nodiscard]] double share_kept(std::size_t host, double errors, double rate, double rise, double doubt) const;

 private:
  struct Control {
    std::size_t host = kNoHost;
    double errors = -1, rate = 0;
  };
  std::size_t seen_ = 0;
  double errors_ = 0, rate_ = 0;
  Control loudest_, second_;
};

}  // namespace serin::judge
