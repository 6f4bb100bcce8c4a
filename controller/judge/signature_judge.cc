#include "controller/judge/signature_judge.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

void take_out(std::map<std::size_t, std::uint64_t>& by_host, std::size_t host, std::uint64_t count) {
  auto& left = by_host[host];
  left -= count;
  if (left == 0) by_host.erase(host);
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

bool SignatureJudge::is_full() const {
  return known_.size() > kSignaturesKnown || of_canaries_.size() > kSignaturesKnown;
}

bool SignatureJudge::is_by(const SignatureCount& at, Role role) const {
  return at.host < silent_.hosts.size() && silent_.hosts[at.host].role == role && at.count > 0;
}

SignatureJudge::Candidate SignatureJudge::new_candidate() {
  const bool early = seconds_ < tail_end_;
  Candidate made{.counts = early ? late_silence_ : silence_, .by_canary = {}};
  made.early = early;
  ++tried_;
  return made;
}

/// Controls first: what one shows in the same second is not new.
void SignatureJudge::learn(std::span<const SignatureCount> signatures) {
  for (const SignatureCount& at : signatures) {
    if (!is_by(at, Role::control)) continue;
    candidates_.erase(at.id);
    if (const auto other = others_.find(at.id); other != others_.end()) {
      for (const auto& [host, count] : other->second) take_out(together_->by_canary, host, count);
      others_.erase(other);
    }
    if (!is_full()) known_.insert(at.id);
  }
  for (const SignatureCount& at : signatures) {
    if (is_by(at, Role::canary) && !known_.contains(at.id) && !history_.contains(at.id)) learn_canary(at);
  }
}

void SignatureJudge::learn_canary(const SignatureCount& at) {
  if (const auto known = candidates_.find(at.id); known != candidates_.end()) {
    known->second.by_canary[at.host] += at.count;
    return;
  }
  if (is_full()) return;
  of_canaries_.insert(at.id);
  if (candidates_.size() < kSignaturesJudged && !others_.contains(at.id)) {
    candidates_.emplace(at.id, new_candidate()).first->second.by_canary[at.host] += at.count;
    return;
  }
  if (!together_) together_ = new_candidate();
  together_->by_canary[at.host] += at.count;
  others_[at.id][at.host] += at.count;
}

/// Errors of this message that are judged with the others; those of either side that the other side shows are not.
std::uint64_t SignatureJudge::beyond(const SignatureCount& at) const {
  if (is_by(at, Role::canary)) return others_.contains(at.id) ? at.count : 0;
  return is_by(at, Role::control) && !history_.contains(at.id) && !of_canaries_.contains(at.id) ? at.count : 0;
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
  // Which of very many are new is not known any more.
  if (together_ && !is_full()) {
    std::vector<Counts> counts = quiet;
    for (const SignatureCount& at : signatures) {
      if (at.host < counts.size()) counts[at.host].errors += beyond(at);
    }
    judge(*together_, counts);
  }
  silence_.add_second(quiet);
  late_silence_.add_second(quiet);
  ++seconds_;
}

NewSignature SignatureJudge::described(std::string id, const Candidate& candidate) {
  NewSignature signature{.id = std::move(id),
                         .sample = {},
                         .count = 0,
                         .hosts = static_cast<std::uint32_t>(candidate.by_canary.size()),
                         .fails = candidate.fails,
                         .pending = is_pending(candidate)};
  for (const auto& [host, count] : candidate.by_canary) signature.count += count;
  return signature;
}

std::vector<NewSignature> SignatureJudge::found() const {
  std::vector<NewSignature> found;
  for (const auto& [id, candidate] : candidates_) {
    if (candidate.by_canary.size() >= kCanariesMin) found.push_back(described(id, candidate));
  }
  if (!others_.empty() || is_full()) {
    found.push_back(
        described(std::string(kOtherSignatures), together_.value_or(Candidate{.counts = silence_, .by_canary = {}})));
    found.back().together = static_cast<std::uint32_t>(others_.size());
    if (is_full()) found.back().sample = "too many different messages: new ones are not told apart any more";
  }
  std::stable_sort(found.begin(), found.end(), [](const NewSignature& a, const NewSignature& b) {
    return a.fails != b.fails ? a.fails : a.count > b.count;
  });
  return found;
}

bool SignatureJudge::fails() const {
  return (together_ && together_->fails) ||
         std::any_of(candidates_.begin(), candidates_.end(), [](const auto& at) { return at.second.fails; });
}

}  // namespace serin::judge
