#pragma once

#include <string>

#include "controller/controller_state.h"
#include "controller/operate/commands.h"

/// What every command needs for its answer. Pure.
namespace serin::operate {

// The CLI's exit codes that a command can end with by itself; rollout::exit_code has those of a deployment.
inline constexpr int kError = 1;
inline constexpr int kUsage = 2;
inline constexpr int kRefused = 5;

void tell(controller::Turn& turn, const controller::Client& client, OperatorEvent event);

OperatorEvent line_event(const std::string& text);
OperatorEvent error_event(const std::string& text, int exit_code);
OperatorEvent done_event(const std::string& text, int exit_code);
/// Tells the CLI which deployment is its own: `text` is the number.
OperatorEvent begun_event(DeploymentId deployment);

/// Who is named as the owner: the login name, or who called sudo.
std::string owner_of(const Caller& caller, const OperatorRequest& request);
/// What holds the application now; empty: nothing.
std::string lock_text(const controller::ControllerState& state, const ApplicationName& application, Now now);
/// True when nothing can be stored, and the client was told so.
bool refuse_when_read_only(const controller::ControllerState& state, const controller::Client& client,
                           controller::Turn& turn);

}  // namespace serin::operate
