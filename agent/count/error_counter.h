#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "agent/count/findings.h"
#include "agent/count/signature_table.h"
#include "protocol/clock.h"
#include "protocol/messages.h"

namespace serin::count {

/// What a counter must know to go on in another process: written down before a report leaves.
struct CounterState {
  struct Gap {
    std::int64_t second = 0;
    std::string text;
    friend bool operator==(const Gap&, const Gap&) = default;
  };
  RunTotals totals;
  std::vector<SecondCounts> seconds;  ///< ascending; the last one may be unfinished
  std::vector<Gap> gaps;
  friend bool operator==(const CounterState&, const CounterState&) = default;
};

/// When the lines were written that are counted now.
enum class Written {
  lately,   ///< within kAssumedRunning seconds: they belong to the newest second
  earlier,  ///< nobody looked meanwhile: they belong to no second, only to the totals
};

/// Counts what one application logs, per second of the reader's clock, so that a report can be rebuilt after a lost
/// one. Keeps limits::kReportedSecondsKept; every second is present from the first advance() on, also a quiet one:
/// silence must be told apart from not looking. The exception are seconds in which the process did not run: when
/// advance() comes more than kAssumedRunning seconds after the last one, those between are absent, never zero. Of a
/// second's messages the limits::kSignaturesPerSecond most frequent are kept, the last of them being all others
/// together (SignatureTable::others()) when there are more: their sum is exact. Single-threaded, never fails.
class ErrorCounter {
 public:
  static constexpr std::int64_t kAssumedRunning = 2;

  /// Time has come to this: seconds up to it exist now. Never goes back.
  void advance(SteadyTime now);
  /// Adds to the totals and, when written lately, to the newest second, together with the messages that signatures()
  /// has taken in since the last call. Nothing is counted before the first advance().
  void add(const Findings& found, Written written);
  /// The messages of its errors.
  SignatureTable& signatures() { return signatures_; }
  [[nodiscard]] const SignatureTable& signatures() const { return signatures_; }
  /// Bytes that are never read; lines that the journal dropped.
  void note_skipped(std::uint64_t bytes) { totals_.skipped_bytes += bytes; }
  void note_suppressed(std::uint64_t lines) { totals_.suppressed += lines; }
  /// Something was not seen: until the newest second is over.
  void note_gap(const std::string& text);

  /// Finished seconds from `since` on, ascending; at most limits::kReportedSecondsKept.
  [[nodiscard]] std::vector<SecondCounts> seconds_since(std::int64_t since) const;
  /// The messages of seconds from `since` on, the unfinished one too; ascending, none twice.
  [[nodiscard]] std::vector<SignatureId> messages_since(std::int64_t since) const;
  /// What was not seen in those seconds; empty: everything was. At most kGapBytesMax.
  [[nodiscard]] std::string gaps_since(std::int64_t since) const;
  /// The same for one finished second.
  [[nodiscard]] std::string gap_in(std::int64_t second) const;

  [[nodiscard]] const RunTotals& totals() const { return totals_; }

  /// Seconds from `since` on, the unfinished one too, and all totals.
  [[nodiscard]] CounterState state(std::int64_t since) const;
  /// Goes on where another process stopped; before anything is added. What is from after `now` is left out.
  void restore(const CounterState& state, SteadyTime now);

  static constexpr std::size_t kGapBytesMax = 1'000;

 private:
  [[nodiscard]] std::string gaps_between(std::int64_t since, std::int64_t until) const;

  void add_signatures(SecondCounts& second, const std::vector<SignatureCount>& counts);

  std::deque<SecondCounts> seconds_;
  std::deque<CounterState::Gap> gaps_;
  RunTotals totals_;
  SignatureTable signatures_;
};

}  // namespace serin::count
