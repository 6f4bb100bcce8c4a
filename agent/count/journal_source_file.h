#pragma once

#include <optional>
#include <string>

#include "agent/agent_config.h"
#include "agent/count/error_counter.h"
#include "agent/count/journald_file.h"
#include "agent/count/source_matcher.h"
#include "protocol/clock.h"

namespace serin::count {

/// One source of an application that is the journal: opened when it can be, and again every second when it cannot.
struct JournalSource {
  SourceMatcher matcher;
  agent::SourceSettings settings;
  std::string cursor;                       ///< where to begin; then how far it has been read
  std::string text;                         ///< what was understood there: TextState::saved()
  std::optional<JournalFollower> follower;  ///< none: it could not be opened
  std::optional<SteadyTime> tried;          ///< when it was to be opened last
  std::string problem;                      ///< why nothing is seen; empty: all is
};

/// "journal of php8.2-fpm.service, cart@1.service in /var/log/journal/remote"; no two sources have the same.
std::string name_of(const agent::SourceSettings& source);

/// Counts what is new, as JournalFollower::read() does; true when something was left. What keeps it from reading stands
/// in source.problem afterwards.
bool read_journal(JournalSource& source, SteadyTime now, ErrorCounter& counter);

}  // namespace serin::count
