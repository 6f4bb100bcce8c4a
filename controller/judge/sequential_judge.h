#pragma once

#include <span>
#include <vector>

#include "controller/judge/counts.h"
#include "controller/judge/sequential_rule.h"
#include "controller/judge/sequential_settings.h"
#include "controller/judge/verdict.h"

namespace serin::judge {

/// Compares the canaries with the hosts that still run the old release, second by second, and answers as soon as the
/// evidence allows: pass, fail, or at the horizon inconclusive with a reason. README.md beside this file is the rule.
/// O(hosts) memory, O(hosts + canaries x grid) a second, deterministic, never fails, no thread, no clock.
class SequentialJudge {
 public:
  SequentialJudge(SequentialSettings settings, const Baseline& baseline);
  /// Of weights that were stored: the same verdicts.
  SequentialJudge(SequentialSettings settings, HostWeights weights);

  /// Second t = 0, 1, 2 … after the deploy, hosts in the baseline's order; t counts itself. Returns the verdict after
  /// it, valid until the next call. A pass and a fail stand: later seconds change nothing. An inconclusive one stands
  /// until extend(), while seconds go on to be counted.
  const Verdict& add_second(std::span<const Counts> second);

  /// These hosts do not run the old release any more: what they did is forgotten. Indices of the baseline.
  void leave_controls(std::span<const std::size_t> hosts);

  /// Moves the horizon of an undecided or inconclusive judgement: more seconds for the same evidence, no penalty.
  const Verdict& extend(std::chrono::seconds more);

  /// What SignatureJudge found up to the second that is added next: the verdict names them, and one that fails alone is
  /// a fail of the release (reason "new-message").
  void name_signatures(std::vector<NewSignature> signatures);

  [[nodiscard]] const Verdict& verdict() const { return verdict_; }
  /// Evidence and every safeguard after the newest second.
  [[nodiscard]] const RuleState& state() const { return state_; }
  [[nodiscard]] const HostWeights& weights() const { return weights_; }
  [[nodiscard]] const PostCounts& counts() const { return counts_; }
  [[nodiscard]] const SequentialSettings& settings() const { return settings_; }
  /// Seconds in a row, up to now, in which a fail held.
  [[nodiscard]] std::size_t fail_seconds() const { return fail_seconds_; }

 private:
  [[nodiscard]] bool canary_lacks_baseline() const;
  [[nodiscard]] bool no_baseline_at_all() const;
  [[nodiscard]] Answer answer() const;
  void decide();

  SequentialSettings settings_;
  HostWeights weights_;
  PostCounts counts_;
  RuleState state_;
  std::size_t fail_seconds_ = 0;
  std::vector<NewSignature> signatures_;
  Verdict verdict_;
};

}  // namespace serin::judge
