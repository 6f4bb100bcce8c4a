#include "controller/judge/sequential_judge.h"

#include <algorithm>
#include <cmath>

#include "controller/judge/verdict_text.h"

namespace serin::judge {

namespace {

std::vector<std::size_t> hosts_of(const HostWeights& weights, Role role) {
  std::vector<std::size_t> hosts;
  for (std::size_t i = 0; i < weights.hosts.size(); ++i) {
    if (weights.hosts[i].role == role) hosts.push_back(i);
  }
  return hosts;
}

}  // namespace

SequentialJudge::SequentialJudge(SequentialSettings settings, const Baseline& baseline)
    : SequentialJudge(settings, weigh_hosts(baseline, settings)) {}

SequentialJudge::SequentialJudge(SequentialSettings settings, HostWeights weights)
    : settings_(settings),
      weights_(std::move(weights)),
      counts_(settings_, weights_, hosts_of(weights_, Role::canary), hosts_of(weights_, Role::control)) {
  verdict_.judge = "sequential";
  verdict_.reason = "waiting";
}

bool SequentialJudge::canary_lacks_baseline() const {
  for (const HostWeight& host : weights_.hosts) {
    if (host.role == Role::canary && std::chrono::seconds{host.trusted} < settings_.baseline_min) return true;
  }
  return false;
}

/// Then the hosts' usual rates are not even guessed at, and nothing can be worse than they.
bool SequentialJudge::no_baseline_at_all() const {
  for (const HostWeight& host : weights_.hosts) {
    if (host.trusted > 0) return false;
  }
  return true;
}

Answer SequentialJudge::answer() const {
  const auto fails = [](const NewSignature& signature) { return signature.fails; };
  if (std::any_of(signatures_.begin(), signatures_.end(), fails)) return Answer::fail;
  if (state_.fail_holds && fail_seconds_ >= state_.fail_needs_seconds) return Answer::fail;
  const auto pending = [](const NewSignature& signature) { return signature.pending; };
  const bool may_pass = std::none_of(signatures_.begin(), signatures_.end(), pending);
  if (state_.pass_holds && may_pass && !canary_lacks_baseline()) return Answer::pass;
  return std::chrono::seconds{state_.seconds} >= settings_.horizon ? Answer::inconclusive : Answer::undecided;
}

void SequentialJudge::decide() {
  const Answer answer = this->answer();
  verdict_ = describe(settings_, weights_, counts_, state_, answer, canary_lacks_baseline(), signatures_);
}

const Verdict& SequentialJudge::add_second(std::span<const Counts> second) {
  if (verdict_.answer == Answer::pass || verdict_.answer == Answer::fail) return verdict_;
  counts_.add_second(second);
  state_ = {};
  const SequentialRule rule(settings_, weights_, counts_);
  rule.ask_fail(state_, std::log(settings_.fail_odds));
  state_.fail_holds = state_.fail_holds && !no_baseline_at_all();
  rule.ask_pass(state_);
  fail_seconds_ = state_.fail_holds ? fail_seconds_ + 1 : 0;
  if (verdict_.answer == Answer::undecided) decide();
  return verdict_;
}

void SequentialJudge::leave_controls(std::span<const std::size_t> hosts) {
  for (const std::size_t host : hosts) counts_.remove_control(host);
}

const Verdict& SequentialJudge::extend(std::chrono::seconds more) {
  settings_.horizon += more;
  if (verdict_.answer == Answer::inconclusive) decide();
  return verdict_;
}

void SequentialJudge::name_signatures(std::vector<NewSignature> signatures) {
  signatures_ = std::move(signatures);
}

}  // namespace serin::judge
