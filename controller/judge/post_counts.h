#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "controller/judge/fleet_second.h"
#include "controller/judge/host_weights.h"

namespace serin::judge {

/// What one host did since settle; its past beside it.
struct Member {
  std::size_t host = 0;   ///< index in the weights
  double rate = 0;        ///< w_h
  double variance = 0;    ///< vb_h
  double errors = 0;      ///< x_h: capped, second by second, those of a storm lighter
  double raw_errors = 0;  ///< not capped: for people
  double seen = 0;        ///< seconds
  double traffic = 0;     ///< X_h: seconds of usual traffic; without a measure of traffic, the seconds seen
  bool traffic_known = false;
  double requests_before = 0;    ///< per second; 0: unknown
  double good_lines_before = 0;  ///< likewise
  double requests = 0;
  double last_seen = 0;            ///< T of the newest second in which it was seen; 0: never
  std::array<double, 5> recent{};  ///< errors of the newest seconds, in no order

  [[nodiscard]] double recent_errors() const;
};

/// Running sums of the treated hosts and their controls after a deploy. Seconds before settle count for nobody, as does
/// one in which fewer than half of either side was seen. O(hosts) memory and O(hosts) a second; never fails.
class PostCounts {
 public:
  /// `treated` and `controls`: indices in `weights`, disjoint.
  PostCounts(const SequentialSettings& settings, const HostWeights& weights, std::span<const std::size_t> treated,
             std::span<const std::size_t> controls);

  /// The next second; hosts in the weights' order, one that is missing at the end was not seen.
  void add_second(std::span<const Counts> second);
  /// It no longer runs the old release: what it did is forgotten.
  void remove_control(std::size_t host);

  [[nodiscard]] std::size_t seconds() const { return seconds_; }  ///< t: since the deploy
  [[nodiscard]] double evidence_seconds() const { return static_cast<double>(treated_total_.size()); }  ///< T
  [[nodiscard]] std::size_t void_seconds() const { return void_seconds_; }  ///< that counted for nobody, after settle
  [[nodiscard]] const std::vector<Member>& treated() const { return treated_; }
  [[nodiscard]] const std::vector<Member>& controls() const { return controls_; }

  /// w_h as part B uses it: by the share of seconds in which the host was seen. After the first evidence second.
  [[nodiscard]] double weight(const Member& member) const;
  /// How much more traffic than the controls it gets, both against their own past: in 1..4. 1 when requests are
  /// unknown.
  [[nodiscard]] double exposure(const Member& member) const;
  /// Errors of all treated hosts in the newest `seconds`.
  [[nodiscard]] double treated_errors(std::size_t seconds) const;

 private:
  [[nodiscard]] FleetSecond fleet_second(std::span<const Counts> second) const;
  void add_to(Member& member, const Counts& counts, const FleetSecond& fleet, bool control, std::size_t slot);

  std::size_t settle_;
  double storm_rise_, storm_doubt_;
  std::vector<Member> treated_, controls_;
  std::size_t seconds_ = 0, void_seconds_ = 0;
  std::vector<double> treated_total_;  ///< running, one a second since settle
  double control_requests_ = 0, control_requests_expected_ = 0;
};

}  // namespace serin::judge
