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

/// Runs argv (no shell) in a process group of its own with /dev/null as its input and these variables added to the
/// environment, and waits. After the timeout the group gets SIGTERM and, two seconds later, SIGKILL; a process that
/// left the group and keeps the pipe open is not waited for. An empty argv is a success. Blocks; any thread.
HookResult run_hook(const agent::HookSettings& hook, const std::map<std::string, std::string>& environment);

}  // namespace serin::apply
