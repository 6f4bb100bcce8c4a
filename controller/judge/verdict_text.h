#pragma once

#include <string>
#include <vector>

#include "controller/judge/inconclusive_reason.h"
#include "controller/judge/sequential_rule.h"
#include "controller/judge/verdict.h"

namespace serin::judge {

/// The sequential judge's state and answer as a verdict: numbers always; hosts and words once it is not undecided.
Verdict describe(const SequentialSettings& settings, const HostWeights& weights, const PostCounts& counts,
                 const RuleState& state, Answer answer, bool canary_lacks_baseline,
                 const std::vector<NewSignature>& signatures);

/// The state's numbers alone.
SequentialNumbers numbers_of(const HostWeights& weights, const PostCounts& counts, const RuleState& state);

/// Each treated host's rates, and why its counts are no evidence.
std::vector<HostFinding> findings_of(const SequentialSettings& settings, const HostWeights& weights,
                                     const PostCounts& counts, const RuleState& state);

/// "4.1", "0.012", "84": as exact as a person reads.
std::string rate_text(double rate);
/// "1 in 30", "1 in 4000", "1 in 10^6" of a natural logarithm of odds.
std::string odds_text(double evidence);
/// "canaries 4.1 errors/s/host, the rest 1.0: 4.0 times (95 % between 3.1 and 5.2)".
std::string comparison_text(const SequentialNumbers& numbers, const std::string& treated);
/// "; new messages: …", at most three, those that fail alone first; empty: none.
std::string signatures_text(const std::vector<NewSignature>& signatures);

}  // namespace serin::judge
