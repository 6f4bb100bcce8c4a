#pragma once

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "agent/agent_core.h"
#include "agent/apply/host_step.h"

namespace serin::simulation {

/// One app server: the agent's real cores over a disk, a link and hooks that are plain values. A crash keeps the disk.
class SimulatedHost {
 public:
  struct Behaviour {
    std::set<ReleaseNumber> bad_releases;  ///< log many errors while live
    std::set<ReleaseNumber> hook_fails;    ///< their reload hook exits 1 on this host
    double errors_per_second = 0.2;
    double errors_when_bad = 20;
    Duration pull_time{800}, hook_time{400};
  };

  SimulatedHost(HostName name, agent::AgentSettings settings, std::string public_key, std::uint64_t seed);

  void start(Now now);
  void crash();  ///< kill -9: memory is gone, the disk stays
  [[nodiscard]] bool running() const { return core_.has_value(); }

  /// Gives what the agent wants of its link: dial, close, send.
  agent::Effects tick(Now now);
  agent::Effects link_up(Now now) { return filter(core_->on_link_up(now), now); }
  agent::Effects link_end(Now now) { return filter(core_->on_link_end(agent::LinkEnd::lost, now), now); }
  agent::Effects receive(const Envelope& envelope, Now now) { return filter(core_->on_message(envelope, now), now); }

  [[nodiscard]] const HostName& name() const { return name_; }
  [[nodiscard]] const std::string& public_key() const { return public_key_; }
  [[nodiscard]] ReleaseNumber live() const;
  [[nodiscard]] bool settled() const { return disk_.journal.phase == apply::StepPhase::idle; }
  [[nodiscard]] const apply::StepJournal& journal() const { return disk_.journal; }
  Behaviour behaviour;

 private:
  struct Disk {
    apply::StepJournal journal;
    std::map<std::string, Release> slots;  ///< complete ones
    std::string live_slot;
  };
  /// An effect of the step machine that takes time.
  struct Work {
    apply::Effect effect;
    SteadyTime done_at;
  };

  agent::Effects filter(agent::Effects effects, Now now);
  agent::Effects move_step(const apply::Event& event, Now now);
  agent::Effects finish(const apply::Effect& effect, Now now);
  apply::LiveFacts live_facts() const;
  ApplicationStatus status() const;
  void count_errors(Now now);

  HostName name_;
  agent::AgentSettings settings_;
  ApplicationName application_;
  std::string public_key_;
  std::mt19937_64 random_;
  std::optional<agent::AgentCore> core_;
  Disk disk_;
  apply::StepJournal memory_;          ///< what the process believes; saved by SaveJournal
  std::deque<apply::Effect> effects_;  ///< of the step machine, to be carried out in order
  std::optional<Work> work_;
  std::optional<std::pair<OrderId, ApplicationName>> at_work_;  ///< the order that the core handed out
  SteadyTime counted_{};
};

}  // namespace serin::simulation
