#include "controller/rollout/rollout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <iterator>
#include <numeric>
#include <set>

#include "controller/rollout/move.h"

namespace serin::rollout {

namespace {

std::size_t at(HostStep step) {
  return static_cast<std::size_t>(step);
}

/// A step may order a host twice, when a stage begins that cannot succeed: only the newer order stands in its row.
void keep_newest_orders(std::vector<Effect>& effects) {
  std::set<std::size_t> ordered;
  std::reverse(effects.begin(), effects.end());
  std::erase_if(effects, [&](const Effect& effect) {
    const auto* order = std::get_if<SendOrder>(&effect);
    return order != nullptr && !ordered.insert(order->index).second;
  });
  std::reverse(effects.begin(), effects.end());
}

bool is_judged(const Rollout& rollout, const PlanHost& host) {
  return rollout.stages[host.stage].judged;
}

}  // namespace

Step advance(Rollout rollout, const Event& event, Now now) {
  Move move{std::move(rollout), now};
  std::visit([&](const auto& concrete) { move.on(concrete); }, event);
  Step step = move.result();
#ifndef NDEBUG
  // A host's event must stay cheap: the full check runs where the phase or the stage may have moved.
  if (!step.effects.empty()) assert(!broken_invariant(step.next));
#endif
  return step;
}

Step Move::result() {
  std::sort(changed_hosts_.begin(), changed_hosts_.end());
  changed_hosts_.erase(std::unique(changed_hosts_.begin(), changed_hosts_.end()), changed_hosts_.end());
  Step step{.next = std::move(r_), .effects = {}};
  step.effects.reserve(changed_hosts_.size() + effects_.size() + 2);
  for (const std::size_t index : changed_hosts_) step.effects.emplace_back(RecordHost{index});
  if (deployment_changed_) step.effects.emplace_back(RecordDeployment{});
  keep_newest_orders(effects_);
  std::move(effects_.begin(), effects_.end(), std::back_inserter(step.effects));
  if (finished_) step.effects.emplace_back(Finish{});
  return step;
}

// ---- events ----

void Move::on(const Started& /*event*/) {
  if (!r_.progress.by_name.empty() || r_.phase != Phase::rolling) return;  // it runs
  for (PlanHost& host : r_.hosts) {
    // Connected, but absent from the plan: it does not have the application.
    if (host.step == HostStep::absent) host.connected = false;
  }
  index_hosts();
  r_.started_at = now_.steady;
  deployment_changed_ = true;
  begin_stage();
  settle();
}

void Move::on(const Restored& /*event*/) {
  if (r_.phase == Phase::finished) return;
  for (std::size_t i = 0; i < r_.hosts.size(); ++i) {
    PlanHost& host = r_.hosts[i];
    host.connected = false;
    host.sent_at = SteadyTime{};
    // Nobody is overdue because the daemon was away.
    if (host.step == HostStep::staging || host.step == HostStep::activating || host.step == HostStep::returning) {
      host.ordered_at = now_.steady;
      changed_hosts_.push_back(i);
    }
  }
  index_hosts();
  r_.progress.recovering_until = now_.steady + kRecovery;
  if (r_.phase == Phase::held) enter(Phase::held);
  if (r_.phase == Phase::soaking && r_.prefetch && r_.stage + 1 < r_.stages.size()) {
    r_.progress.prefetch_stage = r_.stage + 1;
  }
  settle();
  settle_going_back();
}

void Move::on(const HostConnected& event) {
  if (const auto index = find(event.host)) come(*index, event.status, true);
}

void Move::on(const HostReported& event) {
  if (const auto index = find(event.host)) come(*index, event.status, false);
}

void Move::on(const HostGone& event) {
  const auto index = find(event.host);
  if (!index || !r_.hosts[*index].connected) return;
  set_connected(*index, false);
  const PlanHost& host = r_.hosts[*index];
  const bool its_turn = r_.phase == Phase::rolling && host.stage == r_.stage;
  const bool stages = host.step == HostStep::staging || host.step == HostStep::staged;
  if (stages && stages_ahead(host)) {
    // Its turn has not come; when it does, it may be there again.
    set_step(*index, HostStep::waiting);
    prefetch_more();
  } else if (stages || (host.step == HostStep::waiting && its_turn)) {
    set_step(*index, HostStep::absent);
    tell(fmt::format("{} is gone before its switch: left out, it catches up when it returns", host.host));
  }
  note_loss(*index);
  settle();
}

void Move::on(const HostFinished& event) {
  const auto index = find(event.host);
  if (!index) return;
  const PlanHost& host = r_.hosts[*index];
  if (event.outcome.order != OrderId{r_.id, host.sequence}) return;
  const bool returns = !host.connected;
  set_connected(*index, true);
  r_.progress.heard_at[*index] = now_.steady;
  switch (host.step) {
    case HostStep::staging:
      staged_outcome(*index, event.outcome);
      prefetch_more();
      break;
    case HostStep::activating:
    case HostStep::returning:
    case HostStep::overdue:
      if (takes_back(host)) {
        returned_outcome(*index, event.outcome);
      } else {
        activated_outcome(*index, event.outcome);
      }
      break;
    case HostStep::waiting:
    case HostStep::staged:
    case HostStep::loaded:
    case HostStep::unchanged:
    case HostStep::taken_back:
    case HostStep::broken:
    case HostStep::returned:
    case HostStep::absent:
      break;  // said before: the outcome was sent again
  }
  if (returns) host_came(*index);
  settle();
  settle_going_back();
}

void Move::on(const AbortAsked& event) {
  if (r_.phase == Phase::finished) {
    tell("nothing to abort: this deployment has ended");
  } else if (r_.phase == Phase::going_back) {
    tell(fmt::format("nothing to abort: it goes back already ({})", r_.reason));
  } else {
    go_back("aborted by " + event.by, Ending::aborted);
  }
}

void Move::on(const Superseded& event) {
  if (r_.phase == Phase::finished) {
    tell("nothing to take over: this deployment has ended");
    return;
  }
  r_.reason = "taken over by " + event.by;
  finish(Ending::superseded);
}

void Move::on(const TimePassed& /*event*/) {
  if (r_.progress.recovering_until && !recovering()) end_recovery();
  switch (r_.phase) {
    case Phase::rolling:
      check_deadlines();
      break;
    case Phase::held:
      if (r_.on_hold_end == controller::OnHoldEnd::abort && now_.steady - r_.phase_since >= r_.hold_limit) {
        go_back("nobody decided before the hold's limit; it was held because: " + r_.reason, Ending::taken_back);
      }
      break;
    case Phase::going_back:
      check_returning();
      break;
    case Phase::soaking:
    case Phase::finished:
      break;
  }
  settle();
  settle_going_back();
}

// ---- hosts and orders ----

void Move::index_hosts() {
  Progress progress;
  progress.by_name.resize(r_.hosts.size());
  std::iota(progress.by_name.begin(), progress.by_name.end(), std::size_t{0});
  std::sort(progress.by_name.begin(), progress.by_name.end(),
            [&](std::size_t a, std::size_t b) { return r_.hosts[a].host < r_.hosts[b].host; });
  progress.of_stage.resize(r_.stages.size());
  progress.step_count.resize(r_.stages.size());
  progress.heard_at.assign(r_.hosts.size(), now_.steady);
  for (std::size_t i = 0; i < r_.hosts.size(); ++i) {
    const PlanHost& host = r_.hosts[i];
    progress.of_stage[host.stage].push_back(i);
    ++progress.step_count[host.stage][at(host.step)];
    if (host.connected && !is_judged(r_, host)) ++progress.connected_controls;
  }
  r_.progress = std::move(progress);
}

std::optional<std::size_t> Move::find(const HostName& name) const {
  if (r_.phase == Phase::finished) return std::nullopt;
  const auto& by_name = r_.progress.by_name;
  const auto found = std::lower_bound(by_name.begin(), by_name.end(), name,
                                      [&](std::size_t i, const HostName& wanted) { return r_.hosts[i].host < wanted; });
  if (found == by_name.end() || r_.hosts[*found].host != name) return std::nullopt;
  return *found;
}

void Move::come(std::size_t index, const ApplicationStatus& status, bool hello) {
  if (status.application != r_.application) return;
  const bool returns = !r_.hosts[index].connected;
  set_connected(index, true);
  r_.progress.heard_at[index] = now_.steady;
  if (returns) host_came(index);
  resend(index, status, hello);
  settle();
}

void Move::set_connected(std::size_t index, bool connected) {
  PlanHost& host = r_.hosts[index];
  if (host.connected == connected) return;
  host.connected = connected;
  if (is_judged(r_, host)) return;
  if (connected) {
    ++r_.progress.connected_controls;
  } else {
    --r_.progress.connected_controls;
  }
}

void Move::note_loss(std::size_t index) {
  // Lost canaries are the canary-lost rule's: a release may kill its host. Many others at once is something else.
  if (r_.unchecked() || is_judged(r_, r_.hosts[index]) || (r_.phase != Phase::rolling && r_.phase != Phase::soaking))
    return;
  auto& losses = r_.progress.losses;
  losses.push_back(now_.steady);
  while (now_.steady - losses.front() > kMassLossWithin) losses.pop_front();
  const auto lost = losses.size();
  const double before = static_cast<double>(r_.progress.connected_controls) + static_cast<double>(lost);
  if (lost < kMassLossHosts || static_cast<double>(lost) <= kMassLossShare * before) return;
  hold(
      fmt::format("mass-loss: {} hosts were lost within {} s; that is rather the network or this controller than the "
                  "release",
                  lost, kMassLossWithin.count()));
}

void Move::set_step(std::size_t index, HostStep step) {
  PlanHost& host = r_.hosts[index];
  auto& counts = r_.progress.step_count[host.stage];
  --counts[at(host.step)];
  ++counts[at(step)];
  host.step = step;
  changed_hosts_.push_back(index);
}

void Move::fail(std::size_t index, HostStep step, std::string detail) {
  r_.hosts[index].detail = std::move(detail);
  set_step(index, step);
  tell(host_text(r_.hosts[index]));
}

void Move::order(std::size_t index, OrderAction action) {
  PlanHost& host = r_.hosts[index];
  ++host.sequence;
  host.ordered = action;
  host.ordered_at = now_.steady;
  host.sent_at = SteadyTime{};
  host.touched = host.touched || action == OrderAction::activate;
  changed_hosts_.push_back(index);
  // One that is away gets it with its next hello.
  if (host.connected) send(index);
}

void Move::send(std::size_t index) {
  PlanHost& host = r_.hosts[index];
  host.sent_at = now_.steady;
  const bool back = takes_back(host);
  effects_.emplace_back(SendOrder{index, host.sequence, host.ordered, back ? host.former : r_.release, back});
}

void Move::resend(std::size_t index, const ApplicationStatus& status, bool at_once) {
  const PlanHost& host = r_.hosts[index];
  // While frozen nothing more is set going; a switch that never reached its host is not begun on the way back.
  const bool forward = host.step == HostStep::staging || host.step == HostStep::activating;
  const bool wanted = r_.phase == Phase::rolling   ? forward
                      : r_.phase == Phase::soaking ? host.step == HostStep::staging
                                                   : r_.phase == Phase::going_back && host.step == HostStep::returning;
  if (!wanted || status.last_order >= OrderId{r_.id, host.sequence}) return;
  if (host.sent_at == now_.steady || (!at_once && now_.steady - host.sent_at <= kResendAfter)) return;
  send(index);
}

void Move::enter(Phase phase) {
  r_.phase = phase;
  r_.phase_since = now_.steady;
  deployment_changed_ = true;
}

void Move::finish(Ending ending) {
  enter(Phase::finished);
  r_.ending = ending;
  r_.ended_wall = now_.wall;
  finished_ = true;
}

bool Move::recovering() const {
  return r_.progress.recovering_until && now_.steady < *r_.progress.recovering_until;
}

}  // namespace serin::rollout
