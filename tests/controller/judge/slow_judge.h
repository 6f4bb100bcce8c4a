#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controller/judge/counts.h"
#include "controller/judge/sequential_settings.h"

/// The sequential judge once more, for tests: the formulas of controller/judge/README.md read from left to right, from
/// the raw counts, all of it anew for each second. Shares no code with the judge.
namespace serin::judge::slow {

using Seconds = std::vector<std::vector<Counts>>;  ///< by second, then by host

struct Weights {
  std::vector<double> w, vb;
  double r = 0, a = 0, D1 = 1, s2slow = 0;
};
Weights weigh(const Baseline& baseline, const SequentialSettings& settings);

struct Evidence {
  double lf = 0, lmin = 0, l = 0, l_adverse = 0;
  double gT = 1, D = 1, s2 = 0, excess = 0;
  std::int64_t hold = 2;  ///< seconds in a row that a fail needs
  bool quiet = false, live = false, fails = false, passes = false;
  std::vector<std::size_t> dropped, loud;
};
/// After the seconds 0..t-1; t > settle.
Evidence judge_at(const Baseline& baseline, const SequentialSettings& settings, const Seconds& after, std::size_t t);

/// "FAIL 5", "PASS 8", "none".
std::string verdict(const Baseline& baseline, const SequentialSettings& settings, const Seconds& after);

}  // namespace serin::judge::slow
