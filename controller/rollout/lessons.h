#pragma once

#include <chrono>

#include "controller/controller_state.h"

/// What past deployments and ordinary hours teach the judge: how long a restart takes, and what `serin tune` reckons
/// with. Pure.
namespace serin::rollout {

/// How long nothing is judged after the load: as configured, or as past good deployments taught.
std::chrono::seconds settle_of(const controller::ControllerState& state, const ApplicationName& application);

/// Call when a release went out: how long its restart alone took, when its canaries passed by themselves and it has at
/// most limits::kSettleHostsMax hosts.
void learn_settle(controller::ControllerState& state, const controller::ActiveDeployment& active,
                  controller::Turn& turn);

/// Writes down what the plan's hosts counted in seconds before `until`, and not yet: what the judge goes on with after
/// a restart, and the deployment's trace.
void keep_samples(const controller::ControllerState& state, controller::ActiveDeployment& active, std::int64_t until,
                  Now now, controller::Turn& turn);

/// Once a second: stores six minutes of each application's fleet about once an hour, while nothing is deployed.
void keep_ordinary_hours(controller::ControllerState& state, Now now, controller::Turn& turn);

}  // namespace serin::rollout
