#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "controller/controller_config.h"
#include "protocol/error.h"

namespace serin::controller {

/// The controller daemon: one thread that owns the core, the orders socket and the operator socket; commits, builds and
/// content have threads of their own and speak to it through mailboxes. Rows of a turn are durable before its effects
/// are carried out.
class DaemonLoop {
 public:
  /// Locks the state folder, loads the state, makes keys at the first start, and binds. Errors name the file, socket or
  /// setting and the remedy. Nothing else on the machine has changed when it fails.
  static Result<DaemonLoop> open(const ControllerSettings& settings);
  DaemonLoop(DaemonLoop&&) noexcept;
  DaemonLoop& operator=(DaemonLoop&&) noexcept;
  ~DaemonLoop();

  /// Until SIGTERM or SIGINT.
  void run();

 private:
  struct Parts;
  explicit DaemonLoop(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// What agents must be told, from the key files under `state_dir` (made when missing): the controller's CURVE key and
/// the release key, as lines of agent.toml.
Result<std::string> public_keys_text(const std::filesystem::path& state_dir);

}  // namespace serin::controller
