#pragma once

#include "controller/operate/commands.h"

/// `deploy` and `rollback`: what brings a release to the hosts. Pure; each answers the client.
namespace serin::operate {

void take_deploy(controller::ControllerState& state, const controller::Client& client, const Caller& caller,
                 const OperatorRequest& request, const ApplicationName& application, Now now, controller::Turn& turn);
void take_rollback(controller::ControllerState& state, const controller::Client& client, const Caller& caller,
                   const OperatorRequest& request, const ApplicationName& application, Now now, controller::Turn& turn);

/// The trees that hosts of the application run, but for the wanted one.
std::vector<release::OtherBase> others_live(const controller::ControllerState& state,
                                            const ApplicationName& application);

/// The build that a deploy asked for has ended.
void take_build(controller::ControllerState& state, const ApplicationName& application,
                const Result<release::BuildResult>& result, Now now, controller::Turn& turn);

}  // namespace serin::operate
