#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "controller/turn.h"

namespace serin::controller {

/// Recorded, then acted: keeps the effects of turns until the rows that they rest on are durable. The loop adds turns,
/// posts the gathered rows as one transaction, and carries out what each call gives, in order. Pure; single-threaded.
///
/// Welcomes, heartbeat replies, resyncs and problems to a host reveal no decision: they never wait, so that hosts stay
/// connected while the disk is slow or full. Orders and acknowledged outcomes rest on all that was decided before, and
/// a turn that only repeats them has no rows of its own: they wait for every row that is not durable yet. All else
/// waits for the rows of its own turn.
class CommitQueue {
 public:
  /// Rows for one transaction.
  struct Job {
    std::uint64_t id = 0;
    std::vector<Record> records;
  };

  /// Takes a turn in; gives what is to be carried out at once.
  std::vector<Effect> add(Turn turn);
  /// The rows added since the last job; nothing when there are none.
  std::optional<Job> next_job();
  /// This job and all before it are durable; gives what waited for them.
  std::vector<Effect> committed(std::uint64_t job);

 private:
  std::vector<Record> gathered_records_;
  std::vector<Effect> gathered_effects_;
  std::deque<std::pair<std::uint64_t, std::vector<Effect>>> waiting_;
  std::uint64_t newest_job_ = 0;
};

}  // namespace serin::controller
