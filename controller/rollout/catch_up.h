#pragma once

#include "controller/controller_state.h"

namespace serin::rollout {

/// Brings hosts that were away, are new or missed a deployment to the release that their application should run, while
/// no deployment of it is active: at most kCatchUpsAtOnce at a time for each application, a failed one again after five
/// minutes and no more than three times for one session. Pure.
inline constexpr std::size_t kCatchUpsAtOnce = 20;
inline constexpr std::uint32_t kCatchUpFailuresMax = 3;

/// Looks at one host after its hello or heartbeat.
void catch_up_host(controller::ControllerState& state, const HostName& host, Now now, controller::Turn& turn);
/// An outcome of an order that belongs to no active deployment.
void catch_up_outcome(controller::ControllerState& state, const HostName& host, const Outcome& outcome, Now now);

}  // namespace serin::rollout
