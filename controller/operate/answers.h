#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "controller/controller_state.h"
#include "controller/operate/commands.h"

/// What every command needs for its answer. Pure.
namespace serin::operate {

// The CLI's exit codes that a command can end with by itself; rollout::exit_code has those of a deployment.
inline constexpr int kError = 1;
inline constexpr int kUsage = 2;
inline constexpr int kRefused = 5;
inline constexpr int kDrift = 8;  ///< a live tree is not what it should be

/// Wrong words are a usage error, what a rule forbids is refused, all else is an error.
int exit_code_of(const Error& error);

void tell(controller::Turn& turn, const controller::Client& client, OperatorEvent event);

OperatorEvent line_event(const std::string& text);
OperatorEvent error_event(const std::string& text, int exit_code);
OperatorEvent done_event(const std::string& text, int exit_code);
/// Tells the CLI which deployment is its own: `text` is the number.
OperatorEvent begun_event(DeploymentId deployment);

/// "12" and nothing else.
std::optional<std::uint64_t> whole_number(std::string_view text);
/// "going back" of "going_back".
std::string words_of(std::string_view name);

/// Who is named as the owner: the login name, or who called sudo.
std::string owner_of(const Caller& caller, const OperatorRequest& request);
/// "canary", "proxy" or "fleet".
std::string group_of(const controller::ApplicationSettings& settings, const fleet::Host& host);
/// What holds the application now; empty: nothing.
std::string lock_text(const controller::ControllerState& state, const ApplicationName& application, Now now);
/// True when nothing can be stored, and the client was told so.
bool refuse_when_read_only(const controller::ControllerState& state, const controller::Client& client,
                           controller::Turn& turn);

}  // namespace serin::operate
