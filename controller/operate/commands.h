#pragma once

#include <string>
#include <vector>

#include "controller/controller_state.h"

/// What operators ask for. Pure: every verb is checked here, recorded in the audit log, and answered with events.
namespace serin::operate {

/// Who asks, by the kernel's word, and what only the edge knows at that moment.
struct Caller {
  std::uint32_t uid = 0;
  std::string name;  ///< login name of that uid
};
/// A key that was refused in the handshake.
struct PendingKey {
  std::string public_key;  ///< 32 raw bytes
  std::string address;
  std::uint64_t tries = 0;
  std::int64_t last_wall_ms = 0;
};

void take_request(controller::ControllerState& state, const controller::Client& client, const Caller& caller,
                  const OperatorRequest& request, const std::vector<PendingKey>& pending, Now now,
                  controller::Turn& turn);

/// The CLI is gone: its deployments go on without it.
void drop_client(controller::ControllerState& state, const std::string& connection);

}  // namespace serin::operate
