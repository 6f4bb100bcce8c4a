#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "controller/state_db.h"
#include "protocol/posix/mailbox.h"

namespace serin::controller {

/// Commits rows in its own thread, in the order given, so that the loop never waits for a disk. A commit that fails is
/// tried again every second until it goes through: nothing is dropped and nothing overtakes. post() and take() belong
/// to the loop's thread.
class StoreWorker {
 public:
  /// News of the jobs.
  struct News {
    std::uint64_t job = 0;  ///< committed; with `trouble` set: still waiting
    std::string trouble;    ///< why the database refuses
  };

  explicit StoreWorker(StateDb database);
  /// Stops after what is queued is committed (or, when the database refuses, at once).
  ~StoreWorker();

  void post(std::uint64_t job, std::vector<Record> records);
  std::optional<News> take() { return news_.take(); }
  [[nodiscard]] int fd() const { return news_.fd(); }

 private:
  struct Job {
    std::uint64_t id = 0;
    std::vector<Record> records;
    bool last = false;
  };
  void run(const std::stop_token& stop);
  bool commit(const Job& job, const std::stop_token& stop);

  StateDb database_;
  posix::Mailbox<Job> jobs_;
  posix::Mailbox<News> news_;
  std::jthread thread_;
};

}  // namespace serin::controller
