#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/agent_config.h"
#include "agent/pull/source_choice.h"
#include "protocol/messages.h"
#include "protocol/posix/curve_keys.h"

namespace serin::proxy {

/// Serves content to the hosts of the fleet: what it has, and what it does not have as it comes from the controller,
/// asked for there once however many hosts want it. This host's own pulls come through it too. Threads of its own;
/// its functions belong to the agent's loop.
class Proxy {
 public:
  /// Binds; `busy` when the port is in use. Keeps its content in STATE_DIR/proxy. Until it is told of others only this
  /// host may connect.
  static Result<Proxy> start(const agent::AgentSettings& settings, const posix::CurveKeys& keys);
  Proxy(Proxy&&) noexcept;
  Proxy& operator=(Proxy&&) noexcept;
  ~Proxy();

  /// Where the controller serves.
  void fetch_from(const pull::Source& controller);
  /// Who may connect.
  void admit(const FleetKeys& keys);
  /// Where this host itself reaches it.
  [[nodiscard]] const pull::Source& own() const;

 private:
  struct Parts;
  explicit Proxy(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// As the settings say. Without a port what an earlier life kept is removed. One that cannot be started is none, its
/// host deploys all the same: it is logged, and the settings' port is 0 from then on.
std::optional<Proxy> start_if_wanted(agent::AgentSettings& settings, const posix::CurveKeys& keys);

}  // namespace serin::proxy
