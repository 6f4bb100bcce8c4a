#include "controller/rollout/deployments.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/evidence/agent_evidence.h"
#include "controller/judge/settings_by_name.h"
#include "controller/operate/answers.h"
#include "controller/operate/render.h"
#include "controller/rollout/after_release.h"
#include "controller/rollout/lessons.h"
#include "controller/rollout/orders.h"
#include "controller/rollout/source_verdicts.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::rollout {

namespace {

using controller::ActiveDeployment;
using controller::KnownRelease;
using controller::Trust;

/// After a switch: seconds are aligned to within one, and what served the old release logs on for a moment.
constexpr auto kSettles = std::chrono::seconds{2};

/// What a host goes back to.
ReleaseNumber live_of(const ApplicationStatus& status) {
  return status.adopted ? kAdopted : status.live_release;
}

std::vector<Candidate> candidates_for(const ControllerState& state, const ApplicationName& application) {
  std::vector<Candidate> candidates;
  for (const auto& [name, host] : state.roster.hosts()) {
    const auto status = host.applications.find(application);
    const bool reports = status != host.applications.end();
    candidates.push_back({.host = name,
                          .labels = host.record.labels,
                          .connected = host.presence == fleet::Presence::connected,
                          .reports_application = reports,
                          .live = reports ? live_of(status->second) : 0});
  }
  return candidates;
}

/// In less the sequential judge cannot pass anything.
Duration shortest_horizon(const ControllerState& state, const ApplicationName& application) {
  return settle_of(state, application) + state.settings.applications.at(application).sequential.min_pass +
         std::chrono::seconds{1};
}

Rollout new_rollout(ControllerState& state, const DeploymentRequest& request, Plan plan, Now now) {
  const auto& settings = state.settings.applications.at(request.application);
  Rollout rollout;
  rollout.id = ++state.newest_deployment;
  rollout.application = request.application;
  rollout.release = request.release;
  rollout.owner = request.owner;
  rollout.message = request.message;
  rollout.force = request.force;
  rollout.rollback = request.rollback;
  rollout.started_wall = now.wall;
  rollout.judge = settings.judge;
  rollout.wait = settings.judge == controller::JudgeKind::fixed ? settings.fixed.wait : settings.sequential.horizon;
  const std::optional<Duration> asked = request.wait_ms >= 0 ? std::optional<Duration>{request.wait_ms} : std::nullopt;
  rollout.wait = asked.value_or(rollout.wait);
  rollout.sources = sources_of(settings, asked);
  if (!asks_agents(rollout)) {
    // Nothing of the agents is judged: what the first that decides waits for is what the rollout waits for.
    const auto first = std::ranges::find_if(rollout.sources, &evidence::DeploymentSource::required);
    rollout.judge = first->judge;
    rollout.wait = first->wait;
  }
  rollout.hold_back_until = settings.hold_back_until;
  if (is_compared(settings)) rollout.settle = settle_of(state, request.application);
  if (rollout.judge == controller::JudgeKind::sequential) {
    // A settle that was learnt after the horizon was set must leave time for an answer.
    rollout.wait = std::max(rollout.wait, shortest_horizon(state, request.application));
    rollout.judge_settings = judge::changed_settings(settings.sequential);
  }
  rollout.min_canaries = settings.min_canaries;
  rollout.prefetch = settings.prefetch;
  rollout.max_in_flight = rollout.unchecked() ? HostShare{0, 100.0} : settings.max_in_flight;
  rollout.failure_limit = settings.failure_limit;
  rollout.step_deadline = settings.step_deadline;
  rollout.hold_limit = settings.hold_limit;
  rollout.on_inconclusive = settings.on_inconclusive;
  rollout.extend = settings.extend;
  rollout.on_hold_end = settings.on_hold_end;
  rollout.on_canary_lost = settings.on_canary_lost;
  rollout.stages = std::move(plan.stages);
  rollout.hosts = std::move(plan.hosts);
  rollout.phase_since = now.steady;
  for (PlanHost& host : rollout.hosts) {
    const fleet::Host* known = state.roster.find(host.host);
    host.connected = known != nullptr && known->presence == fleet::Presence::connected;
  }
  // A host that runs what a failed deployment left there does not go back to that, but to the release that is wanted.
  const auto wanted = state.wanted.find(request.application);
  const ReleaseNumber trusted_way_back = wanted == state.wanted.end() ? 0 : wanted->second;
  for (PlanHost& host : rollout.hosts) {
    if (host.former == kAdopted) continue;
    const KnownRelease* former = controller::find_release(state, request.application, host.former);
    if (former == nullptr || former->collected || former->trust == Trust::rejected || former->trust == Trust::untried) {
      host.former = trusted_way_back;
    }
  }
  rollout.first_release =
      std::all_of(rollout.hosts.begin(), rollout.hosts.end(), [](const PlanHost& host) { return host.former == 0; });
  return rollout;
}

void tell_watchers(const ActiveDeployment& active, const OperatorEvent& event, Turn& turn) {
  for (const controller::Client& client : active.watchers) turn.effect(controller::TellClient{client, event});
}

void set_trust(ControllerState& state, const ApplicationName& application, ReleaseNumber number, Trust trust, Now now,
               Turn& turn) {
  auto& release = state.releases[application][number];
  if (release.trust == trust) return;
  release.trust = trust;
  turn.record(controller::StoreTrust{application, number, trust});
  for (const auto& [name, host] : state.roster.hosts()) refresh_trust(state, application, name, now);
}

/// What the end of a rollout means for the application.
void finish(ControllerState& state, const ApplicationName& application, Now now, Turn& turn) {
  auto active = std::move(state.active.extract(application).mapped());
  const Rollout& rollout = active.rollout;
  // Also what has just come: a verdict rests on it.
  keep_samples(state, active, second_of(now.steady) + 1, now, turn);
  const ReleaseNumber wanted_before = state.wanted.contains(application) ? state.wanted.at(application) : 0;
  state.latest[application] = rollout;
  state.latest_ended[application] = now.steady;

  if (rollout.ending == Ending::released) {
    state.wanted[application] = rollout.release;
    turn.record(controller::StoreWanted{application, rollout.release});
    const bool passed = rollout.verdict && rollout.verdict->answer == judge::Answer::pass && !rollout.forced_on;
    const Trust before = state.releases[application][rollout.release].trust;
    if (passed || rollout.first_release) {
      set_trust(state, application, rollout.release, Trust::trusted, now, turn);
    } else if (before != Trust::trusted) {
      set_trust(state, application, rollout.release, Trust::forced, now, turn);
    }
    learn_settle(state, active, turn);
    end_alarm(state, application, turn);
    watch_release(state, rollout, active.before, wanted_before, now);
  } else if (const KnownRelease* wanted = controller::wanted_release(state, application);
             wanted != nullptr && wanted->release.number == rollout.release) {
    // The wanted release was deployed once more: what ended this says nothing of it.
  } else if (rollout.ending != Ending::superseded && !rollout.rollback) {
    set_trust(state, application, rollout.release, Trust::rejected, now, turn);
  }
  tell_watchers(active, operate::render_end(rollout), turn);
  turn.effect(controller::Announce{"finish", application, summary(rollout)});
  for (const auto& [name, host] : state.roster.hosts()) refresh_trust(state, application, name, now);
}

/// `prefetch = "off"`: until the first verdict even the bytes stay away from the other hosts, and proxies would keep
/// them.
bool is_kept_from_proxies(const Rollout& rollout, const PlanHost& host) {
  if (rollout.prefetch || rollout.unchecked()) return false;
  const auto judged = std::ranges::find_if(rollout.stages, &Stage::judged);
  return judged != rollout.stages.end() && host.stage <= static_cast<std::size_t>(judged - rollout.stages.begin());
}

void carry_out(ControllerState& state, const ApplicationName& application, const std::vector<Effect>& effects, Now now,
               Turn& turn) {
  ActiveDeployment& active = state.active.at(application);
  bool finished = false;
  for (const Effect& effect : effects) {
    if (const auto* row = std::get_if<RecordHost>(&effect)) {
      turn.record(controller::StorePlanHost{active.rollout.id, active.rollout.hosts[row->index], now.wall});
    } else if (std::holds_alternative<RecordDeployment>(effect)) {
      turn.record(controller::StoreDeployment{active.rollout});
    } else if (const auto* send = std::get_if<SendOrder>(&effect)) {
      const PlanHost& host = active.rollout.hosts[send->index];
      const bool restores = send->release == kAdopted;
      const KnownRelease* release =
          controller::find_release(state, application, restores ? active.rollout.release : send->release);
      if (release == nullptr) continue;  // one that this controller does not know
      if (send->action == OrderAction::activate) refresh_trust(state, application, host.host, now);
      Order order = make_order(state, host.host, application, {active.rollout.id, send->sequence},
                               restores ? OrderAction::restore : send->action, *release, send->take_back);
      order.from_controller = is_kept_from_proxies(active.rollout, host);
      send_order(state, host.host, std::move(order), *release, turn);
    } else if (const auto* line = std::get_if<TellOperator>(&effect)) {
      tell_watchers(active, operate::line_event(line->text), turn);
    } else if (std::holds_alternative<Finish>(effect)) {
      finished = true;
    }
  }
  if (finished) finish(state, application, now, turn);
}

/// Its live release is loaded. Pulling and staging the next one changes nothing of that.
bool runs_what_is_live(const ApplicationStatus& status) {
  switch (status.state) {
    case HostState::pulling:
    case HostState::staged:
    case HostState::loaded:
    case HostState::taken_back:
      return true;
    case HostState::unknown:
    case HostState::switching:
    case HostState::broken:
      return false;
  }
  return false;
}

/// The fixed judge looks on in the later stages and while held for as long as the ledger has all seconds of the wait: a
/// late report may still show a fail. The sequential one goes on with new seconds.
bool is_judged(const Rollout& rollout, Now now) {
  if (rollout.unchecked() || rollout.first_release) return false;
  if (rollout.phase == Phase::soaking) return true;
  if (!rollout.soak_from || rollout.phase == Phase::going_back || rollout.phase == Phase::finished) return false;
  return rollout.judge == controller::JudgeKind::sequential ||
         now.steady - *rollout.soak_from < limits::kLedgerFine - std::chrono::seconds{10};
}

void ripen_trust(ControllerState& state, Now now, Turn& turn) {
  for (const auto& [application, settings] : state.settings.applications) {
    const KnownRelease* wanted = controller::wanted_release(state, application);
    if (wanted == nullptr || wanted->trust != Trust::forced || state.active.contains(application)) continue;
    const auto ended = state.latest_ended.find(application);
    if (ended == state.latest_ended.end() || now.steady - ended->second < settings.trust_after) continue;
    set_trust(state, application, wanted->release.number, Trust::trusted, now, turn);
  }
}

}  // namespace

