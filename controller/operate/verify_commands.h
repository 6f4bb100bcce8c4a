#pragma once

#include <string>

#include "controller/operate/commands.h"

/// `verify`: has hosts compare their live trees with what they should hold, and mend them. Pure.
namespace serin::operate {

/// `serin verify shop web-01` names the application first: which one is meant, and the hosts that are left.
OperatorRequest with_application_named(const controller::ControllerState& state, OperatorRequest request);

/// Asks the named hosts (names or patterns; none: all that are connected) of the application.
void take_verify(controller::ControllerState& state, const controller::Client& client, const OperatorRequest& request,
                 const ApplicationName& application, Now now, controller::Turn& turn);
/// What a host says of a verify; of one that nobody follows any more it is ignored.
void take_verify_report(controller::ControllerState& state, const HostName& host, const VerifyReport& report, Now now,
                        controller::Turn& turn);
/// The host could not read the request with this number: it is an older agent.
void take_verify_problem(controller::ControllerState& state, const HostName& host, std::uint64_t number,
                         const std::string& text, Now now, controller::Turn& turn);
/// Once a second: asks again, gives up on hosts that are gone, tells where it stands.
void tick_verifies(controller::ControllerState& state, Now now, controller::Turn& turn);

}  // namespace serin::operate
