#include "controller/release/task_crew_loop.h"

#include <algorithm>
#include <utility>

namespace serin::release {

namespace {

constexpr unsigned kThreadsMax = 8;
/// A thread is worth its start when so much waits for each that there is.
constexpr std::size_t kWeightWorthAThread = 50;

}  // namespace

TaskCrew::TaskCrew(unsigned threads)
    : others_max_((threads > 0 ? threads : std::clamp(std::thread::hardware_concurrency(), 1U, kThreadsMax)) - 1) {}

void TaskCrew::add(Task task, std::size_t weight) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back({std::move(task), weight});
  weight_ += weight;
  ++open_;
  if (others_.size() < others_max_ && weight_ > kWeightWorthAThread * (others_.size() + 1)) {
    others_.emplace_back([this] { work(); });
  } else if (idle_ > 0) {
    changed_.notify_one();
  }
}

void TaskCrew::run() {
  work();
  others_.clear();
}

void TaskCrew::work() {
  std::unique_lock lock(mutex_);
  while (open_ > 0) {
    if (waiting_.empty()) {
      ++idle_;
      changed_.wait(lock, [this] { return !waiting_.empty() || open_ == 0; });
      --idle_;
      continue;
    }
    auto [task, weight] = std::move(waiting_.back());
    waiting_.pop_back();
    weight_ -= weight;
    lock.unlock();
    task();
    task = nullptr;  // what it holds may be slow to end
    lock.lock();
    if (--open_ == 0) changed_.notify_all();
  }
}

}  // namespace serin::release
