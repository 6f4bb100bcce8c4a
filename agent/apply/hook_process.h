#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/agent_config.h"

namespace serin::apply {

/// How a hook ended.
struct HookResult {
  bool ok = false;
  std::int32_t exit_status = 0;  ///< 128 + signal when it was killed; 127 when it could not be started
  std::string output;            ///< stdout and stderr, at most limits::kHookOutputBytesKept: the beginning and the end
};

/// Runs argv (no shell) in a process group of its own, with /dev/null as its input, default signals, and the agent's
/// environment without what systemd told the agent (NOTIFY_SOCKET, WATCHDOG_*, LISTEN_*) and with these variables
/// added; and waits for that process alone: what it leaves behind may go on, and is not waited for even when it keeps
/// the output open. After the timeout the group gets SIGTERM and, two seconds later or once all its output is closed,
/// SIGKILL. A process that not even that ends is given up after five seconds more, so that this always returns. An
/// empty argv is a success. Blocks; any thread.
HookResult run_hook(const agent::HookSettings& hook, const std::map<std::string, std::string>& environment);

}  // namespace serin::apply
