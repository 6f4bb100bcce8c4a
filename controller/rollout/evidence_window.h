#pragma once

#include "controller/controller_state.h"
#include "controller/judge/verdict.h"

namespace serin::rollout {

/// What the fixed judge says of a soaking deployment now. Waits for the last reports of the window to arrive: until
/// every canary has reported its last second, but no longer than the judge's silence_max after the wait.
judge::Verdict judge_now(const controller::ControllerState& state, const controller::ActiveDeployment& active, Now now);

}  // namespace serin::rollout
