#pragma once

#include <vector>

#include "controller/judge/control_side.h"

namespace serin::judge {

/// One treated host after a second.
struct TreatedState {
  std::size_t host = 0;   ///< index in the weights
  double errors = 0;      ///< x_i, capped
  double expected = 0;    ///< w_i gT T: as the fleet does
  double traffic = 0;     ///< X_i over T: 1 is as usual
  bool loud = false;      ///< set aside: far above the other canaries
  bool suspect = false;   ///< far above the fleet in the last 5 s
  bool unheard = false;   ///< unseen in a quarter of the seconds
  bool silent = false;    ///< not seen for 5 s: it may be dead
  bool idle = false;      ///< less than traffic_min
  bool unproven = false;  ///< no measure of traffic, and not one error line that proves it
};

/// All that the rule says after one second: evidence and every safeguard. Evidence is in natural logarithms.
struct RuleState {
  std::size_t seconds = 0;      ///< t
  double evidence_seconds = 0;  ///< T; 0 while it settles: then nothing below means anything
  ControlSide controls;
  SideSums treated;                           ///< all of them: C, W_c
  double treated_rate = 0, control_rate = 0;  ///< raw errors per second and host
  std::vector<TreatedState> hosts;

  double fail = 0;                     ///< lf
  double fail_needs = 0;               ///< what lf must reach in this second
  double fail_without_one = 0;         ///< lmin
  double fail_needs_without_one = 0;   ///< what lmin must reach in this second
  std::size_t fail_needs_seconds = 0;  ///< in a row, that a fail must hold
  double excess = 0;                   ///< errors per second and host above the fleet
  bool live = false;                   ///< the errors go on
  bool fail_holds = false;             ///< all four hold in this second

  double pass = 0;              ///< l
  double pass_adverse = 0;      ///< without the quietest canary and the loudest control
  double bad_factor = 0;        ///< tbad: that a pass rules out
  bool traffic_proven = false;  ///< every canary had traffic
  bool pass_holds = false;

  double ratio = 0, ratio_low = 0, ratio_high = 0;  ///< of the two sides, each against its past; 95 %
};

/// The rule for one second, of counts that stand. `fail_needs`: what lf must reach; two canaries that agree need less.
/// Pure; O(hosts + treated x grid).
class SequentialRule {
 public:
  SequentialRule(const SequentialSettings& settings, const HostWeights& weights, const PostCounts& counts);

  /// Steps 1 to 7: is the treated side worse?
  void ask_fail(RuleState& state, double fail_needs) const;
  /// Step 8, after ask_fail(): is it as good?
  void ask_pass(RuleState& state) const;

 private:
  void look_at_treated(RuleState& state) const;
  void set_loud_aside(RuleState& state) const;
  [[nodiscard]] double ease_pair(RuleState& state) const;
  void measure_ratio(RuleState& state) const;
  [[nodiscard]] SideSums side_of(const RuleState& state, std::size_t treated) const;
  [[nodiscard]] SideSums without_loud(const RuleState& state) const;
  [[nodiscard]] double pass_evidence(const RuleState& state, const SideSums& side, double traffic, bool traffic_known,
                                     const SideSums& controls, double* bad_factor) const;

  const SequentialSettings& settings_;
  const HostWeights& weights_;
  const PostCounts& counts_;
};

}  // namespace serin::judge
