#pragma once

#include <vector>

#include "controller/operate/commands.h"

namespace serin::operate {

/// `hosts accept`, `hosts import` and `hosts revoke`. Answers the client.
void accept_host(controller::ControllerState& state, const controller::Client& client, const Caller& caller,
                 const OperatorRequest& request, const std::vector<PendingKey>& pending, Now now,
                 controller::Turn& turn);
void import_hosts(controller::ControllerState& state, const controller::Client& client, const Caller& caller,
                  const OperatorRequest& request, Now now, controller::Turn& turn);
void revoke_host(controller::ControllerState& state, const controller::Client& client, const OperatorRequest& request,
                 Now now, controller::Turn& turn);

}  // namespace serin::operate
