// The way forward: stage by stage, each host staged as soon as it is there, and switched as max_in_flight lets it.
// While the canaries soak, the stages after them stage ahead.
#include <fmt/format.h>

#include <algorithm>

#include "controller/rollout/move.h"
#include "protocol/text.h"

namespace serin::rollout {

namespace {

std::string hosts_text(std::size_t count) {
  return fmt::format("{} host{}", count, count == 1 ? "" : "s");
}

/// Of those that failed: what each said.
std::string failures_text(const Rollout& rollout, const std::vector<std::size_t>& indexes) {
  constexpr std::size_t kShown = 3;
  std::string text;
  std::size_t failed = 0;
  for (const std::size_t index : indexes) {
    const PlanHost& host = rollout.hosts[index];
    const bool good = host.step == HostStep::loaded || host.step == HostStep::waiting ||
                      host.step == HostStep::staging || host.step == HostStep::staged ||
                      host.step == HostStep::activating;
    if (good || ++failed > kShown) continue;
    text += (text.empty() ? "" : ", ") + host_text(host);
  }
  if (failed > kShown) text += fmt::format(" and {} more", failed - kShown);
  return text;
}

}  // namespace

std::size_t Move::count(std::uint32_t stage, HostStep step) const {
  return r_.progress.step_count[stage][static_cast<std::size_t>(step)];
}

std::size_t Move::pending() const {
  return count(r_.stage, HostStep::waiting) + count(r_.stage, HostStep::staging) + count(r_.stage, HostStep::staged) +
         count(r_.stage, HostStep::activating);
}

std::size_t Move::canaries_needed() const {
  const std::size_t all = r_.progress.of_stage[r_.stage].size();
  return r_.min_canaries == 0 ? all : std::min<std::size_t>(all, r_.min_canaries);
}

void Move::begin_stage() {
  const Stage& stage = r_.stages[r_.stage];
  enter(Phase::rolling);
  r_.progress.ready.clear();
  if (stage.judged) {
    r_.soak_from.reset();
    r_.verdict.reset();
  }
  tell(fmt::format("stage {}: {}{}", stage.name, hosts_text(r_.progress.of_stage[r_.stage].size()),
                   r_.force ? ", forced: everyone at once, no checks" : ""));
  if (holds_back()) {
    tell(fmt::format(
        "stage {}: staged, and held back for {} as the judge's controls", stage.name,
        duration_text(std::chrono::ceil<std::chrono::seconds>(*r_.soak_from + r_.hold_back_until - now_.steady))));
  }
  order_waiting();
  std::vector<HostName> absent;
  for (const std::size_t index : r_.progress.of_stage[r_.stage]) {
    if (r_.hosts[index].step == HostStep::absent) absent.push_back(r_.hosts[index].host);
  }
  if (!absent.empty()) tell(fmt::format("not there, left out, to catch up later: {}", names_text(absent)));
}

void Move::order_waiting() {
  for (const std::size_t index : r_.progress.of_stage[r_.stage]) {
    const PlanHost& host = r_.hosts[index];
    if (host.connected) {
      host_came(index);
    } else if (host.step == HostStep::waiting && !recovering()) {
      set_step(index, HostStep::absent);
    }
  }
}

void Move::host_came(std::size_t index) {
  const PlanHost& host = r_.hosts[index];
  if (r_.phase == Phase::soaking) {
    prefetch_host(index);
    return prefetch_more();
  }
  if (r_.phase != Phase::rolling || host.stage != r_.stage) return;
  if (host.step == HostStep::waiting || host.step == HostStep::absent) {
    if (r_.unchecked()) {
      set_step(index, HostStep::activating);
      order(index, OrderAction::activate);
    } else {
      set_step(index, HostStep::staging);
      order(index, OrderAction::stage);
    }
  } else if (host.step == HostStep::staged) {
    r_.progress.ready.push_back(index);
  } else if (host.step == HostStep::staging && host.ordered == OrderAction::prefetch) {
    order(index, OrderAction::stage);  // there is no time any more
  }
}

/// Its turn to switch has not come.
bool Move::stages_ahead(const PlanHost& host) const {
  return host.stage > r_.stage;
}

/// Begins the next stage's staging when the one before has come to its end: proxies first, so that the others find
/// everything near.
void Move::prefetch_more() {
  if (r_.phase != Phase::soaking || r_.progress.prefetch_stage == 0) return;
  while (r_.progress.prefetch_stage + 1 < r_.stages.size() &&
         count(r_.progress.prefetch_stage, HostStep::staging) == 0) {
    ++r_.progress.prefetch_stage;
    for (const std::size_t index : r_.progress.of_stage[r_.progress.prefetch_stage]) prefetch_host(index);
  }
}

/// Once for each host: what fails ahead is tried again in its stage, at full speed.
void Move::prefetch_host(std::size_t index) {
  const PlanHost& host = r_.hosts[index];
  const bool its_turn = stages_ahead(host) && host.stage <= r_.progress.prefetch_stage;
  if (!its_turn || !host.connected || host.step != HostStep::waiting || host.ordered != OrderAction::unknown) return;
  set_step(index, HostStep::staging);
  order(index, OrderAction::prefetch);
}

void Move::prefetch_failed(std::size_t index, const Outcome& outcome) {
  tell(fmt::format("{} could not stage ahead, it tries again in its turn: {}", r_.hosts[index].host,
                   failure_text(outcome)));
  set_step(index, HostStep::waiting);
}

bool Move::holds_back() const {
  return r_.stages[r_.stage].held_back && r_.soak_from && !r_.unchecked() && !r_.forced_on &&
         now_.steady < *r_.soak_from + r_.hold_back_until;
}

void Move::activate_ready() {
  if (holds_back()) return;
  auto& ready = r_.progress.ready;
  const std::size_t bound = r_.max_in_flight.of(r_.hosts.size(), 1);
  while (!ready.empty() && count(r_.stage, HostStep::activating) < bound) {
    const std::size_t index = ready.front();
    ready.pop_front();
    if (r_.hosts[index].step != HostStep::staged) continue;  // it went meanwhile, or was named twice
    set_step(index, HostStep::activating);
    order(index, OrderAction::activate);
  }
}

void Move::settle() {
  while (r_.phase == Phase::rolling) {
    if (auto reason = stage_failure()) {
      go_back(std::move(*reason), Ending::taken_back);
      return;
    }
    activate_ready();
    if (pending() > 0) return;
    end_stage();
  }
}

std::optional<std::string> Move::stage_failure() const {
  if (r_.unchecked()) return std::nullopt;
  const auto& hosts = r_.progress.of_stage[r_.stage];
  const std::string& name = r_.stages[r_.stage].name;
  if (r_.stages[r_.stage].judged) {
    // As soon as it is certain: nobody waits for the other canaries of a lost cause.
    const std::size_t loaded = count(r_.stage, HostStep::loaded);
    const std::size_t needed = canaries_needed();
    if (loaded + pending() >= needed) return std::nullopt;
    return fmt::format("stage {}: {} of the {} canaries that are needed loaded r{}: {}", name, loaded, needed,
                       r_.release, failures_text(r_, hosts));
  }
  const std::size_t failed = count(r_.stage, HostStep::unchanged) + count(r_.stage, HostStep::taken_back) +
                             count(r_.stage, HostStep::broken) + count(r_.stage, HostStep::overdue);
  const std::size_t allowed = r_.failure_limit.of(hosts.size(), 1);
  if (failed <= allowed) return std::nullopt;
  return fmt::format("stage {}: {} of {} failed, the limit is {}: {}", name, hosts_text(failed), hosts.size(), allowed,
                     failures_text(r_, hosts));
}

void Move::end_stage() {
  const Stage& stage = r_.stages[r_.stage];
  tell(fmt::format("stage {}: {} of {} run r{}", stage.name, count(r_.stage, HostStep::loaded),
                   hosts_text(r_.progress.of_stage[r_.stage].size()), r_.release));
  if (!stage.judged || r_.unchecked()) {
    advance_stage();
    return;
  }
  if (r_.first_release) {
    tell("no verdict: first release");
    advance_stage();
    return;
  }
  enter(Phase::soaking);
  r_.soak_from = now_.steady;
  effects_.emplace_back(StartClock{now_.steady});
  r_.progress.prefetch_stage = 0;
  if (r_.prefetch && r_.stage + 1 < r_.stages.size()) {
    r_.progress.prefetch_stage = r_.stage + 1;
    for (const std::size_t index : r_.progress.of_stage[r_.stage + 1]) prefetch_host(index);
    prefetch_more();
  }
  const bool ends_early = r_.judge == controller::JudgeKind::sequential;
  tell(fmt::format("the canaries run r{}: the judge looks for {}{}", r_.release, ends_early ? "at most " : "",
                   duration_text(r_.wait)));
}

void Move::advance_stage() {
  if (r_.stage + 1 < r_.stages.size()) {
    ++r_.stage;
    begin_stage();
    return;
  }
  std::size_t loaded = 0;
  for (std::uint32_t stage = 0; stage < r_.stages.size(); ++stage) loaded += count(stage, HostStep::loaded);
  if (loaded > 0) {
    finish(Ending::released);
  } else {
    // Only a forced one comes here: a release that no host could load is not what the hosts should run.
    std::vector<std::size_t> all;
    for (const auto& of_stage : r_.progress.of_stage) all.insert(all.end(), of_stage.begin(), of_stage.end());
    go_back(fmt::format("no host loaded r{}: {}", r_.release, failures_text(r_, all)), Ending::taken_back);
  }
}

// ---- outcomes, deadlines, the time after a restart ----

void Move::staged_outcome(std::size_t index, const Outcome& outcome) {
  const bool ahead = stages_ahead(r_.hosts[index]);
  switch (outcome.result) {
    case StepResult::staged:
      set_step(index, HostStep::staged);
      if (!ahead) r_.progress.ready.push_back(index);
      break;
    case StepResult::unchanged:
    case StepResult::taken_back:
    case StepResult::broken:
    case StepResult::unknown:
      if (ahead) return prefetch_failed(index, outcome);
      fail(index, HostStep::unchanged, failure_text(outcome));
      break;
    case StepResult::loaded:
    case StepResult::discarded:
      break;  // no answer to a stage order
  }
}

void Move::activated_outcome(std::size_t index, const Outcome& outcome) {
  PlanHost& host = r_.hosts[index];
  switch (outcome.result) {
    case StepResult::loaded:
      host.loaded_at = now_.steady;
      host.detail.clear();
      set_step(index, HostStep::loaded);
      break;
    case StepResult::unchanged:
      fail(index, HostStep::unchanged, failure_text(outcome));
      break;
    case StepResult::taken_back:
      fail(index, HostStep::taken_back, failure_text(outcome));
      break;
    case StepResult::broken:
    case StepResult::unknown:
      fail(index, HostStep::broken, failure_text(outcome));
      break;
    case StepResult::staged:
    case StepResult::discarded:
      break;  // no answer to an activate order
  }
}

void Move::check_deadlines() {
  for (const std::size_t index : r_.progress.of_stage[r_.stage]) {
    const PlanHost& host = r_.hosts[index];
    if (host.step != HostStep::staging && host.step != HostStep::activating) continue;
    if (now_.steady - host.ordered_at < r_.step_deadline || (recovering() && !host.connected)) continue;
    const std::string within = duration_text(r_.step_deadline);
    if (host.step == HostStep::staging) {
      fail(index, HostStep::unchanged, "did not finish pulling within " + within);
    } else {
      fail(index, HostStep::overdue, "no outcome within " + within + " of the order to switch");
    }
  }
}

void Move::end_recovery() {
  r_.progress.recovering_until.reset();
  std::size_t lost = 0;
  std::size_t known = 0;
  for (std::size_t i = 0; i < r_.hosts.size(); ++i) {
    const PlanHost& host = r_.hosts[i];
    if (!r_.stages[host.stage].judged && host.step != HostStep::absent) {
      ++known;
      if (!host.connected) ++lost;
    }
  }
  for (std::size_t i = 0; i < r_.hosts.size(); ++i) {
    const PlanHost& host = r_.hosts[i];
    if (host.connected) continue;
    const bool its_turn = r_.phase == Phase::rolling && host.stage == r_.stage && host.step == HostStep::waiting;
    if (its_turn || host.step == HostStep::staging || host.step == HostStep::staged) set_step(i, HostStep::absent);
  }
  const bool moving = r_.phase == Phase::rolling || r_.phase == Phase::soaking;
  if (moving && !r_.unchecked() && lost >= kMassLossHosts &&
      static_cast<double>(lost) > kMassLossShare * static_cast<double>(known)) {
    hold(
        fmt::format("mass-loss: {} of {} hosts did not come back after the controller's restart; that is rather the "
                    "network or this controller than the release",
                    lost, known));
  }
}

}  // namespace serin::rollout
