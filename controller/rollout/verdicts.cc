// What a judge's answer leads to, and the hold: frozen until an operator decides or its limit is reached.
#include <fmt/format.h>

#include <algorithm>

#include "controller/rollout/move.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::rollout {

namespace {

constexpr std::string_view kMassLoss = "mass-loss";

}  // namespace

bool Move::frozen() const {
  return r_.phase == Phase::held && r_.reason.starts_with(kMassLoss);
}

void Move::on(const JudgeAnswered& event) {
  if (r_.unchecked() || r_.first_release || !r_.soak_from) return;
  const judge::Verdict& verdict = event.verdict;
  const bool open = r_.phase == Phase::soaking || r_.phase == Phase::rolling || (r_.phase == Phase::held && !frozen());
  switch (verdict.answer) {
    case judge::Answer::undecided:
      break;
    case judge::Answer::fail:
      // Also while held, and while the later stages roll: what the judge saw does not become better by going on.
      if (!open) break;
      r_.verdict = verdict;
      tell(fmt::format("verdict fail ({}): {}", verdict.reason, verdict.text));
      go_back(verdict.text, Ending::taken_back);
      break;
    case judge::Answer::pass:
      if (r_.phase != Phase::soaking) break;
      r_.verdict = verdict;
      deployment_changed_ = true;
      tell(fmt::format("verdict pass ({}): {}", verdict.reason, verdict.text));
      advance_stage();
      settle();
      break;
    case judge::Answer::inconclusive:
      if (r_.phase == Phase::soaking) judged_inconclusive(verdict);
      break;
  }
}

std::vector<std::size_t> Move::canaries_quiet_for(Duration silence) const {
  std::vector<std::size_t> quiet;
  for (const std::size_t index : r_.progress.of_stage[r_.stage]) {
    const PlanHost& host = r_.hosts[index];
    if (host.step != HostStep::loaded) continue;
    if (!host.connected || now_.steady - r_.progress.heard_at[index] > silence) quiet.push_back(index);
  }
  return quiet;
}

/// More seconds help where there is evidence, only not enough of it.
bool Move::can_extend(const judge::Verdict& verdict) const {
  return r_.on_inconclusive == controller::OnInconclusive::extend && !r_.extended &&
         r_.judge == controller::JudgeKind::sequential && verdict.reason != "rules-differ" &&
         verdict.reason != "no-baseline" && verdict.reason != "gap" && verdict.reason != "no-match" &&
         verdict.reason != "emptied" && verdict.reason != "clock";
}

void Move::judged_inconclusive(const judge::Verdict& verdict) {
  // The hosts are still coming back, each with the counts of the last two minutes: the judge will know more.
  if (recovering()) return;
  std::vector<HostName> lost;
  for (const std::size_t index : canaries_quiet_for(Duration::max())) lost.push_back(r_.hosts[index].host);
  // One that has only just fallen silent may be lost or not: its lease decides, or its next word.
  const bool may_return = now_.steady - *r_.soak_from < r_.wait + limits::kLease + kSilentAfter;
  if (lost.empty() && may_return && !canaries_quiet_for(kSilentAfter).empty()) return;

  if (lost.empty() && can_extend(verdict)) {
    r_.extended = true;
    r_.wait += r_.extend;
    deployment_changed_ = true;
    tell(fmt::format("cannot tell yet ({}): {}; the judge looks on for {}", verdict.reason, verdict.text,
                     duration_text(r_.extend)));
    return;
  }
  r_.verdict = verdict;
  deployment_changed_ = true;
  tell(fmt::format("verdict inconclusive ({}): {}", verdict.reason, verdict.text));
  if (!lost.empty()) {
    std::string reason = fmt::format("canary-lost: {} loaded r{} and fell silent", names_text(lost), r_.release);
    if (r_.on_canary_lost == controller::OnCanaryLost::fail) {
      go_back(std::move(reason), Ending::taken_back);
    } else {
      hold(std::move(reason));
    }
    return;
  }
  std::string reason = fmt::format("inconclusive ({}): {}", verdict.reason, verdict.text);
  if (r_.on_inconclusive == controller::OnInconclusive::abort) {
    go_back(std::move(reason), Ending::taken_back);
  } else {
    hold(std::move(reason));
  }
}

void Move::hold(std::string reason) {
  enter(Phase::held);
  r_.reason = std::move(reason);
  r_.progress.losses.clear();
  const bool ends = r_.on_hold_end == controller::OnHoldEnd::abort;
  tell(fmt::format("held: {}; `serin continue` goes on, `serin abort` takes it back{}", r_.reason,
                   ends ? fmt::format(", which happens by itself in {}", duration_text(r_.hold_limit)) : ""));
}

void Move::on(const ContinueAsked& event) {
  if (r_.phase != Phase::held) {
    tell(fmt::format("nothing to continue: the deployment is not held, it is {}", name_of(r_.phase)));
    return;
  }
  tell(fmt::format("continued by {}", event.by));
  if (frozen()) {
    thaw(event.by);
  } else {
    r_.forced_on = true;
    r_.reason = fmt::format("continued by {}, it was held because: {}", event.by, r_.reason);
    deployment_changed_ = true;
    advance_stage();
  }
  settle();
}

/// Goes on where the mass loss stopped it: nothing is skipped, a verdict that was due is still due.
void Move::thaw(const std::string& by) {
  r_.reason = fmt::format("continued by {} after: {}", by, r_.reason);
  const bool soaks = r_.stages[r_.stage].judged && r_.soak_from;
  enter(soaks ? Phase::soaking : Phase::rolling);
  if (soaks) return;
  for (const std::size_t index : r_.progress.of_stage[r_.stage]) {
    PlanHost& host = r_.hosts[index];
    if (host.step != HostStep::staging && host.step != HostStep::activating) continue;
    host.ordered_at = now_.steady;  // no deadline ran while it was frozen
    changed_hosts_.push_back(index);
  }
  order_waiting();
}

}  // namespace serin::rollout