void doubt_release(ControllerState& state, const ApplicationName& application, ReleaseNumber release, Now now,
                   Turn& turn) {
  const KnownRelease* known = controller::find_release(state, application, release);
  if (known == nullptr || (known->trust != Trust::trusted && known->trust != Trust::forced)) return;
  if (known->trust == Trust::trusted) set_trust(state, application, release, Trust::forced, now, turn);
  state.latest_ended[application] = now.steady;
}

void refresh_trust(ControllerState& state, const ApplicationName& application, const HostName& host, Now now) {
  const fleet::Host* known = state.roster.find(host);
  bool trusted = false;
  if (known != nullptr) {
    const auto status = known->applications.find(application);
    if (status != known->applications.end() && runs_what_is_live(status->second)) {
      const KnownRelease* live = controller::find_release(state, application, status->second.live_release);
      trusted = status->second.adopted || (live != nullptr && live->trust == Trust::trusted);
    }
  }
  // Between the order to switch and the verdict a host is under test, whatever it last said of itself.
  if (const auto active = state.active.find(application); trusted && active != state.active.end()) {
    const auto index = active->second.index_of.find(host);
    if (index != active->second.index_of.end()) {
      const HostStep step = active->second.rollout.hosts[index->second].step;
      trusted = step != HostStep::activating && step != HostStep::returning;
    }
  }
  const auto key = std::pair{host, application};
  if (trusted == state.trusted_hosts.contains(key)) return;
  if (trusted) {
    state.trusted_hosts.insert(key);
    // It may have run this release for long before this daemon heard of it.
    const Duration live_for{known->applications.at(application).live_for_ms};
    state.ledger.trust(host, application, now.steady - live_for + kSettles);
  } else {
    state.trusted_hosts.erase(key);
    state.ledger.end_trust(host, application, now.steady);
  }
}

