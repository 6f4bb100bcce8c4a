#include "controller/rollout/evidence_window.h"

#include <algorithm>

#include "controller/judge/fixed_judge.h"

namespace serin::rollout {

namespace {

using controller::ActiveDeployment;
using controller::ControllerState;

/// The host reported the last second of the window, or will not.
bool reported_until(const ControllerState& state, const HostName& host, const ApplicationName& application,
                    std::int64_t from, std::int64_t until) {
  return until <= from || state.ledger.longest_silence(host, application, until - 1, until) == 0;
}

judge::CanaryEvidence evidence_of(const ControllerState& state, const ActiveDeployment& active, const PlanHost& host,
                                  std::int64_t from, std::int64_t until) {
  const ApplicationName& application = active.rollout.application;
  judge::CanaryEvidence evidence{.host = host.host};
  if (const auto before = active.baselines.find(host.host); before != active.baselines.end()) {
    evidence.before = before->second;
  }
  evidence.after = state.ledger.window(host.host, application, from, until);
  evidence.longest_silence_s = state.ledger.longest_silence(host.host, application, from, until);
  evidence.gap = state.ledger.gap(host.host, application, from, until);
  if (const fleet::Host* known = state.roster.find(host.host); known != nullptr && evidence.gap.empty()) {
    const auto status = known->applications.find(application);
    if (status != known->applications.end()) evidence.gap = status->second.blind;
  }
  return evidence;
}

}  // namespace

judge::Verdict judge_now(const ControllerState& state, const ActiveDeployment& active, Now now) {
  const Rollout& rollout = active.rollout;
  auto settings = state.settings.applications.at(rollout.application).fixed;
  settings.wait = rollout.wait;
  const Duration elapsed = now.steady - *rollout.soak_from;
  if (elapsed < settings.wait) return {};

  // The second in which the last canary loaded is partly the old release's, and so may be the next: a host's seconds
  // are aligned to within one. Its last second is the least that a window has.
  const std::int64_t until = second_of(*rollout.soak_from + settings.wait) + 1;
  const std::int64_t from = std::min(second_of(*rollout.soak_from) + 2, until - 1);
  const auto& recovering_until = rollout.progress.recovering_until;
  const bool recovering = recovering_until && now.steady < *recovering_until;
  bool complete = true;
  std::vector<judge::CanaryEvidence> canaries;
  for (const PlanHost& host : rollout.hosts) {
    if (!rollout.stages[host.stage].judged || host.step != HostStep::loaded) continue;
    canaries.push_back(evidence_of(state, active, host, from, until));
    if (reported_until(state, host.host, rollout.application, from, until)) continue;
    complete = false;
    // A host that is on its way back has the rest still with it: the few seconds that were stored are no rate.
    if (recovering) canaries.back().after = {};
  }
  if (!complete && elapsed < settings.wait + settings.silence_max + std::chrono::seconds{1}) {
    return {};
  }
  return judge::judge_fixed(settings, canaries, std::max(elapsed, settings.wait));
}

}  // namespace serin::rollout
