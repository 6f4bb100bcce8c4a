#pragma once

#include <memory>
#include <string>

#include "agent/agent_config.h"
#include "agent/count/error_counter.h"
#include "agent/count/source_matcher.h"
#include "protocol/clock.h"
#include "protocol/error.h"

namespace serin::count {

/// Follows the journal's entries of some units, as `journalctl -u` finds them (their own, and what systemd says of
/// them), through sd-journal. Each entry is given to the matcher as the lines of journal_entry.h and is counted once,
/// over rotations and restarts: a cursor says how far it has been read. With source.priority below 7 the others are
/// never decoded, so that lines are only those of such priority. What journald suppressed of the units (its own rate
/// limit) is counted as suppressed. Entries older than ErrorCounter::kAssumedRunning by their own time count as
/// written earlier. What was vacuumed unread is a gap. Single-threaded.
///
/// Anonymous memory: some 200 KB, whatever the entries; their files are mapped.
class JournalFollower {
 public:
  /// `cursor`: of an earlier cursor(), to go on behind it; empty, or not a cursor: from the journal's end.
  /// `text`: of an earlier text() of that moment.
  /// Fails as `refused` when the journal cannot be read (with the remedy), `not_found` when there is none.
  static Result<JournalFollower> open(const agent::SourceSettings& source, const std::string& cursor,
                                      const std::string& text = "");
  JournalFollower(JournalFollower&&) noexcept;
  JournalFollower& operator=(JournalFollower&&) noexcept;
  ~JournalFollower();

  /// Counts what is new, at most limits::kJournalEntriesPerTurn entries or limits::kReadBytesPerTurn; true when
  /// something was left. A damaged or vanished file is survived by opening the journal again behind the last entry.
  /// After a failure the next call tries again.
  Result<bool> read(const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter);
  /// Behind the last entry that was counted. Any printable bytes, at most a few hundred.
  [[nodiscard]] std::string cursor() const;
  /// The events there that may go on: TextState::saved().
  [[nodiscard]] std::string text() const;

 private:
  struct Parts;
  explicit JournalFollower(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::count
