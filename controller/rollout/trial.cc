#include "controller/rollout/trial.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/controller_state.h"
#include "controller/evidence/agent_evidence.h"
#include "controller/judge/settings_by_name.h"
#include "controller/rollout/move.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::rollout {

namespace {

using controller::ActiveDeployment;
using controller::ControllerState;

/// A new batch is watched when so much of the plan has loaded since the last one; else when its stage has.
constexpr std::size_t kBatchShare = 4;

bool still_on_former(HostStep step) {
  switch (step) {
    case HostStep::waiting:
    case HostStep::staging:
    case HostStep::staged:
    case HostStep::unchanged:
    case HostStep::absent:
      return true;
    case HostStep::activating:
    case HostStep::loaded:
    case HostStep::taken_back:
    case HostStep::broken:
    case HostStep::overdue:
    case HostStep::returning:
    case HostStep::returned:
      return false;
  }
  return false;
}

std::string blind_text(const ControllerState& state, const HostName& host, const ApplicationName& application) {
  const fleet::Host* known = state.roster.find(host);
  if (known == nullptr) return {};
  const auto status = known->applications.find(application);
  return status == known->applications.end() ? std::string{} : status->second.blind;
}

}  // namespace

void Trial::set_aside(const HostName& host, judge::Role role, std::string why) {
  set_aside_.push_back({.host = host, .role = role, .why = std::move(why)});
}

Trial::Trial(const ControllerState& state, const ActiveDeployment& active) {
  const Rollout& rollout = active.rollout;
  judge::JudgeSettings chosen;
  for (const std::string& assignment : rollout.judge_settings) {
    // An older version's key that is none any more: the usual number is what is left.
    [[maybe_unused]] const auto set = judge::set_by_name(chosen, assignment);
  }
  auto& settings = chosen.sequential;
  horizon_ = std::chrono::ceil<std::chrono::seconds>(rollout.wait);
  settings.horizon = horizon_;
  settings.settle = rollout.settle;
  from_ = next_ = second_of(*rollout.soak_from);

  std::vector<std::string> hashes;
  std::vector<Member> candidates;
  for (std::size_t i = 0; i < rollout.hosts.size() && i < active.before.size(); ++i) {
    const PlanHost& host = rollout.hosts[i];
    const bool canary = rollout.stages[host.stage].judged;
    const judge::Role role = canary ? judge::Role::canary : judge::Role::control;
    if (canary && host.step != HostStep::loaded) {
      set_aside(host.host, role, "did not load the release");
      continue;
    }
    if (!canary && !evidence::has_trusted(active.before[i])) {
      set_aside(host.host, role, "no trusted second before the deployment");
      continue;
    }
    candidates.push_back({.index = i, .canary = canary, .rules_hash = active.before[i].rules_hash});
    hashes.push_back(candidates.back().rules_hash);
  }
  const std::string common = evidence::common_rules(hashes);
  judge::Baseline baseline;
  for (Member& member : candidates) {
    const HostName& host = rollout.hosts[member.index].host;
    if (member.rules_hash != common && !member.canary) {
      set_aside(host, judge::Role::control, "counts by other rules");
      continue;
    }
    if (member.rules_hash != common) rules_differ_.push_back(host);
    baseline.hosts.push_back(
        evidence::baseline_of(active.before[member.index], member.canary ? judge::Role::canary : judge::Role::control));
    members_.push_back(std::move(member));
  }
  baseline.requests_known = evidence::has_requests(active.before);
  judge_.emplace(settings, baseline);
  messages_.emplace(settings, judge_->weights(), state.messages.history(rollout.application, rollout.started_wall));
}

bool Trial::complete(const ControllerState& state, const ActiveDeployment& active, std::int64_t second, Now now) const {
  const auto& recovering_until = active.rollout.progress.recovering_until;
  const bool recovering = recovering_until && now.steady < *recovering_until;
  // Whoever lives is back by then; the rest is not waited for.
  const bool returning = recovering && now.steady < *recovering_until - kRecovery + kReturn;
  if (!recovering && start_of(second + 1) + kLate <= now.steady) return true;
  return std::all_of(members_.begin(), members_.end(), [&](const Member& member) {
    const PlanHost& host = active.rollout.hosts[member.index];
    if (state.ledger.at(host.host, active.rollout.application, second).reported) return true;
    if (!host.connected) return !returning;
    // After a restart hosts bring what they counted meanwhile, the oldest first: what is behind that is a hole.
    return recovering && state.ledger.newest(host.host, active.rollout.application) > second + kLate.count();
  });
}

std::vector<judge::Counts> Trial::counts_of(const ControllerState& state, const ActiveDeployment& active,
                                            std::int64_t second) const {
  std::vector<judge::Counts> counts;
  counts.reserve(members_.size());
  for (const Member& member : members_) {
    counts.push_back(evidence::counts_at(state, active.rollout.application, active.rollout.hosts[member.index].host,
                                         member.rules_hash, second));
  }
  return counts;
}

/// Of canaries only where the second counts; what a control shows is known in any case.
std::vector<judge::SignatureCount> Trial::messages_of(const ControllerState& state, const ActiveDeployment& active,
                                                      std::int64_t second,
                                                      const std::vector<judge::Counts>& counts) const {
  std::vector<judge::SignatureCount> found;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].canary && !counts[i].seen) continue;
    const HostName& host = active.rollout.hosts[members_[i].index].host;
    for (const SignatureCount& counted : state.ledger.signatures(host, active.rollout.application, second)) {
      found.push_back({.second = second, .host = i, .id = fleet::id_text(counted.id), .count = counted.count});
    }
  }
  return found;
}

