// The way back: every host that was touched returns to its former release, all at once. Speed counts more than load.
#include <fmt/format.h>

#include "controller/rollout/move.h"
#include "protocol/text.h"

namespace serin::rollout {

namespace {

bool runs_former(const PlanHost& host, const Outcome& outcome) {
  return outcome.live_release == (host.former == kAdopted ? 0 : host.former);
}

}  // namespace

bool Move::takes_back(const PlanHost& host) const {
  return r_.phase == Phase::going_back && host.former != 0 && host.ordered == OrderAction::activate;
}

void Move::go_back(std::string reason, Ending ending) {
  enter(Phase::going_back);
  r_.reason = std::move(reason);
  r_.ending = ending;
  std::vector<HostName> returning;
  std::vector<HostName> staying;
  const auto hosts_before = effects_.size();
  for (const auto& of_stage : r_.progress.of_stage) {
    for (const std::size_t index : of_stage) {
      const PlanHost& host = r_.hosts[index];
      switch (host.step) {
        case HostStep::loaded:
        case HostStep::activating:
        case HostStep::overdue:
        case HostStep::broken:
          if (host.former == 0) {
            staying.push_back(host.host);
            break;
          }
          returning.push_back(host.host);
          set_step(index, HostStep::returning);
          order(index, OrderAction::activate);
          break;
        case HostStep::staging:
        case HostStep::staged:
          // Nobody waits for this: a slot that stays is reused by the next release.
          set_step(index, HostStep::waiting);
          order(index, OrderAction::discard);
          break;
        case HostStep::waiting:
        case HostStep::unchanged:
        case HostStep::taken_back:
        case HostStep::returning:
        case HostStep::returned:
        case HostStep::absent:
          break;
      }
    }
  }
  // The reason stands before the orders that follow from it.
  std::vector<Effect> words;
  const bool just_told = r_.verdict && r_.verdict->text == r_.reason;
  if (!just_told) words.emplace_back(TellOperator{fmt::format("going back: {}", r_.reason)});
  if (!returning.empty()) {
    words.emplace_back(TellOperator{fmt::format("{} return{} to the former release: {}", returning.size(),
                                                returning.size() == 1 ? "s" : "", names_text(returning))});
  }
  if (!staying.empty()) {
    words.emplace_back(TellOperator{fmt::format("nothing to go back to, stays as it is: {}", names_text(staying))});
  }
  effects_.insert(effects_.begin() + static_cast<std::ptrdiff_t>(hosts_before), words.begin(), words.end());
  settle_going_back();
}

void Move::settle_going_back() {
  if (r_.phase != Phase::going_back) return;
  for (std::uint32_t stage = 0; stage < r_.stages.size(); ++stage) {
    if (count(stage, HostStep::returning) + count(stage, HostStep::activating) > 0) return;
  }
  finish(r_.ending);
}

void Move::returned_outcome(std::size_t index, const Outcome& outcome) {
  PlanHost& host = r_.hosts[index];
  switch (outcome.result) {
    case StepResult::loaded:
      host.detail.clear();
      set_step(index, HostStep::returned);
      tell(fmt::format("{} is back on {}", host.host, former_text(host.former)));
      break;
    case StepResult::unchanged:
    case StepResult::taken_back:
      // An order that changed nothing leaves what is live: that is the former release when the host had gone back by
      // itself before, and the failed one otherwise.
      if (runs_former(host, outcome)) {
        host.detail = failure_text(outcome);
        set_step(index, HostStep::returned);
        tell(fmt::format("{} is back on {}, though: {}", host.host, former_text(host.former), host.detail));
      } else {
        fail(index, HostStep::broken, "could not go back: " + failure_text(outcome));
      }
      break;
    case StepResult::broken:
    case StepResult::unknown:
      fail(index, HostStep::broken, "could not go back: " + failure_text(outcome));
      break;
    case StepResult::staged:
    case StepResult::discarded:
      break;  // no answer to an activate order
  }
}

void Move::check_returning() {
  for (const auto& of_stage : r_.progress.of_stage) {
    for (const std::size_t index : of_stage) {
      const PlanHost& host = r_.hosts[index];
      if (host.step != HostStep::returning && host.step != HostStep::activating) continue;
      if (now_.steady - host.ordered_at < r_.step_deadline || (recovering() && !host.connected)) continue;
      fail(index, HostStep::overdue,
           fmt::format("{} within {}", host.connected ? "has not gone back" : "is away and has not gone back",
                       duration_text(r_.step_deadline)));
    }
  }
}

}  // namespace serin::rollout
