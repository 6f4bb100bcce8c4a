#pragma once

#include "controller/controller_state.h"
#include "controller/judge/verdict.h"

namespace serin::rollout {

/// What the fixed judge says now of a deployment whose canaries soak or did (soak_from is set). Waits for the last
/// reports of the window to arrive: until every canary has reported its last second, but no longer than the judge's
/// silence_max after the wait. While hosts come back after a restart of the controller, a canary that has not reported
/// the last second is no evidence.
judge::Verdict judge_now(const controller::ControllerState& state, const controller::ActiveDeployment& active, Now now);

}  // namespace serin::rollout
