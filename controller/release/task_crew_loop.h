#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace serin::release {

/// Runs tasks that make further tasks, in the caller's thread and, while many wait, in others. What was added last is
/// taken first, so that a walk through a tree goes deep before it goes wide, and in one thread in a known order.
class TaskCrew {
 public:
  using Task = std::function<void()>;

  /// `threads`: at most so many, the caller's included; 0: one for each processor, at most 8.
  explicit TaskCrew(unsigned threads);
  TaskCrew(const TaskCrew&) = delete;
  TaskCrew& operator=(const TaskCrew&) = delete;

  /// From any thread, also from within a task. `weight`: how long it may take, in about 10 µs.
  void add(Task task, std::size_t weight = 1);
  /// Works until no task is left; other threads have ended then. From one thread at a time.
  void run();

 private:
  struct Waiting {
    Task task;
    std::size_t weight;
  };
  void work();

  const std::size_t others_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiting> waiting_;
  std::size_t weight_ = 0;  ///< of what waits
  std::size_t open_ = 0;    ///< waiting or being run
  std::size_t idle_ = 0;    ///< threads without a task
  std::vector<std::jthread> others_;
};

}  // namespace serin::release
