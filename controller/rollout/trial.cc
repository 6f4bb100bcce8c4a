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

}  // namespace

void Trial::set_aside(const HostName& host, judge::Role role, std::string why) {
  set_aside_.push_back({.host = host, .role = role, .why = std::move(why)});
}

Trial::Trial(const evidence::Source& source, const ControllerState& state, const ActiveDeployment& active,
             const Terms& terms) {
  const Rollout& rollout = active.rollout;
  judge::JudgeSettings chosen;
  for (const std::string& assignment : terms.settings) {
    // An older version's key that is none any more: the usual number is what is left.
    [[maybe_unused]] const auto set = judge::set_by_name(chosen, assignment);
  }
  auto& settings = chosen.sequential;
  horizon_ = std::chrono::ceil<std::chrono::seconds>(terms.wait);
  settings.horizon = horizon_;
  settings.settle = rollout.settle;
  from_ = next_ = second_of(*rollout.soak_from);

  std::vector<std::string> hashes;
  std::vector<Member> candidates;
  for (std::size_t i = 0; i < rollout.hosts.size(); ++i) {
    const PlanHost& host = rollout.hosts[i];
    const fleet::HostSeconds& before = source.steps_before(i);
    if (before.host.empty()) continue;  // it was not asked about
    const bool canary = rollout.stages[host.stage].judged;
    const judge::Role role = canary ? judge::Role::canary : judge::Role::control;
    if (canary && host.step != HostStep::loaded) {
      set_aside(host.host, role, "did not load the release");
      continue;
    }
    if (!canary && !evidence::has_trusted(before)) {
      set_aside(host.host, role, "no trusted second before the deployment");
      continue;
    }
    candidates.push_back({.index = i, .canary = canary, .rules_hash = before.rules_hash});
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
    const fleet::HostSeconds& before = source.steps_before(member.index);
    baseline.hosts.push_back(evidence::baseline_of(before, member.canary ? judge::Role::canary : judge::Role::control));
    baseline.requests_known = baseline.requests_known || evidence::has_requests(before);
    hosts_.push_back(member.index);
    members_.push_back(std::move(member));
  }
  baseline.lines_known = source.knows_lines();
  judge_.emplace(settings, baseline);
  messages_.emplace(settings, judge_->weights(), state.messages.history(rollout.application, rollout.started_wall));
}

std::vector<judge::Counts> Trial::counts_of(const evidence::Source& source, std::int64_t second) const {
  std::vector<judge::Counts> counts;
  counts.reserve(members_.size());
  for (const Member& member : members_) counts.push_back(source.at(member.index, second));
  return counts;
}

/// Of canaries only where the second counts; what a control shows is known in any case.
std::vector<judge::SignatureCount> Trial::messages_of(const evidence::Source& source, std::int64_t second,
                                                      const std::vector<judge::Counts>& counts) const {
  std::vector<judge::SignatureCount> found;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].canary && !counts[i].seen) continue;
    for (const SignatureCount& counted : source.messages(members_[i].index, second)) {
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

void Trial::feed(const evidence::Source& source, const ControllerState& state, const Rollout& rollout,
                 std::int64_t second) {
  const auto counts = counts_of(source, second);
  // After a long while, what a verdict rested on is in the database alone: the verdict is what stands.
  const bool passed = rollout.verdict && rollout.verdict->answer == judge::Answer::pass &&
                      second - from_ >= static_cast<std::int64_t>(rollout.verdict->seconds);
  const bool went_on = passed || (rollout.forced_on && rollout.phase_since <= start_of(second));
  if (watch_ || judge_->verdict().answer == judge::Answer::pass || went_on) {
    watch(rollout, second, counts);
    return;
  }
  messages_->add_second(counts, messages_of(source, second, counts));
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

judge::Verdict Trial::with_gaps(judge::Verdict verdict, const evidence::Source& source, const Rollout& rollout) const {
  if (verdict.answer != judge::Answer::inconclusive) return verdict;
  if (const auto trouble = source.unknown()) {
    verdict.reason = trouble->reason;
    verdict.text = "cannot tell: " + printable(trouble->text, 600);
    return verdict;
  }
  for (const Member& member : members_) {
    if (!member.canary) continue;
    const auto why = source.unknown(member.index, from_, next_);
    if (!why) continue;
    verdict.reason = why->reason;
    const HostName& host = rollout.hosts[member.index].host;
    verdict.text = why->reason == "gap"
                       ? fmt::format(
                             "cannot tell: {} did not see all of its log: {}; see to the log on the host, until "
                             "then it is blind",
                             host, printable(why->text, 200))
                       : fmt::format("cannot tell: {} {}", host, printable(why->text, 400));
    return verdict;
  }
  return verdict;
}

judge::Verdict Trial::advance(const evidence::Source& source, const ControllerState& state,
                              const ActiveDeployment& active, Duration wait, Now now) {
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
  if (const auto horizon = std::chrono::ceil<std::chrono::seconds>(wait); horizon > horizon_) {
    judge_->extend(horizon - horizon_);
    horizon_ = horizon;
  }
  // Older seconds have left the ledger: nobody knows them any more.
  next_ = std::max(next_, second_of(now.steady) - limits::kLedgerFine.count());
  const std::int64_t until = evidence::watermark(source, hosts_, next_, second_of(now.steady));
  for (; next_ < until; ++next_) feed(source, state, rollout, next_);
  const bool watch_fails = watch_ && watch_->verdict().answer == judge::Answer::fail;
  judge::Verdict verdict = watch_fails ? watch_->verdict() : with_gaps(judge_->verdict(), source, rollout);
  if (verdict.numbers) {
    verdict.numbers->set_aside.insert(verdict.numbers->set_aside.end(), set_aside_.begin(), set_aside_.end());
  }
  return verdict;
}

}  // namespace serin::rollout
