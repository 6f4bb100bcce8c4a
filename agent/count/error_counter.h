#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "protocol/clock.h"
#include "protocol/messages.h"

namespace serin::count {

/// Counts lines and error lines of one application per second of the reader's clock, so that a report can be rebuilt
/// after a lost one. Keeps limits::kReportedSecondsKept; every second is present from the first advance() on, also a
/// quiet one: silence must be told apart from not looking. The exception are seconds in which the process did not run:
/// when advance() comes more than kAssumedRunning seconds after the last one, those between are absent, never zero, and
/// what is read late counts in the second in which it is read. Single-threaded, never fails.
class ErrorCounter {
 public:
  static constexpr std::int64_t kAssumedRunning = 2;

  /// Time has come to this: seconds up to it exist now. Never goes back.
  void advance(SteadyTime now);
  /// Adds to the newest second. Nothing is counted before the first advance().
  void add(std::uint32_t lines, std::uint32_t errors);
  /// Something was not seen: until the newest second is over.
  void note_gap(const std::string& text);

  /// Finished seconds from `since` on, ascending; at most limits::kReportedSecondsKept.
  [[nodiscard]] std::vector<SecondCounts> seconds_since(std::int64_t since) const;
  /// What was not seen in those seconds; empty: everything was. At most kGapBytesMax.
  [[nodiscard]] std::string gaps_since(std::int64_t since) const;
  /// The same for one finished second.
  [[nodiscard]] std::string gap_in(std::int64_t second) const;

  static constexpr std::size_t kGapBytesMax = 1'000;

 private:
  [[nodiscard]] std::string gaps_between(std::int64_t since, std::int64_t until) const;

  struct Gap {
    std::int64_t second;
    std::string text;
  };
  std::deque<SecondCounts> seconds_;
  std::deque<Gap> gaps_;
};

}  // namespace serin::count
