#include "controller/rollout/lessons.h"

#include "controller/evidence/agent_source.h"
#include "controller/evidence/deployment_trace.h"
#include "controller/judge/settle_estimate.h"
#include "controller/rollout/cohort.h"
#include "protocol/limits.h"

namespace serin::rollout {

using controller::ControllerState;
using controller::Turn;

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

void keep_samples(const ControllerState& state, controller::ActiveDeployment& active, std::int64_t until, Now now,
                  Turn& turn) {
  // A second is stored once more when it changes (host_messages.cc).
  if (active.samples_stored_until == 0) {
    active.samples_stored_until = second_of(active.rollout.started_at);
    if (!active.before.empty() && active.rollout.unchecked()) {
      turn.record(controller::StoreBefore{active.rollout.id, active.before});
    }
  }
  if (until <= active.samples_stored_until) return;
  // A hold may last for days: what comes so late is no evidence of this release.
  const bool late =
      active.rollout.soak_from && now.steady > *active.rollout.soak_from + active.rollout.wait + limits::kLedgerFine;
  controller::StoreSamples rows{active.rollout.id, {}};
  for (const PlanHost& host : active.rollout.hosts) {
    if (late) break;
    for (fleet::Sample& sample :
         state.ledger.samples(host.host, active.rollout.application, active.samples_stored_until, until)) {
      // What a host did not see all of, no judge sees: neither after a restart nor in the trace.
      const std::int64_t at = sample.second;
      if (!state.ledger.gap(host.host, active.rollout.application, at, at + 1).empty()) continue;
      rows.samples.push_back(std::move(sample));
    }
  }
  active.samples_stored_until = until;
  if (!rows.samples.empty()) turn.record(std::move(rows));
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
    const std::int64_t until = second_of(now.steady) - evidence::AgentSource::kLate.count();
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