Result<void> begin_deployment(ControllerState& state, const DeploymentRequest& request,
                              const std::set<controller::Client>& watchers, Now now, Turn& turn) {
  const auto& settings = state.settings.applications.at(request.application);
  const Duration wait{request.wait_ms};
  if (request.wait_ms >= 0 && (wait < limits::kWaitMin || wait > limits::kWaitMax)) {
    return failure(ErrorKind::refused, fmt::format("--wait: {} is out of range; from {} to {}", duration_text(wait),
                                                   duration_text(limits::kWaitMin), duration_text(limits::kWaitMax)));
  }
  if (request.wait_ms >= 0 && is_compared(settings) && !request.force &&
      wait < shortest_horizon(state, request.application)) {
    return failure(ErrorKind::refused,
                   fmt::format("--wait: in {} the sequential judge cannot pass a release; from {} on it "
                               "can",
                               duration_text(wait), duration_text(shortest_horizon(state, request.application))));
  }
  auto plan = make_plan(settings, candidates_for(state, request.application),
                        {.force = request.force || request.rollback, .release = request.release});
  if (!plan) return std::unexpected(plan.error());
  if (!request.supersedes.empty()) move_rollout(state, request.application, Superseded{request.supersedes}, now, turn);

  ActiveDeployment active{.rollout = new_rollout(state, request, std::move(*plan), now), .watchers = watchers};
  for (std::size_t i = 0; i < active.rollout.hosts.size(); ++i) {
    const PlanHost& host = active.rollout.hosts[i];
    active.index_of[host.host] = i;
    if (!active.rollout.stages[host.stage].judged) continue;
    active.baselines[host.host] = state.ledger.baseline(host.host, request.application, second_of(now.steady));
  }
  if (!active.rollout.first_release) active.before = evidence::seconds_before(state, active.rollout, now);
  state.watches.erase(request.application);
  turn.record(controller::StoreDeployment{active.rollout});
  prepare_sources(state, active, now, turn);
  for (const PlanHost& host : active.rollout.hosts) {
    turn.record(controller::StorePlanHost{active.rollout.id, host, now.wall});
  }
  for (const auto& [host, tally] : active.baselines) {
    turn.record(controller::StoreBaseline{active.rollout.id, host, tally});
  }
  // A forced one does not wait for so many rows: they follow with the first second.
  if (!active.before.empty() && !active.rollout.unchecked()) {
    turn.record(controller::StoreBefore{active.rollout.id, active.before});
  }
  turn.effect(controller::Announce{
      "start", request.application,
      fmt::format("{} {} r{} on {} hosts{}: {}", request.owner, request.rollback ? "rolls back to" : "deploys",
                  request.release, active.rollout.hosts.size(), request.force ? " (forced)" : "",
                  printable(request.message))});
  std::erase_if(state.catching_up, [&](const auto& item) { return item.first.second == request.application; });
  state.active.insert_or_assign(request.application, std::move(active));
  move_rollout(state, request.application, Started{}, now, turn);
  return {};
}

