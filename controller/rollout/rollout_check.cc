// What must hold after every step of a rollout, in the order in which breaches would hurt.
#include <fmt/format.h>

#include <algorithm>

#include "controller/rollout/rollout.h"

namespace serin::rollout {

namespace {

using Breach = std::optional<std::string>;

bool is_one_of(HostStep step, std::initializer_list<HostStep> steps) {
  return std::find(steps.begin(), steps.end(), step) != steps.end();
}

std::size_t count(const Rollout& rollout, HostStep step) {
  return static_cast<std::size_t>(std::count_if(rollout.hosts.begin(), rollout.hosts.end(),
                                                [&](const PlanHost& host) { return host.step == step; }));
}

bool goes_forward(Phase phase) {
  return phase == Phase::rolling || phase == Phase::soaking || phase == Phase::held;
}

/// No bad release beyond the canaries.
Breach check_exposure(const Rollout& rollout) {
  for (const PlanHost& host : rollout.hosts) {
    if (host.touched && host.stage > rollout.stage) {
      return fmt::format("{} of stage {} was touched in stage {}", host.host, host.stage, rollout.stage);
    }
  }
  if (!goes_forward(rollout.phase)) return std::nullopt;
  bool judged_before = false;
  for (std::uint32_t stage = 0; stage < rollout.stage; ++stage) {
    judged_before = judged_before || rollout.stages[stage].judged;
  }
  const bool passed = rollout.verdict && rollout.verdict->answer == judge::Answer::pass;
  const bool excused = rollout.unchecked() || rollout.first_release || rollout.forced_on;
  if (judged_before && !passed && !excused && !rollout.stages[rollout.stage].judged) {
    return fmt::format("stage {} began without a verdict", rollout.stage);
  }
  return std::nullopt;
}

Breach check_host(const Rollout& rollout, const PlanHost& host) {
  if (host.stage >= rollout.stages.size()) return host.host + " is in no stage";
  if ((host.sequence > 0) != (host.ordered != OrderAction::unknown)) {
    return host.host + " has a sequence without an order, or the other way round";
  }
  const bool never = is_one_of(host.step, {HostStep::waiting, HostStep::staging, HostStep::staged, HostStep::absent});
  if (host.touched && never) return fmt::format("{} was touched and is {}", host.host, name_of(host.step));
  if (!host.touched && !never && host.step != HostStep::unchanged) {
    return fmt::format("{} was not touched and is {}", host.host, name_of(host.step));
  }
  if (host.step == HostStep::staging && host.ordered != OrderAction::stage && host.ordered != OrderAction::prefetch) {
    return host.host + " stages unordered";
  }
  if (is_one_of(host.step, {HostStep::activating, HostStep::returning}) && host.ordered != OrderAction::activate) {
    return host.host + " switches unordered";
  }
  if (host.step == HostStep::loaded && !host.loaded_at) return host.host + " is loaded since never";
  if (is_one_of(host.step, {HostStep::returning, HostStep::returned}) &&
      (host.former == 0 || goes_forward(rollout.phase))) {
    return fmt::format("{} is {} to {} while {}", host.host, name_of(host.step), former_text(host.former),
                       name_of(rollout.phase));
  }
  return std::nullopt;
}

/// Not too much at once, and never standing still.
Breach check_flow(const Rollout& rollout) {
  const std::size_t bound = rollout.max_in_flight.of(rollout.hosts.size(), 1);
  const std::size_t activating = count(rollout, HostStep::activating);
  if (goes_forward(rollout.phase) && !rollout.unchecked() && activating > bound) {
    return fmt::format("{} hosts switch at once, {} may", activating, bound);
  }
  if (rollout.phase != Phase::rolling) return std::nullopt;
  bool pending = false;
  for (const PlanHost& host : rollout.hosts) {
    if (host.stage != rollout.stage) continue;
    pending =
        pending || is_one_of(host.step, {HostStep::waiting, HostStep::staging, HostStep::staged, HostStep::activating});
    if (!host.connected) continue;
    if (host.step == HostStep::waiting) return host.host + " is there in its turn and nothing is ordered";
    if (rollout.stages[rollout.stage].held_back && rollout.soak_from) continue;  // its time decides
    if (host.step == HostStep::staged && activating < bound) return host.host + " could switch and does not";
  }
  if (!pending) return fmt::format("stage {} waits for nobody", rollout.stage);
  return std::nullopt;
}

Breach check_phase(const Rollout& rollout) {
  const bool back = rollout.ending == Ending::taken_back || rollout.ending == Ending::aborted;
  if (goes_forward(rollout.phase) && rollout.ending != Ending::none) return "it has an ending and goes on";
  if (rollout.phase == Phase::going_back && !back) return "it goes back to no ending";
  if (rollout.phase == Phase::finished && rollout.ending == Ending::none) return "it finished without an ending";
  if (rollout.phase == Phase::soaking && (!rollout.soak_from || !rollout.stages[rollout.stage].judged)) {
    return "it soaks without canaries";
  }
  const bool reasoned = rollout.phase == Phase::held || back || rollout.ending == Ending::superseded;
  if (reasoned && rollout.reason.empty()) return "no reason is given";
  if (back) {
    for (const PlanHost& host : rollout.hosts) {
      const bool forward = is_one_of(host.step, {HostStep::loaded, HostStep::activating});
      if ((forward && host.former != 0) || is_one_of(host.step, {HostStep::staging, HostStep::staged})) {
        return fmt::format("{} is {} on the way back", host.host, name_of(host.step));
      }
    }
  }
  const bool ended = rollout.phase == Phase::finished && rollout.ending != Ending::superseded;
  for (const HostStep step : {HostStep::staging, HostStep::staged, HostStep::activating, HostStep::returning}) {
    if (ended && count(rollout, step) > 0) return fmt::format("it finished with hosts {}", name_of(step));
  }
  return std::nullopt;
}

Breach check_ahead(const Rollout& rollout) {
  for (const PlanHost& host : rollout.hosts) {
    const bool ahead = host.stage > rollout.stage && is_one_of(host.step, {HostStep::staging, HostStep::staged});
    if (ahead && !rollout.prefetch) return host.host + " stages before its turn";
  }
  return std::nullopt;
}

Breach check_progress(const Rollout& rollout) {
  const Progress& progress = rollout.progress;
  if (progress.by_name.empty()) return std::nullopt;  // not begun, or just read from the database
  std::vector<std::array<std::uint32_t, kHostSteps>> counted(rollout.stages.size());
  std::uint32_t controls = 0;
  for (const PlanHost& host : rollout.hosts) {
    ++counted[host.stage][static_cast<std::size_t>(host.step)];
    if (host.connected && !rollout.stages[host.stage].judged) ++controls;
  }
  if (counted != progress.step_count) return "the counts do not fit the hosts";
  if (controls != progress.connected_controls) return "the connected controls do not fit the hosts";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> broken_invariant(const Rollout& rollout) {
  if (rollout.stage >= rollout.stages.size()) return "there is no such stage";
  for (const PlanHost& host : rollout.hosts) {
    if (auto breach = check_host(rollout, host)) return breach;
  }
  for (const auto check : {check_exposure, check_flow, check_phase, check_ahead, check_progress}) {
    if (auto breach = check(rollout)) return breach;
  }
  return std::nullopt;
}

}  // namespace serin::rollout
