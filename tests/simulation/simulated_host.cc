#include "tests/simulation/simulated_host.h"

#include "protocol/digest.h"

namespace serin::simulation {

namespace {
constexpr Duration kSecond{1'000};
}

SimulatedHost::SimulatedHost(HostName name, agent::AgentSettings settings, std::string public_key, std::uint64_t seed)
    : name_(std::move(name)),
      settings_(std::move(settings)),
      application_(settings_.applications.begin()->first),
      public_key_(std::move(public_key)),
      random_(seed) {}

ReleaseNumber SimulatedHost::live() const {
  const auto found = disk_.slots.find(disk_.live_slot);
  return found == disk_.slots.end() ? 0 : found->second.number;
}

apply::LiveFacts SimulatedHost::live_facts() const {
  const auto found = disk_.slots.find(disk_.live_slot);
  if (found == disk_.slots.end()) return {};
  return {.slot = disk_.live_slot, .release = found->second.number, .root = found->second.root};
}

ApplicationStatus SimulatedHost::status() const {
  const auto facts = live_facts();
  ApplicationStatus status{.application = application_,
                           .state = memory_.state,
                           .live_release = facts.release,
                           .live_root = facts.root,
                           .last_order = memory_.order.id};
  for (const auto& [slot, release] : disk_.slots) status.slots.push_back(release.number);
  return status;
}

void SimulatedHost::start(Now now) {
  const std::string instance = to_hex(std::to_string(random_()));
  core_.emplace(settings_,
                agent::Identity{.public_key = public_key_, .instance = instance, .boot_id = "boot", .machine = name_},
                random_(), now);
  memory_ = disk_.journal;
  effects_.clear();
  work_.reset();
  at_work_.reset();
  counted_ = now.steady;
  move_step(apply::AgentRestarted{disk_.live_slot}, now);
  core_->on_status(status(), now);
  if (memory_.outcome && !memory_.acknowledged) core_->on_outcome(*memory_.outcome, now);
}

void SimulatedHost::crash() {
  core_.reset();
  effects_.clear();
  work_.reset();
  at_work_.reset();
}

/// Keeps what the host does by itself, and gives the rest to the link.
agent::Effects SimulatedHost::filter(agent::Effects effects, Now now) {
  agent::Effects for_link;
  for (agent::Effect& effect : effects) {
    agent::Effects more;
    if (auto* run = std::get_if<agent::RunOrder>(&effect)) {
      at_work_ = {run->order.id, run->order.application};
      more = move_step(apply::OrderCame{run->order, run->release}, now);
    } else if (std::holds_alternative<agent::StopStaging>(effect)) {
      if (memory_.phase == apply::StepPhase::staging) {
        work_.reset();
        effects_.clear();
        more = move_step(apply::StageFailed{"stage", "superseded"}, now);
      }
    } else if (auto* done = std::get_if<agent::AcknowledgeOutcome>(&effect)) {
      more = move_step(apply::OutcomeAcknowledged{done->order}, now);
    } else {
      for_link.push_back(std::move(effect));
    }
    for (agent::Effect& next : more) for_link.push_back(std::move(next));
  }
  return for_link;
}

agent::Effects SimulatedHost::move_step(const apply::Event& event, Now now) {
  apply::Advance advance = apply::advance(std::move(memory_), event, live_facts(), now);
  memory_ = std::move(advance.next);
  for (apply::Effect& effect : advance.effects) effects_.push_back(std::move(effect));

  agent::Effects for_link;
  const auto add = [&](agent::Effects more) {
    for (agent::Effect& effect : more) for_link.push_back(std::move(effect));
  };
  while (!work_ && !effects_.empty()) {
    const apply::Effect effect = std::move(effects_.front());
    effects_.pop_front();
    if (std::holds_alternative<apply::SaveJournal>(effect)) {
      disk_.journal = memory_;
      add(filter(core_->on_status(status(), now), now));
    } else if (std::holds_alternative<apply::ReportOutcome>(effect)) {
      if (memory_.outcome) add(filter(core_->on_outcome(*memory_.outcome, now), now));
    } else {
      const bool pulls = std::holds_alternative<apply::Stage>(effect);
      const bool hooks =
          std::holds_alternative<apply::RunHooks>(effect) || std::holds_alternative<apply::RunReload>(effect);
      const Duration takes = pulls ? behaviour.pull_time : hooks ? behaviour.hook_time : Duration{5};
      work_ = Work{effect, now.steady + takes};
    }
  }
  if (!work_ && effects_.empty() && at_work_ && memory_.phase == apply::StepPhase::idle) {
    const ApplicationName application = at_work_->second;
    at_work_.reset();
    add(filter(core_->on_status(status(), now), now));
    add(filter(core_->on_step_ended(application), now));
  }
  return for_link;
}

agent::Effects SimulatedHost::finish(const apply::Effect& effect, Now now) {
  if (const auto* stage = std::get_if<apply::Stage>(&effect)) {
    const std::string slot = stage->release.slot_name();
    disk_.slots[slot] = stage->release;
    return move_step(apply::Staged{slot, 1'000}, now);
  }
  if (const auto* link = std::get_if<apply::LinkTo>(&effect)) {
    disk_.live_slot = link->slot;
    return move_step(apply::Linked{}, now);
  }
  if (std::holds_alternative<apply::RunHooks>(effect) || std::holds_alternative<apply::RunReload>(effect)) {
    const bool ok = !behaviour.hook_fails.contains(live());
    return move_step(apply::HookEnded{ok, "reload hook", ok ? 0 : 1, ok ? "" : "exit 1"}, now);
  }
  if (const auto* discard = std::get_if<apply::DiscardStaged>(&effect)) {
    if (discard->slot != disk_.live_slot) disk_.slots.erase(discard->slot);
    return move_step(apply::Discarded{}, now);
  }
  return {};
}

void SimulatedHost::count_errors(Now now) {
  if (now.steady - counted_ < kSecond) return;
  counted_ = now.steady;
  const double rate = behaviour.bad_releases.contains(live()) ? behaviour.errors_when_bad : behaviour.errors_per_second;
  const auto errors = static_cast<std::uint32_t>(std::poisson_distribution<int>(rate)(random_));
  core_->counter(application_).add(10 + errors, errors);
}

agent::Effects SimulatedHost::tick(Now now) {
  agent::Effects for_link = filter(core_->on_tick(now), now);
  count_errors(now);
  if (work_ && now.steady >= work_->done_at) {
    const apply::Effect effect = work_->effect;
    work_.reset();
    for (agent::Effect& next : finish(effect, now)) for_link.push_back(std::move(next));
  }
  return for_link;
}

}  // namespace serin::simulation
