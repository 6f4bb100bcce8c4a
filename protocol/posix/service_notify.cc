#include "protocol/posix/service_notify.h"

#include <systemd/sd-daemon.h>

#include <algorithm>

namespace serin::posix {

namespace {

/// One assignment a line: a line feed in the text would begin another.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// Failures are ignored throughout: systemd may be absent, and there is nobody else to tell.
void tell(const std::string& state) {
  ::sd_notify(0, state.c_str());
}

}  // namespace

void notify_ready(const std::string& status) {
  tell("READY=1\nSTATUS=" + one_line(status));
}
void notify_status(const std::string& status) {
  tell("STATUS=" + one_line(status));
}
void notify_stopping() {
  tell("STOPPING=1");
}
void notify_watchdog() {
  tell("WATCHDOG=1");
}

}  // namespace serin::posix
