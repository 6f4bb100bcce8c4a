#pragma once

#include <string>

#include "controller/controller_state.h"

/// What the fleet logs now: `serin errors`. Pure.
namespace serin::operate {

/// Errors and messages of an application's hosts since `request.since_ms` (0: ten minutes, which is the most that is
/// kept), of the hosts of `request.group` only when it is given: "canary", "proxy", "fleet", or a label. As text for
/// people and as one JSON document, which has each host's exact totals too. A group without a host, or a length of time
/// that is not kept, is a usage error. O(hosts x messages).
OperatorEvent render_errors(const controller::ControllerState& state, const ApplicationName& application,
                            const OperatorRequest& request, Now now);

}  // namespace serin::operate
