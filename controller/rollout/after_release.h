#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/controller_state.h"
#include "controller/judge/fleet_watch.h"

/// When everyone runs a release there is no control group left: the fleet is watched against its own past for a while.
/// What is found raises an alarm: in `serin status`, for whoever is attached, and through the announce hook, with the
/// command that takes the release back, until another deployment has gone out; on_alarm = "take-back" does it at once.
/// Pure.
namespace serin::rollout {

/// Begins the watch of a release that has gone out. Nothing, when `before` holds no trusted second (a first release) or
/// the configuration asks for none. `former`: what a take-back returns to; 0, or after a rollback: none, an alarm only
/// tells. An earlier watch of the application ends.
void watch_release(controller::ControllerState& state, const Rollout& rollout,
                   const std::vector<fleet::HostSeconds>& before, ReleaseNumber former, Now now);

/// Another deployment has gone out: what was found after the one before does not stand any more.
void end_alarm(controller::ControllerState& state, const ApplicationName& application, controller::Turn& turn);

/// Once a second: feeds what is complete, ends what has lasted long enough, raises alarms.
void tick_watches(controller::ControllerState& state, Now now, controller::Turn& turn);

}  // namespace serin::rollout
