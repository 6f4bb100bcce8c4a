#pragma once

#include <string>

#include "controller/controller_state.h"

namespace serin::fleet {

/// Where a message came from, as the link tells: the host is the key's, never what a body says.
struct Origin {
  HostName host;
  std::string connection;
  std::string address;
};

/// Takes in one message of a host: hello, heartbeat, report or outcome. A message of an old session is answered with
/// Resync. Pure.
void take_host_message(controller::ControllerState& state, const Origin& from, const Envelope& envelope, Now now,
                       controller::Turn& turn);

/// Once a second: hosts that fell silent or were lost.
void tick_hosts(controller::ControllerState& state, Now now, controller::Turn& turn);

}  // namespace serin::fleet
