#pragma once

#include <vector>

#include "controller/judge/post_counts.h"
#include "controller/judge/share_test.h"

namespace serin::judge {

/// Sums over a set of hosts, so that one host is taken out in O(1).
struct SideSums {
  double errors = 0;
  double weight = 0;
  double variance = 0;  ///< sum of w^2 (s2 + D vb)
  std::size_t hosts = 0;
};

/// What the controls say after a second (steps 1 to 4 of part B).
struct ControlSide {
  SideSums kept;                 ///< K, W_k, n_k
  double multiplier = 1;         ///< gT: the fleet against its own past
  double dispersion = 1;         ///< D
  double moving_spread = 0;      ///< s2x: what the hosts' shares are seen to do
  double spread = 0;             ///< s2
  double relative_variance = 0;  ///< hk
  double raw_rate = 0;           ///< errors per second and kept host, not capped
  double calm_errors = 0;        ///< k0 in a quiet fleet, else 0
  bool quiet = false;
  std::size_t loudest = 0;  ///< kept control, of the weights; meaningless without one
  SideSums loudest_sums;
  std::vector<std::size_t> set_aside;  ///< hosts of the weights
};

/// A host's part of a side's sums. `exposure` times its weight is what it should have.
SideSums sums_of(const Member& member, double weight, const ControlSide& controls);

/// After at least one evidence second. O(controls).
ControlSide look_at_controls(const SequentialSettings& settings, const HostWeights& weights, const PostCounts& counts);

/// The comparison of a treated set with the kept controls; with the virtual control only where a fail is asked.
ShareCounts compare(const SideSums& treated, const ControlSide& controls, double evidence_seconds, bool with_virtual);

}  // namespace serin::judge
