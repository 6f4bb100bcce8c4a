#pragma once

#include <string>

namespace serin::posix {

/// Tells systemd; does nothing when not started by it.
void notify_ready(const std::string& status);
void notify_status(const std::string& status);
void notify_stopping();
/// "I am alive": from the loop that does the work.
void notify_watchdog();

}  // namespace serin::posix
