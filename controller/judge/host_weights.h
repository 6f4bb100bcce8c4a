#pragma once

#include <cstddef>
#include <vector>

#include "controller/judge/counts.h"
#include "controller/judge/sequential_settings.h"

namespace serin::judge {

/// What the seconds before the deploy say of one host.
struct HostWeight {
  HostName host;
  Role role = Role::control;
  double rate = 0;          ///< w_h: errors per second, shrunk towards the fleet's
  double variance = 0;      ///< vb_h: relative, of that rate
  double good_lines = 0;    ///< per second; 0: unknown, or not one in the baseline
  double requests = 0;      ///< likewise
  std::size_t trusted = 0;  ///< seconds that it rests on
  friend bool operator==(const HostWeight&, const HostWeight&) = default;
};

/// Part A of the judge: all that later seconds are compared with. O(hosts); hosts in the baseline's order.
struct HostWeights {
  std::vector<HostWeight> hosts;
  double fleet_rate = 0;   ///< r
  double shape = 0;        ///< a
  double dispersion = 1;   ///< D1: variance over mean within a second; 1 is Poisson
  double slow_spread = 0;  ///< s2slow: relative variance of a host's share over a block
  friend bool operator==(const HostWeights&, const HostWeights&) = default;
};

/// The most errors of one second that count for a host with this rate: one burst must not make a baseline.
double count_cap(double rate);

/// Winsorised counts, empirical-Bayes rates and Pearson dispersion (McCullagh & Nelder 1989) of the host x second table
/// at one second and at blocks. Pure, O(hosts x seconds), never fails; a baseline without seconds gives equal rates.
HostWeights weigh_hosts(const Baseline& baseline, const SequentialSettings& settings);

}  // namespace serin::judge
