#include "controller/rollout/after_release.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/evidence/agent_evidence.h"
#include "controller/evidence/deployment_trace.h"
#include "controller/judge/settle_estimate.h"
#include "controller/operate/answers.h"
#include "controller/rollout/cohort.h"
#include "controller/rollout/deployments.h"
#include "controller/rollout/trial.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::rollout {

namespace {

using controller::ControllerState;
using controller::Turn;

bool goes_to(const ReleaseWatch& watch, std::int64_t second, Now now) {
  return start_of(second + 1) + Trial::kLate <= now.steady && start_of(second) < watch.until;
}

void take_back(ControllerState& state, const ApplicationName& application, const ReleaseWatch& watch, Now now,
               Turn& turn) {
  const DeploymentRequest request{.application = application,
                                  .release = watch.former,
                                  .owner = "serin",
                                  .message = fmt::format("alarm after r{}: {}", watch.release, watch.alarm),
                                  .rollback = true,
                                  .supersedes = ""};
  if (const auto begun = begin_deployment(state, request, {}, now, turn); !begun) {
    turn.effect(controller::Announce{"alarm", application, "cannot take it back: " + begun.error().text});
  }
}

void raise_alarm(ControllerState& state, const ApplicationName& application, Now now, Turn& turn) {
  ReleaseWatch& watch = state.watches.at(application);
  watch.alarm = watch.fleet.verdict().text;
  const controller::KnownRelease* former = controller::find_release(state, application, watch.former);
  const bool by_itself = state.settings.applications.at(application).on_alarm == controller::OnAlarm::take_back &&
                         former != nullptr && former->trust == controller::Trust::trusted;
  turn.effect(
      controller::Announce{"alarm", application, fmt::format("ALARM after r{}: {}", watch.release, watch.alarm)});
  // What may be bad is no baseline for what comes next, until it has stood for trust_after all the same.
  doubt_release(state, application, watch.release, now, turn);
  for (const HostName& host : watch.hosts) state.ledger.distrust(host, application, watch.from);
  if (by_itself) {
    const ReleaseWatch copy = watch;  // the deployment ends this watch
    take_back(state, application, copy, now, turn);
  }
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

std::chrono::seconds settle_of(const ControllerState& state, const ApplicationName& application) {
  const auto& settings = state.settings.applications.at(application);
  if (settings.settle_is_set) return settings.sequential.settle;
  const auto bursts = state.bursts.find(application);
  return judge::settle_from(bursts == state.bursts.end() ? std::vector<std::chrono::seconds>{} : bursts->second);
}

void learn_settle(ControllerState& state, const controller::ActiveDeployment& active, Turn& turn) {
  const Rollout& rollout = active.rollout;
  if (rollout.hosts.size() > limits::kSettleHostsMax) return;
  if (!rollout.verdict || rollout.verdict->answer != judge::Answer::pass || rollout.forced_on || !rollout.soak_from)
    return;
  evidence::StoredTrace stored{.rollout = rollout, .before = active.before, .samples = {}};
  const std::int64_t from = second_of(rollout.started_at);
  const std::int64_t until = second_of(*rollout.soak_from + rollout.wait);
  for (const PlanHost& host : rollout.hosts) {
    auto samples = state.ledger.samples(host.host, rollout.application, from, until);
    stored.samples.insert(stored.samples.end(), samples.begin(), samples.end());
  }
  const auto trace = evidence::deployment_trace(stored);
  if (!trace) return;
  const auto burst = judge::restart_burst(*trace, state.settings.applications.at(rollout.application).sequential);
  if (!burst) return;
  auto& bursts = state.bursts[rollout.application];
  bursts.push_back(*burst);
  if (bursts.size() > limits::kBurstsKept) bursts.erase(bursts.begin());
  turn.record(controller::StoreBurst{rollout.id, rollout.application, *burst});
}

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
                     .former = rollout.rollback ? 0 : former,
                     .fleet = judge::FleetWatch(settings.sequential, judge::weigh_hosts(baseline, settings.sequential),
                                                {.lasts = lasts}),
                     .hosts = std::move(hosts),
                     .rules_hashes = std::move(hashes),
                     .from = second_of(rollout.started_at),
                     .next = second_of(rollout.phase_since) + settings.sequential.settle.count(),
                     .until = rollout.phase_since + settings.watch,
                     .alarm = {}};
  watch.next = std::max(watch.next, second_of(now.steady));  // after a restart it begins anew
  state.watches.insert_or_assign(application, std::move(watch));
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

void keep_ordinary_hours(ControllerState& state, Now now, Turn& turn) {
  constexpr std::size_t kHostsMax = 200;
  constexpr auto kEvery = std::chrono::hours{1};
  constexpr auto kLength = std::chrono::seconds{360};
  for (const auto& [application, settings] : state.settings.applications) {
    const auto [last, first_time] = state.ordinary_at.try_emplace(application, now.steady);
    if (first_time || now.steady - last->second < kEvery) continue;
    if (state.active.contains(application)) continue;
    const auto ended = state.latest_ended.find(application);
    if (ended != state.latest_ended.end() && now.steady - ended->second < kLength) continue;
    last->second = now.steady;
    controller::StoreOrdinary hour{.application = application, .at = now.wall, .canaries = {}, .hosts = {}};
    const std::int64_t until = second_of(now.steady) - Trial::kLate.count();
    std::size_t others = 0;
    for (const auto& [name, host] : state.roster.hosts()) {
      if (!belongs(settings.hosts, name, host.record.labels) || !state.trusted_hosts.contains({name, application}))
        continue;
      const bool canary = belongs(settings.canary, name, host.record.labels);
      if (!canary && ++others > kHostsMax) continue;
      if (canary) hour.canaries.push_back(name);
      hour.hosts.push_back(state.ledger.seconds(name, application, until - kLength.count(), until));
    }
    if (hour.hosts.size() > hour.canaries.size()) turn.record(std::move(hour));
  }
}

}  // namespace serin::rollout
