#pragma once

#include <string>

#include "controller/controller_state.h"
#include "controller/rollout/cohort.h"

/// The deployments of the controller: starts them, moves their rollouts by events, judges them, and ends them. Pure:
/// changes the state, and adds rows and effects to the turn.
namespace serin::rollout {

using controller::ControllerState;
using controller::Turn;

/// What a deployment is to do.
struct DeploymentRequest {
  ApplicationName application;
  ReleaseNumber release = 0;  ///< stored already
  std::string owner, message;
  bool force = false;  ///< no checks, everyone at once
  bool rollback = false;
  std::int64_t wait_ms = -1;  ///< kWaitMin to kWaitMax: overrides the configured wait
  std::string supersedes;     ///< "alice's rollback to r11": ends the active deployment, if there is one, in its favour
};

/// Makes the plan and the first step. `refused` names what is in the way; nothing has changed then: what was active
/// goes on. Precondition: no deployment of the application is active, or `supersedes` is set.
Result<void> begin_deployment(ControllerState& state, const DeploymentRequest& request,
                              const std::set<controller::Client>& watchers, Now now, Turn& turn);

/// Moves the application's active rollout, if there is one.
void move_rollout(ControllerState& state, const ApplicationName& application, const Event& event, Now now, Turn& turn);

/// Once a second: deadlines, the judge, progress lines, samples to store, trust that has ripened.
void tick_deployments(ControllerState& state, Now now, Turn& turn);

/// A trusted release is no baseline any more until trust_after has passed again.
void doubt_release(ControllerState& state, const ApplicationName& application, ReleaseNumber release, Now now,
                   Turn& turn);

/// Tells the ledger whose seconds count as trusted. Call when a host's release or a release's trust changed.
void refresh_trust(ControllerState& state, const ApplicationName& application, const HostName& host, Now now);

}  // namespace serin::rollout
