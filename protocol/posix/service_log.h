#pragma once

#include <string>

namespace serin::posix {

/// Where the daemon's log lines go from now on: stdout, from `level` ("info" …) on, written through at once. When that
/// is systemd's journal (JOURNAL_STREAM names it), each line has the prefix that carries its priority and no time,
/// which the journal knows itself; elsewhere the time and the level stand first. Call before threads exist.
void begin_log(const std::string& level);

}  // namespace serin::posix
