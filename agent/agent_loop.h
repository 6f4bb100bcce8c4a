#pragma once

#include <memory>

#include "agent/agent_config.h"
#include "protocol/error.h"

namespace serin::agent {

/// The agent daemon: one thread that owns the core, the link and the log files; steps run in one worker thread for each
/// application.
class AgentLoop {
 public:
  /// Makes the state folder and the key at the first start. `busy` when another agent uses the state folder.
  static Result<AgentLoop> open(const AgentSettings& settings);
  AgentLoop(AgentLoop&&) noexcept;
  AgentLoop& operator=(AgentLoop&&) noexcept;
  ~AgentLoop();

  /// Until SIGTERM or SIGINT.
  void run();

 private:
  struct Parts;
  explicit AgentLoop(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::agent