void move_rollout(ControllerState& state, const ApplicationName& application, const Event& event, Now now, Turn& turn) {
  const auto active = state.active.find(application);
  if (active == state.active.end()) return;
  const Phase before = active->second.rollout.phase;
  Step step = advance(std::move(active->second.rollout), event, now);
  active->second.rollout = std::move(step.next);
  if (before != Phase::held && active->second.rollout.phase == Phase::held) {
    const OperatorEvent held = operate::render_hold(active->second.rollout);
    tell_watchers(active->second, held, turn);
    turn.effect(controller::Announce{"hold", application, active->second.rollout.reason});
  }
  carry_out(state, application, step.effects, now, turn);
}

void tick_deployments(ControllerState& state, Now now, Turn& turn) {
  std::vector<ApplicationName> applications;
  applications.reserve(state.active.size());
  for (const auto& [application, active] : state.active) applications.push_back(application);
  for (const ApplicationName& application : applications) {
    move_rollout(state, application, TimePassed{}, now, turn);
    auto active = state.active.find(application);
    if (active != state.active.end()) ask_sources(state, application, now, turn);
    if (active != state.active.end() && is_judged(active->second.rollout, now)) {
      judge::Verdict verdict = judged(state, active->second, now);
      if (verdict.answer != judge::Answer::undecided) {
        move_rollout(state, application, JudgeAnswered{std::move(verdict)}, now, turn);
        active = state.active.find(application);
      }
    }
    if (active == state.active.end()) continue;
    keep_samples(state, active->second, second_of(now.steady) - 1, now, turn);
    tell_watchers(active->second, operate::render_progress(active->second.rollout, now), turn);
  }
  tick_watches(state, now, turn);
  keep_ordinary_hours(state, now, turn);
  ripen_trust(state, now, turn);
}

}  // namespace serin::rollout
