#include "tests/simulation/simulated_controller.h"

#include <fmt/format.h>

#include <algorithm>

namespace serin::simulation {

namespace {
constexpr Duration kTick{500};
constexpr Duration kTriesAgainAfter{1'000};
}  // namespace

SimulatedController::SimulatedController(controller::ControllerSettings settings, SigningKey key, std::uint64_t seed,
                                         CarryOut carry_out)
    : settings_(std::move(settings)), signing_key_(std::move(key)), random_(seed), carry_out_(std::move(carry_out)) {}

void SimulatedController::start(Now now) {
  core_.emplace(settings_, signing_key_, store_.load(), fmt::format("controller-{}", random_()),
                random_() % 1'000'000'000 + 1);
  next_tick_ = now.steady + kTick;
  take(core_->start(now));
  if (core_) end_turn(now);
}

void SimulatedController::crash() {
  core_.reset();
  queue_ = {};
  jobs_.clear();
  dies_at_ = 0;
}

bool SimulatedController::dies_here() {
  if (!core_) return true;
  if (dies_at_ == 0 || --dies_at_ > 0) return false;
  crash();
  return true;
}

void SimulatedController::take(controller::Turn turn) {
  if (dies_here()) return;
  carry_out(queue_.add(std::move(turn)));
}

void SimulatedController::carry_out(const std::vector<controller::Effect>& effects) {
  for (const controller::Effect& effect : effects) {
    carry_out_(effect);
    if (dies_here()) return;
  }
}

void SimulatedController::take_message(const fleet::Origin& from, const Envelope& envelope, Now now) {
  take(core_->on_host_message(from, envelope, now));
}

void SimulatedController::take_request(const OperatorRequest& request, Now now) {
  take(core_->on_request({"cli", ++newest_request_}, {.uid = 1'000, .name = "alice"}, request, {}, now));
}

void SimulatedController::take_build(const ApplicationName& application, const release::BuildResult& built, Now now) {
  take(core_->on_built(application, built, now));
}

void SimulatedController::take_collected() {
  if (core_) take(core_->on_collected(release::CollectResult{.objects = 1, .bytes = 1}));
}

SteadyTime SimulatedController::next_due() const {
  return jobs_.empty() ? next_tick_ : std::min(next_tick_, jobs_.front().done_at);
}

void SimulatedController::go_on(Now now) {
  while (core_ && !jobs_.empty() && jobs_.front().done_at <= now.steady) {
    if (disk_full) {
      jobs_.front().done_at = now.steady + kTriesAgainAfter;
      core_->set_read_only("database: the disk is full");
      break;
    }
    const controller::CommitQueue::Job job = std::move(jobs_.front().rows);
    jobs_.pop_front();
    store_.commit(job.records);
    ++commits_;
    core_->set_read_only({});
    if (dies_here()) return;
    carry_out(queue_.committed(job.id));
  }
  if (core_ && now.steady >= next_tick_) {
    next_tick_ = now.steady + kTick;
    take(core_->on_tick(now));
  }
}

void SimulatedController::end_turn(Now now) {
  auto job = queue_.next_job();
  if (!job || dies_here()) return;
  const SteadyTime begun = jobs_.empty() ? now.steady : jobs_.back().done_at;
  jobs_.push_back({std::move(*job), std::max(begun, now.steady) + commit_time});
}

}  // namespace serin::simulation
