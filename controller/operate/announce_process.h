#pragma once

#include <string>
#include <vector>

#include "protocol/error.h"

namespace serin::operate {

/// Runs the configured announce hook: ARGV… KIND APPLICATION TEXT, in a session of its own, detached from the daemon:
/// it is not waited for and its failure changes nothing. Call ignore_children() once in main so that it leaves no
/// zombie.
Result<void> announce(const std::vector<std::string>& argv, const std::string& kind, const std::string& application,
                      const std::string& text);
void ignore_children();

}  // namespace serin::operate
