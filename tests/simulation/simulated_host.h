#pragma once

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "agent/agent_core.h"
#include "agent/apply/host_step.h"

namespace serin::simulation {

/// One app server: the agent's real cores over a disk, a clock, a log and hooks that are plain values. Steps are
/// carried out as StepWorker does it: jobs one after the other, what a crash interrupted first. A crash keeps the disk.
class SimulatedHost {
 public:
  struct Behaviour {
    std::set<ReleaseNumber> bad;         ///< logs many errors while live
    std::set<ReleaseNumber> quiet;       ///< logs nothing at all while live
    std::set<ReleaseNumber> deadly;      ///< the host dies two seconds after it was loaded
    std::set<ReleaseNumber> hook_fails;  ///< its reload hook exits 1
    std::set<ReleaseNumber> pull_fails;
    double errors_per_second = 1, errors_when_bad = 20;
    Duration pull_time{800}, hook_time{400};
  };
  /// From when on which release was live, by the fleet's clock.
  struct Lived {
    SteadyTime from;
    ReleaseNumber release = 0;
  };

  SimulatedHost(HostName name, agent::AgentSettings settings, std::string public_key, std::uint64_t seed);

  void boot(Now fleet);   ///< the machine's clock begins anew; starts the agent
  void start(Now fleet);  ///< the agent's process
  void crash();           ///< kill -9 of the agent: its memory is gone, the disk stays
  /// Dies before it carries out the n-th next effect of its steps (1: the next one).
  void crash_before_effect(std::uint32_t n) { dies_before_ = n; }
  void step_wall_clock(Duration by) { wall_skew_ += by; }
  [[nodiscard]] bool running() const { return core_.has_value(); }

  /// Each gives what the agent wants of its link: dial, close, send.
  agent::Effects tick(Now fleet);
  agent::Effects link_up(Now fleet);
  agent::Effects link_end(agent::LinkEnd how, Now fleet);
  agent::Effects receive(const Envelope& envelope, Now fleet);
  /// When tick() is due; only while it runs.
  [[nodiscard]] SteadyTime next_due() const { return work_ ? std::min(next_tick_, work_->done_at) : next_tick_; }

  [[nodiscard]] const HostName& name() const { return name_; }
  [[nodiscard]] const std::string& public_key() const { return public_key_; }
  [[nodiscard]] ReleaseNumber live() const { return live_facts().release; }
  [[nodiscard]] bool ready() const { return core_ && core_->ready(); }
  [[nodiscard]] bool settled() const { return disk_.journal.phase == apply::StepPhase::idle && jobs_.empty(); }
  [[nodiscard]] const apply::StepJournal& journal() const { return disk_.journal; }
  [[nodiscard]] const std::vector<Lived>& lived() const { return lived_; }
  /// What a host may never do and this one did; empty: nothing.
  [[nodiscard]] const std::string& breach() const { return breach_; }
  Behaviour behaviour;

 private:
  struct Disk {
    apply::StepJournal journal;
    std::map<std::string, Release> slots;  ///< complete ones
    std::string live_slot;
  };
  /// What StepWorker's thread does one after the other.
  struct Job {
    bool recover = false;
    std::optional<std::pair<Order, Release>> order;
    std::optional<OrderId> acknowledged;
    bool stopped = false;  ///< staging is to end
  };
  /// An effect that takes time.
  struct Work {
    apply::Effect effect;
    SteadyTime done_at;
  };

  [[nodiscard]] Now here(Now fleet) const;
  agent::Effects end_of_call(agent::Effects effects, Now fleet);
  void take(agent::Effects effects);
  void pump(Now fleet);
  void begin_job(Now fleet);
  void end_job(Now fleet);
  void drive(const apply::Event& event, Now fleet);
  void perform_next_effect(Now fleet);
  void finish(const apply::Effect& effect, Now fleet);
  void count(Now fleet);
  void say(const Outcome& outcome);
  [[nodiscard]] apply::LiveFacts live_facts() const;
  [[nodiscard]] ApplicationStatus status() const;

  HostName name_;
  agent::AgentSettings settings_;
  ApplicationName application_;
  std::string public_key_;
  std::mt19937_64 random_;
  Duration booted_at_{};  ///< its clock is the fleet's minus this
  Duration wall_skew_{};
  std::uint32_t boots_ = 0;

  Disk disk_;
  std::vector<Lived> lived_;
  std::map<OrderId, StepResult> said_;  ///< how each order ended, as told
  std::string breach_;

  // The process
  std::optional<agent::AgentCore> core_;
  apply::StepJournal memory_;  ///< what the process believes; saved by SaveJournal
  std::deque<Job> jobs_;
  std::optional<Job> at_work_;
  std::deque<apply::Effect> effects_;  ///< of the job at work
  std::optional<Work> work_;
  agent::Effects for_link_;
  SteadyTime next_tick_{}, counted_{}, loaded_at_{};
  std::uint32_t dies_before_ = 0;
};

}  // namespace serin::simulation
