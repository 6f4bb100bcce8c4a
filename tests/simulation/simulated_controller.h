#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "controller/commit_queue.h"
#include "controller/controller_core.h"
#include "tests/simulation/memory_store.h"

namespace serin::simulation {

/// The daemon's loop around the real core and commit queue, over a store that is memory and takes its time. It can die
/// at any point: what was not committed then never happened.
class SimulatedController {
 public:
  using CarryOut = std::function<void(const controller::Effect&)>;
  SimulatedController(controller::ControllerSettings settings, SigningKey key, std::uint64_t seed, CarryOut carry_out);

  void start(Now now);
  void crash();
  [[nodiscard]] bool running() const { return core_.has_value(); }
  /// Dies at the n-th next point: a turn that was thought and not kept, rows given to the store, rows committed, an
  /// effect carried out (1: the next one).
  void crash_at_point(std::uint32_t n) { dies_at_ = n; }

  Duration commit_time{10};  ///< of one transaction
  bool disk_full = false;    ///< commits fail and are tried again every second

  // What the loop takes in; while it runs
  void take_message(const fleet::Origin& from, const Envelope& envelope, Now now);
  void take_request(const OperatorRequest& request, Now now);
  void take_build(const ApplicationName& application, const release::BuildResult& built, Now now);
  void take_collected();

  /// When go_on() is due.
  [[nodiscard]] SteadyTime next_due() const;
  /// Ticks, and commits that are done by now.
  void go_on(Now now);
  /// The end of one turn of the loop: rows go to the store.
  void end_turn(Now now);

  [[nodiscard]] const controller::ControllerState& state() const { return core_->state(); }
  [[nodiscard]] MemoryStore& store() { return store_; }
  [[nodiscard]] const MemoryStore& store() const { return store_; }
  /// Rows are on their way to the store.
  [[nodiscard]] bool storing() const { return !jobs_.empty(); }
  [[nodiscard]] std::uint64_t commits() const { return commits_; }

 private:
  void take(controller::Turn turn);
  void carry_out(const std::vector<controller::Effect>& effects);
  bool dies_here();

  controller::ControllerSettings settings_;
  SigningKey signing_key_;
  std::mt19937_64 random_;
  CarryOut carry_out_;
  MemoryStore store_;
  std::optional<controller::ControllerCore> core_;
  controller::CommitQueue queue_;
  struct Job {
    controller::CommitQueue::Job rows;
    SteadyTime done_at;
  };
  std::deque<Job> jobs_;
  SteadyTime next_tick_{};
  std::uint32_t dies_at_ = 0;
  std::uint64_t newest_request_ = 0, commits_ = 0;
};

}  // namespace serin::simulation
