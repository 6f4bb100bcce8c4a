#pragma once

#include <vector>

#include "controller/judge/fixed_settings.h"
#include "controller/judge/verdict.h"

namespace serin::judge {

/// Counts of one stretch of time.
struct Tally {
  std::uint64_t errors = 0;
  std::uint64_t lines = 0;
  std::uint64_t seconds = 0;  ///< that were reported
  friend bool operator==(const Tally&, const Tally&) = default;
};

/// What is known of one canary when its wait is judged.
struct CanaryEvidence {
  HostName host;
  Tally before;                         ///< trusted seconds of the last 60 minutes
  Tally after;                          ///< seconds since the last canary loaded
  std::uint64_t longest_silence_s = 0;  ///< seconds in a row of the wait without a report
  std::string gap;                      ///< what of the wait was not seen, and why; empty: nothing
  std::string gap_reason = "gap";       ///< "gap": the host itself said so; else its source's own token
  bool lines_known = true;              ///< lines are counted, not just left at 0
  friend bool operator==(const CanaryEvidence&, const CanaryEvidence&) = default;
};

/// The rule of the Scap announcement (2016), per canary. Undecided before the wait is over.
///   over:          rate after > max(floor, threshold x rate before)
///   fail:          at least hosts_over canaries are over, whatever the others say
///   inconclusive:  of a canary its source cannot tell (the source's reason), it was silent for more than silence_max
///                  ("no-report"), reported a gap ("gap"), has fewer than baseline_min trusted seconds ("no-baseline"),
///                  or wrote no line at all where its baseline lets expect 5 or more ("no-traffic")
///   pass:          otherwise; reason "quiet" when the fleet is too silent to tell, else "as-before"
/// Pure; never fails; no canary is inconclusive "no-canary".
Verdict judge_fixed(const FixedJudgeSettings& settings, const std::vector<CanaryEvidence>& canaries, Duration elapsed);

}  // namespace serin::judge
