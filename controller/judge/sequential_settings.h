#pragma once

#include <array>
#include <chrono>

namespace serin::judge {

/// Every number of the sequential judge; README.md says what each does. Odds are "1 in N by chance": the judge compares
/// its evidence with their logarithm. Excesses are errors per second and host. The symbols of the formulas are behind.
struct SequentialSettings {
  using seconds = std::chrono::seconds;

  seconds baseline{300};     ///< at most so many before the deploy are used
  seconds baseline_min{60};  ///< a canary with fewer trusted ones cannot pass
  seconds settle{3};         ///< after the deploy, for nobody
  seconds min_fail{2};       ///< in a row, that a fail must hold
  seconds min_fail_pair{4};  ///< the same of two canaries where the controls log less than pair_control_errors a second
  seconds min_pass{5};       ///< after settle
  seconds horizon{60};       ///< after the deploy: then it is inconclusive
  seconds block{10};         ///< over which slow noise is measured

  double tolerated = 1.5;     ///< theta0: a factor up to this is no fail
  double bad = 2.0;           ///< theta_bad: a pass rules this factor out
  double excess_fail = 0.02;  ///< delta_f: a smaller excess is no fail
  double excess_pass = 0.08;  ///< delta_p: a pass rules this excess out

  double fail_odds = 30;             ///< thr_f
  double fail_odds_without_one = 4;  ///< thr_f_loo: of the evidence without any one canary
  double fail_odds_few = 12;         ///< the same with one or two canaries
  double fail_odds_calm_pair = 3;    ///< the same with two, in a quiet fleet
  double fail_odds_even_pair = 1;    ///< thr_f_loo with two in a quiet fleet when neither is loud
  double even_pair_ease = 3;         ///< and then fail_odds is divided by this
  double pair_control_errors = 1;    ///< a second, of all controls: below it min_fail_pair holds
  double pass_odds = 50;             ///< thr_p
  double pass_odds_adverse = 6;      ///< thr_p_adv: without the quietest canary and the loudest control
  double veto_odds = 6;              ///< evidence of a fault that forbids a pass

  std::array<double, 4> factors{2, 4, 10, 60};  ///< grid_f: that a fault may have

  double shape_min = 2;  ///< a: bounds of the prior seconds' weight
  double shape_max = 25;
  double spread_min = 0.005;  ///< s_min2: of a host's share, also in the calmest fleet
  double spread_few = 0.05;   ///< s2_few: where fewer than three controls cannot show theirs
  double calm_errors = 6;     ///< k0: of the virtual control in a quiet fleet

  double storm_rise =
      1.2;                 ///< a second in which the whole fleet errs weighs at most as so many usual ones; 0: as it is
  double storm_doubt = 3;  ///< errors in a second that are believed beforehand to be usual

  double loud_canary_factor = 3;  ///< above this times its share plus loud_canary_errors it is set aside
  double loud_canary_errors = 3;
  double loud_control_factor = 4;
  double loud_control_errors = 10;
  double suspect_factor = 4;   ///< times the fleet's rate in the last 5 s: forbids a pass
  double suspect_errors = 10;  ///< likewise

  double quiet_spread = 0.03;
  double quiet_dispersion = 1.5;
  double quiet_rise = 2;
  double noisy_spread = 0.1;
  double noisy_dispersion = 5;
  double traffic_min = 0.25;  ///< of its usual traffic, that a canary needs

  friend bool operator==(const SequentialSettings&, const SequentialSettings&) = default;
};

/// What judge.md specifies: without what the calibration has added to it since (storms, pairs of canaries).
constexpr SequentialSettings as_specified() {
  SequentialSettings settings;
  settings.storm_rise = 0;
  settings.min_fail_pair = settings.min_fail;
  settings.fail_odds_even_pair = settings.fail_odds_calm_pair;
  settings.even_pair_ease = 1;
  return settings;
}

}  // namespace serin::judge
