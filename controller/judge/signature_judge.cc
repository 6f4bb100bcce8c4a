#include "controller/judge/signature_judge.h"

#include <algorithm>
#include <cmath>

namespace serin::judge {

namespace {

constexpr std::size_t kCanariesMin = 2;

std::vector<std::size_t> hosts_of(const HostWeights& weights, Role role) {
  std::vector<std::size_t> hosts;
  for (std::size_t i = 0; i < weights.hosts.size(); ++i) {
    if (weights.hosts[i].role == role) hosts.push_back(i);
  }
  return hosts;
}

/// The weights of a baseline of the same length in which nobody logged an error.
HostWeights silent(const HostWeights& weights, const SequentialSettings& settings) {
  HostWeights silent{.hosts = {}, .fleet_rate = 0, .shape = settings.shape_max};
  double trusted = 0;
  for (const HostWeight& host : weights.hosts) trusted += static_cast<double>(std::max<std::size_t>(1, host.trusted));
  silent.fleet_rate = 0.5 / std::max(1.0, trusted);
  for (const HostWeight& host : weights.hosts) {
    HostWeight one{.host = host.host, .role = host.role, .trusted = host.trusted};
    one.rate =
        silent.shape / (static_cast<double>(std::max<std::size_t>(1, host.trusted)) + silent.shape / silent.fleet_rate);
    one.variance = 1 / silent.shape;
    silent.hosts.push_back(std::move(one));
  }
  return silent;
}

SequentialSettings of_one_message(SequentialSettings settings) {
  settings.excess_fail = std::min(settings.excess_fail, kSignatureExcess);
  // Two canaries that share a new message have been chosen for that: they do not bear each other out once more.
  settings.fail_odds_even_pair = settings.fail_odds_calm_pair;
  settings.even_pair_ease = 1;
  settings.calm_errors = 0;  // a message is looked at because it was seen: that it was never seen before is no evidence
  return settings;
}

/// As if settle lasted until what a restart logs is over.
SequentialSettings after_tail(SequentialSettings settings) {
  const auto left = std::max(settings.horizon - settings.settle, std::chrono::seconds{0});
  settings.settle += std::min(kRestartTail, left / 2);
  return settings;
}

}  // namespace

SignatureJudge::SignatureJudge(SequentialSettings settings, const HostWeights& weights, std::set<std::string> history)
    : settings_(of_one_message(settings)),
      silent_(silent(weights, settings_)),
      history_(std::move(history)),
      silence_(settings_, silent_, hosts_of(silent_, Role::canary), hosts_of(silent_, Role::control)),
      late_silence_(after_tail(settings_), silent_, hosts_of(silent_, Role::canary), hosts_of(silent_, Role::control)),
      tail_end_(static_cast<std::size_t>(std::max<std::int64_t>(0, after_tail(settings_).settle.count()))) {}

bool SignatureJudge::is_pending(const Candidate& candidate) {
  return candidate.early && !candidate.fails && candidate.counts.evidence_seconds() < kDecisionSeconds;
}

/// Controls first: what one shows in the same second is not new.
void SignatureJudge::learn(std::span<const SignatureCount> signatures) {
  const auto by = [&](const SignatureCount& at, Role role) {
    return at.host < silent_.hosts.size() && silent_.hosts[at.host].role == role && at.count > 0;
  };
  for (const SignatureCount& at : signatures) {
    if (!by(at, Role::control)) continue;
    candidates_.erase(at.id);
    known_.insert(at.id);
  }
  for (const SignatureCount& at : signatures) {
    if (!by(at, Role::canary) || known_.contains(at.id) || history_.contains(at.id)) continue;
    auto found = candidates_.find(at.id);
    if (found == candidates_.end()) {
      if (candidates_.size() == kSignaturesJudged || known_.size() > kSignaturesKnown) continue;
      const bool early = seconds_ < tail_end_;
      found = candidates_.emplace(at.id, Candidate{.counts = early ? late_silence_ : silence_, .by_canary = {}}).first;
      found->second.early = early;
      ++tried_;
    }
    found->second.by_canary[at.host] += at.count;
  }
}

void SignatureJudge::judge(Candidate& candidate, std::span<const Counts> counts) const {
  candidate.counts.add_second(counts);
  if (candidate.counts.treated_errors(1) > 0) ++candidate.seconds_seen;
  RuleState state;
  const double needs = std::log(settings_.fail_odds) + std::log(static_cast<double>(std::max<std::size_t>(1, tried_)));
  SequentialRule(settings_, silent_, candidate.counts).ask_fail(state, needs);
  candidate.fail_seconds = state.fail_holds ? candidate.fail_seconds + 1 : 0;
  candidate.fails = candidate.fails ||
                    (candidate.by_canary.size() >= kCanariesMin && candidate.seconds_seen >= kSignatureSeconds &&
                     candidate.fail_seconds > 0 && std::chrono::seconds{candidate.fail_seconds} >= settings_.min_fail);
}

void SignatureJudge::add_second(std::span<const Counts> second, std::span<const SignatureCount> signatures) {
  learn(signatures);
  std::vector<Counts> quiet(second.begin(), second.end());
  for (Counts& counts : quiet) counts = {.seen = counts.seen};
  for (auto& [id, candidate] : candidates_) {
    std::vector<Counts> counts = quiet;
    for (const SignatureCount& at : signatures) {
      if (at.host < counts.size() && at.id == id) counts[at.host].errors += at.count;
    }
    judge(candidate, counts);
  }
  silence_.add_second(quiet);
  late_silence_.add_second(quiet);
  ++seconds_;
}

std::vector<NewSignature> SignatureJudge::found() const {
  std::vector<NewSignature> found;
  for (const auto& [id, candidate] : candidates_) {
    if (candidate.by_canary.size() < kCanariesMin) continue;
    NewSignature signature{.id = id,
                           .sample = {},
                           .count = 0,
                           .hosts = static_cast<std::uint32_t>(candidate.by_canary.size()),
                           .fails = candidate.fails,
                           .pending = is_pending(candidate)};
    for (const auto& [host, count] : candidate.by_canary) signature.count += count;
    found.push_back(std::move(signature));
  }
  std::stable_sort(found.begin(), found.end(), [](const NewSignature& a, const NewSignature& b) {
    return a.fails != b.fails ? a.fails : a.count > b.count;
  });
  return found;
}

bool SignatureJudge::fails() const {
  return std::any_of(candidates_.begin(), candidates_.end(), [](const auto& at) { return at.second.fails; });
}

}  // namespace serin::judge
