#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace serin::count {

/// `serin-agent count`: the agent's own counting over files, once, from their beginning to their end.
struct CountCommand {
  std::string rules;        ///< agent.toml, or a file of one source's keys and [[rule]] tables
  std::string application;  ///< of agent.toml; empty: the only one
  std::string
      source;  ///< which source's rules, by its path; empty: the one that each log is a file of, or the only one
  bool json = false;
  std::size_t top = 10;           ///< messages shown
  std::vector<std::string> logs;  ///< "-" is standard input
};

/// Prints the sums on stdout. Returns the exit code: 0; 1 a log cannot be read; 78 the rules cannot be used. Then
/// stderr says why, and nothing is on stdout.
int run_count(const CountCommand& command);

}  // namespace serin::count
