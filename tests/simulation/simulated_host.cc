#include "tests/simulation/simulated_host.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/digest.h"

namespace serin::simulation {

namespace {

constexpr Duration kTick{250};
constexpr Duration kDiesAfter{2'000};
constexpr double kLinesPerSecond = 8;
constexpr std::int64_t kUptimeMax = 100'000'000;

std::uint32_t poisson(double mean, std::mt19937_64& random) {
  return mean > 0 ? static_cast<std::uint32_t>(std::poisson_distribution<int>(mean)(random)) : 0;
}

}  // namespace

SimulatedHost::SimulatedHost(HostName name, agent::AgentSettings settings, std::string public_key, std::uint64_t seed)
    : name_(std::move(name)),
      settings_(std::move(settings)),
      application_(settings_.applications.begin()->first),
      public_key_(std::move(public_key)),
      random_(seed) {}

Now SimulatedHost::here(Now fleet) const {
  return {fleet.steady - booted_at_, fleet.wall + wall_skew_};
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
  if (status.state == HostState::unknown && facts.release != 0) status.state = HostState::loaded;
  for (const auto& [slot, release] : disk_.slots) status.slots.push_back(release.number);
  return status;
}

void SimulatedHost::boot(Now fleet) {
  crash();
  ++boots_;
  const Duration uptime{std::uniform_int_distribution<std::int64_t>(10'000, kUptimeMax)(random_)};
  booted_at_ = fleet.steady.time_since_epoch() - uptime;
  start(fleet);
}

void SimulatedHost::start(Now fleet) {
  core_.emplace(settings_,
                agent::Identity{.public_key = public_key_,
                                .instance = to_hex(std::to_string(random_())),
                                .boot_id = fmt::format("boot-{}", boots_),
                                .machine = name_},
                random_(), here(fleet));
  memory_ = disk_.journal;
  next_tick_ = fleet.steady + Duration{static_cast<std::int64_t>(random_() % 250)};
  counted_ = fleet.steady;
  loaded_at_ = fleet.steady;
  jobs_.push_back({.recover = true});
}

void SimulatedHost::crash() {
  core_.reset();
  jobs_.clear();
  at_work_.reset();
  effects_.clear();
  work_.reset();
  for_link_.clear();
  dies_before_ = 0;
}

// ---- the loop ----

agent::Effects SimulatedHost::tick(Now fleet) {
  if (fleet.steady >= next_tick_) {
    next_tick_ = fleet.steady + kTick;
    take(core_->on_tick(here(fleet)));
    count(fleet);
    if (behaviour.deadly.contains(live()) && memory_.phase == apply::StepPhase::idle &&
        fleet.steady - loaded_at_ > kDiesAfter) {
      crash();
      return {};
    }
  }
  return end_of_call({}, fleet);
}

agent::Effects SimulatedHost::link_up(Now fleet) {
  return end_of_call(core_->on_link_up(here(fleet)), fleet);
}

agent::Effects SimulatedHost::link_end(agent::LinkEnd how, Now fleet) {
  return end_of_call(core_->on_link_end(how, here(fleet)), fleet);
}

agent::Effects SimulatedHost::receive(const Envelope& envelope, Now fleet) {
  return end_of_call(core_->on_message(envelope, here(fleet)), fleet);
}

agent::Effects SimulatedHost::end_of_call(agent::Effects effects, Now fleet) {
  take(std::move(effects));
  pump(fleet);
  return std::exchange(for_link_, {});
}

/// Keeps what the host does by itself; the rest is for the link.
void SimulatedHost::take(agent::Effects effects) {
  for (agent::Effect& effect : effects) {
    if (auto* run = std::get_if<agent::RunOrder>(&effect)) {
      jobs_.push_back({.order = std::pair{std::move(run->order), std::move(run->release)}});
    } else if (const auto* done = std::get_if<agent::AcknowledgeOutcome>(&effect)) {
      jobs_.push_back({.acknowledged = done->order});
    } else if (std::holds_alternative<agent::StopStaging>(effect)) {
      const auto newest =
          std::find_if(jobs_.rbegin(), jobs_.rend(), [](const Job& job) { return job.order.has_value(); });
      if (newest != jobs_.rend()) {
        newest->stopped = true;
      } else if (at_work_) {
        at_work_->stopped = true;
      }
    } else if (const auto* sent = std::get_if<agent::SendMessage>(&effect)) {
      if (const auto* outcome = std::get_if<Outcome>(&sent->envelope.message)) say(*outcome);
      for_link_.push_back(std::move(effect));
    } else {
      for_link_.push_back(std::move(effect));
    }
  }
}

void SimulatedHost::say(const Outcome& outcome) {
  const auto [known, is_new] = said_.try_emplace(outcome.order, outcome.result);
  if (is_new || known->second == outcome.result || !breach_.empty()) return;
  breach_ = fmt::format("{} said of order {}.{} first {}, then {}", name_, outcome.order.deployment,
                        outcome.order.sequence, name_of(known->second), name_of(outcome.result));
}

void SimulatedHost::count(Now fleet) {
  const double seconds = std::chrono::duration<double>(fleet.steady - counted_).count();
  counted_ = fleet.steady;
  if (behaviour.quiet.contains(live())) return;
  const bool bad = behaviour.bad.contains(live());
  const auto errors = poisson(seconds * (bad ? behaviour.errors_when_bad : behaviour.errors_per_second), random_);
  core_->counter(application_)
      .add({.lines = errors + poisson(seconds * kLinesPerSecond, random_), .errors = errors}, count::Written::lately);
}

// ---- the worker ----

void SimulatedHost::pump(Now fleet) {
  while (core_) {
    if (work_) {
      const bool stops = at_work_ && at_work_->stopped && std::holds_alternative<apply::Stage>(work_->effect);
      if (!stops && fleet.steady < work_->done_at) return;
      const apply::Effect effect = std::move(work_->effect);
      work_.reset();
      finish(effect, fleet);
    } else if (!effects_.empty()) {
      perform_next_effect(fleet);
    } else if (at_work_) {
      end_job(fleet);
    } else if (!jobs_.empty()) {
      begin_job(fleet);
    } else {
      return;
    }
  }
}

void SimulatedHost::begin_job(Now fleet) {
  at_work_ = std::move(jobs_.front());
  jobs_.pop_front();
  if (at_work_->recover) {
    drive(apply::AgentRestarted{disk_.live_slot}, fleet);
  } else if (at_work_->acknowledged) {
    drive(apply::OutcomeAcknowledged{*at_work_->acknowledged}, fleet);
  } else {
    drive(apply::OrderCame{at_work_->order->first, at_work_->order->second}, fleet);
  }
}

void SimulatedHost::end_job(Now fleet) {
  const Job job = std::move(*at_work_);
  at_work_.reset();
  if (job.acknowledged) return;
  if (memory_.outcome && !memory_.acknowledged) take(core_->on_outcome(*memory_.outcome, here(fleet)));
  take(core_->on_status(status(), here(fleet)));
  if (job.order) take(core_->on_step_ended(job.order->first.application));
}

void SimulatedHost::drive(const apply::Event& event, Now fleet) {
  apply::Advance advance = apply::advance(std::move(memory_), event, live_facts(), here(fleet));
  memory_ = std::move(advance.next);
  for (apply::Effect& effect : advance.effects) effects_.push_back(std::move(effect));
}

void SimulatedHost::perform_next_effect(Now fleet) {
  if (dies_before_ > 0 && --dies_before_ == 0) {
    crash();
    return;
  }
  apply::Effect effect = std::move(effects_.front());
  effects_.pop_front();
  if (std::holds_alternative<apply::SaveJournal>(effect)) {
    disk_.journal = memory_;
    take(core_->on_status(status(), here(fleet)));
  } else if (std::holds_alternative<apply::ReportOutcome>(effect)) {
    take(core_->on_status(status(), here(fleet)));
  } else {
    const bool pulls = std::holds_alternative<apply::Stage>(effect);
    const bool hooks =
        std::holds_alternative<apply::RunHooks>(effect) || std::holds_alternative<apply::RunReload>(effect);
    const Duration takes = pulls ? behaviour.pull_time : hooks ? behaviour.hook_time : Duration{5};
    work_ = Work{std::move(effect), fleet.steady + takes};
  }
}

void SimulatedHost::finish(const apply::Effect& effect, Now fleet) {
  if (const auto* stage = std::get_if<apply::Stage>(&effect)) {
    if (at_work_ && at_work_->stopped) {
      drive(apply::StageFailed{"pull", "a newer order took its place"}, fleet);
    } else if (behaviour.pull_fails.contains(stage->release.number)) {
      drive(apply::StageFailed{"pull", "an object is missing"}, fleet);
    } else {
      const std::string slot = stage->release.slot_name();
      disk_.slots[slot] = stage->release;
      drive(apply::Staged{slot, 1'000}, fleet);
    }
  } else if (const auto* link = std::get_if<apply::LinkTo>(&effect)) {
    const apply::StepPhase phase = disk_.journal.phase;
    if (phase != apply::StepPhase::switching && phase != apply::StepPhase::reverting) {
      breach_ = name_ + " switches and its journal does not know of it";
    }
    disk_.live_slot = link->slot;
    loaded_at_ = fleet.steady;
    lived_.push_back({fleet.steady, live()});
    drive(apply::Linked{}, fleet);
  } else if (std::holds_alternative<apply::RunHooks>(effect) || std::holds_alternative<apply::RunReload>(effect)) {
    const bool ok = !behaviour.hook_fails.contains(live());
    loaded_at_ = fleet.steady;
    drive(apply::HookEnded{ok, "reload hook", ok ? 0 : 1, ok ? "" : "exit 1"}, fleet);
  } else if (const auto* discard = std::get_if<apply::DiscardStaged>(&effect)) {
    if (discard->slot != disk_.live_slot) disk_.slots.erase(discard->slot);
    drive(apply::Discarded{}, fleet);
  }
}

}  // namespace serin::simulation
