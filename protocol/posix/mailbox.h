#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "protocol/posix/unique_fd.h"

namespace serin::posix {

/// An eventfd that wakes a poll loop. signal() from any thread.
class WakeUp {
 public:
  WakeUp();
  [[nodiscard]] int fd() const { return fd_.get(); }
  void signal() const;
  void clear() const;

 private:
  UniqueFd fd_;
};

/// Sleeps for `length`, or until `stop` is requested.
void wait_or_stop(std::chrono::milliseconds length, const std::stop_token& stop);

/// Values from one thread to another; with Guarded the only class of the project that holds a mutex. post() and the
/// takes may be called from any thread. Unbounded: senders keep their own bounds (credit, one job at a time).
template <class T>
class Mailbox {
 public:
  void post(T value) {
    {
      const std::lock_guard lock(mutex_);
      values_.push_back(std::move(value));
    }
    ready_.notify_one();
    wake_up_.signal();
  }
  /// Nothing when it is empty. For the loop that polls fd().
  std::optional<T> take() {
    const std::lock_guard lock(mutex_);
    if (values_.empty()) {
      wake_up_.clear();
      return std::nullopt;
    }
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }
  /// Waits for a value; nothing once `stop` is requested. For worker threads.
  std::optional<T> wait(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!ready_.wait(lock, stop, [this] { return !values_.empty(); })) return std::nullopt;
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }
  /// Nothing also when `most` has passed.
  std::optional<T> wait_for(const std::stop_token& stop, std::chrono::milliseconds most) {
    std::unique_lock lock(mutex_);
    if (!ready_.wait_for(lock, stop, most, [this] { return !values_.empty(); })) return std::nullopt;
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }
  /// Readable when something may be there.
  [[nodiscard]] int fd() const { return wake_up_.fd(); }

 private:
  std::mutex mutex_;
  std::condition_variable_any ready_;
  std::deque<T> values_;
  WakeUp wake_up_;
};

/// One value that two threads look at, for questions that need an answer at once; where a message does, use Mailbox.
/// The function given to with() runs under the lock: short, no input or output, no other lock. What it returns must be
/// a copy, never a reference into the value.
template <class T>
class Guarded {
 public:
  template <class Function>
  auto with(Function&& function) {
    const std::lock_guard lock(mutex_);
    return std::forward<Function>(function)(value_);
  }

 private:
  std::mutex mutex_;
  T value_;
};

}  // namespace serin::posix
