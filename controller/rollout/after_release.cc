#include "controller/rollout/after_release.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/evidence/agent_evidence.h"
#include "controller/evidence/agent_source.h"
#include "controller/rollout/deployments.h"

namespace serin::rollout {

namespace {

using controller::ControllerState;
using controller::Turn;

bool goes_to(const ReleaseWatch& watch, std::int64_t second, Now now) {
  return start_of(second + 1) + evidence::AgentSource::kLate <= now.steady && start_of(second) < watch.until;
}

void take_back(ControllerState& state, const ApplicationName& application, ReleaseNumber former, Now now, Turn& turn) {
  const Alarm& alarm = state.alarms.at(application);
  const DeploymentRequest request{.application = application,
                                  .release = former,
                                  .owner = "serin",
                                  .message = fmt::format("alarm after r{}: {}", alarm.release, alarm.text),
                                  .rollback = true,
                                  .supersedes = ""};
  if (const auto begun = begin_deployment(state, request, {}, now, turn); !begun) {
    turn.effect(controller::Announce{"alarm", application, "cannot take it back: " + begun.error().text});
  }
}

void raise_alarm(ControllerState& state, const ApplicationName& application, Now now, Turn& turn) {
  ReleaseWatch& watch = state.watches.at(application);
  Alarm& alarm = state.alarms[application];
  alarm = {.deployment = watch.deployment, .release = watch.release, .text = watch.fleet.verdict().text};
  turn.record(controller::StoreAlarm{application, alarm});
  const controller::KnownRelease* former = controller::find_release(state, application, watch.former);
  const bool by_itself = state.settings.applications.at(application).on_alarm == controller::OnAlarm::take_back &&
                         former != nullptr && !former->collected && former->trust == controller::Trust::trusted;
  turn.effect(
      controller::Announce{"alarm", application, fmt::format("ALARM after r{}: {}", watch.release, alarm.text)});
  // What may be bad is no baseline for what comes next, until it has stood for trust_after all the same.
  doubt_release(state, application, watch.release, now, turn);
  for (const HostName& host : watch.hosts) state.ledger.distrust(host, application, watch.from, now);
  if (by_itself) take_back(state, application, watch.former, now, turn);
}

void advance(ControllerState& state, const ApplicationName& application, Now now, Turn& turn) {
  ReleaseWatch& watch = state.watches.at(application);
  while (watch.fleet.watching() && goes_to(watch, watch.next, now)) {
    std::vector<judge::Counts> counts;
    counts.reserve(watch.hosts.size());
    for (std::size_t i = 0; i < watch.hosts.size(); ++i) {
      counts.push_back(evidence::counts_at(state, application, watch.hosts[i], watch.rules_hashes[i], watch.next));
    }
    ++watch.next;
    if (watch.fleet.add_second(counts).answer == judge::Answer::fail) {
      raise_alarm(state, application, now, turn);
      return;
    }
  }
}

}  // namespace

void watch_release(ControllerState& state, const Rollout& rollout, const std::vector<fleet::HostSeconds>& before,
                   ReleaseNumber former, Now now) {
  const ApplicationName& application = rollout.application;
  state.watches.erase(application);
  const auto& settings = state.settings.applications.at(application);
  if (settings.watch == Duration{0}) return;
  judge::Baseline baseline;
  std::vector<HostName> hosts;
  std::vector<std::string> hashes;
  for (const fleet::HostSeconds& host : before) {
    if (!evidence::has_trusted(host)) continue;
    baseline.hosts.push_back(evidence::baseline_of(host, judge::Role::control));
    hosts.push_back(host.host);
    hashes.push_back(host.rules_hash);
  }
  if (hosts.empty()) return;
  const auto lasts = std::chrono::ceil<std::chrono::seconds>(settings.watch);
  ReleaseWatch watch{.deployment = rollout.id,
                     .release = rollout.release,
                     .former = rollout.rollback || former == rollout.release ? 0 : former,
                     .fleet = judge::FleetWatch(settings.sequential, judge::weigh_hosts(baseline, settings.sequential),
                                                {.lasts = lasts}),
                     .hosts = std::move(hosts),
                     .rules_hashes = std::move(hashes),
                     .from = second_of(rollout.started_at),
                     .next = second_of(rollout.phase_since) + settings.sequential.settle.count(),
                     .until = rollout.phase_since + settings.watch};
  watch.next = std::max(watch.next, second_of(now.steady));  // after a restart it begins anew
  state.watches.insert_or_assign(application, std::move(watch));
}

void end_alarm(ControllerState& state, const ApplicationName& application, Turn& turn) {
  if (state.alarms.erase(application) > 0) turn.record(controller::StoreAlarm{application, {}});
}

void tick_watches(ControllerState& state, Now now, Turn& turn) {
  std::vector<ApplicationName> applications;
  applications.reserve(state.watches.size());
  for (const auto& [application, watch] : state.watches) applications.push_back(application);
  for (const ApplicationName& application : applications) {
    const auto& settings = state.settings.applications;
    if (!settings.contains(application)) {
      state.watches.erase(application);
      continue;
    }
    if (state.active.contains(application)) continue;  // its own judge looks
    advance(state, application, now, turn);
  }
}

}  // namespace serin::rollout