void Trial::open_windows(const Rollout& rollout, std::int64_t second) {
  std::vector<std::size_t> leaving;
  std::vector<std::size_t> loaded;
  std::vector<std::size_t> pending(rollout.stages.size());
  std::uint32_t newest_stage = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    const PlanHost& host = rollout.hosts[member.index];
    if (member.canary) continue;
    const bool has_loaded = host.loaded_at && second_of(*host.loaded_at) <= second;
    if (!has_loaded) ++pending[host.stage];
    if (!member.left && !still_on_former(host.step) && second_of(host.ordered_at) <= second) {
      member.left = true;
      leaving.push_back(i);
    }
    if (has_loaded && member.left && !member.in_cohort && host.step == HostStep::loaded) {
      loaded.push_back(i);
      newest_stage = std::max(newest_stage, host.stage);
    }
  }
  if (!leaving.empty()) watch_->leave_controls(leaving);
  if (loaded.empty()) return;
  if (pending[newest_stage] > 0 && loaded.size() * kBatchShare < rollout.hosts.size()) return;
  for (const std::size_t i : loaded) members_[i].in_cohort = true;
  watch_->open_window(rollout.stages[newest_stage].name, loaded);
}

void Trial::watch(const Rollout& rollout, std::int64_t second, const std::vector<judge::Counts>& counts) {
  if (!watch_) {
    auto settings = judge_->settings();
    watch_.emplace(settings, judge_->weights(), judge::planned_tests(rollout.stages.size() - 1 + kBatchShare));
    std::vector<std::size_t> canaries;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (members_[i].canary) canaries.push_back(i);
    }
    watch_->open_window("canaries", canaries);
  }
  open_windows(rollout, second);
  if (watch_->watching()) watch_->add_second(counts);
}

void Trial::feed(const ControllerState& state, const ActiveDeployment& active, std::int64_t second) {
  const Rollout& rollout = active.rollout;
  const auto counts = counts_of(state, active, second);
  // After a long while, what a verdict rested on is in the database alone: the verdict is what stands.
  const bool passed = rollout.verdict && rollout.verdict->answer == judge::Answer::pass &&
                      second - from_ >= static_cast<std::int64_t>(rollout.verdict->seconds);
  const bool went_on = passed || (rollout.forced_on && rollout.phase_since <= start_of(second));
  if (watch_ || judge_->verdict().answer == judge::Answer::pass || went_on) {
    watch(rollout, second, counts);
    return;
  }
  messages_->add_second(counts, messages_of(state, active, second, counts));
  auto found = messages_->found();
  for (judge::NewSignature& message : found) {
    const auto id = fleet::id_of_text(message.id);
    const fleet::KnownMessage* known = id ? state.messages.find(rollout.application, *id) : nullptr;
    if (known != nullptr) message.sample = known->text.empty() ? known->rule : known->text;
  }
  judge_->name_signatures(std::move(found));
  judge_->add_second(counts);
  // A person was asked, and has not answered yet: what the judge sees meanwhile still counts.
  const auto elapsed = std::chrono::seconds{second + 1 - from_};
  if (rollout.phase == Phase::held && judge_->verdict().answer == judge::Answer::inconclusive) {
    judge_->extend(elapsed + std::chrono::seconds{1} - judge_->settings().horizon);
  }
}

judge::Verdict Trial::with_gaps(judge::Verdict verdict, const ControllerState& state,
                                const ActiveDeployment& active) const {
  if (verdict.answer != judge::Answer::inconclusive) return verdict;
  const ApplicationName& application = active.rollout.application;
  for (const Member& member : members_) {
    if (!member.canary) continue;
    const HostName& host = active.rollout.hosts[member.index].host;
    std::string why = state.ledger.gap(host, application, from_, next_);
    if (why.empty()) why = blind_text(state, host, application);
    if (why.empty()) continue;
    verdict.reason = "gap";
    verdict.text = fmt::format(
        "cannot tell: {} did not see all of its log: {}; see to the log on the host, until then it "
        "is blind",
        host, printable(why, 200));
    return verdict;
  }
  return verdict;
}

judge::Verdict Trial::advance(const ControllerState& state, const ActiveDeployment& active, Now now) {
  const Rollout& rollout = active.rollout;
  if (!rules_differ_.empty()) {
    judge::Verdict verdict = judge_->verdict();
    verdict.answer = judge::Answer::inconclusive;
    verdict.reason = "rules-differ";
    verdict.text = fmt::format(
        "cannot tell: {} count errors by other rules than the rest of the fleet; give all hosts of "
        "{} the same rules and the same serin-agent",
        names_text(rules_differ_), rollout.application);
    return verdict;
  }
  if (const auto horizon = std::chrono::ceil<std::chrono::seconds>(rollout.wait); horizon > horizon_) {
    judge_->extend(horizon - horizon_);
    horizon_ = horizon;
  }
  // Older seconds have left the ledger: nobody knows them any more.
  next_ = std::max(next_, second_of(now.steady) - limits::kLedgerFine.count());
  while (start_of(next_ + 1) <= now.steady && complete(state, active, next_, now)) {
    feed(state, active, next_);
    ++next_;
  }
  const bool watch_fails = watch_ && watch_->verdict().answer == judge::Answer::fail;
  judge::Verdict verdict = watch_fails ? watch_->verdict() : with_gaps(judge_->verdict(), state, active);
  if (verdict.numbers) {
    verdict.numbers->set_aside.insert(verdict.numbers->set_aside.end(), set_aside_.begin(), set_aside_.end());
  }
  return verdict;
}

}  // namespace serin::rollout
