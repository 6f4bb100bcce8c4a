#pragma once

#include <string>
#include <vector>

#include "controller/controller_state.h"
#include "controller/operate/commands.h"
#include "controller/records.h"
#include "protocol/tree_diff.h"

/// What operators see: each as text for people, safe for a terminal, and as one JSON document. Pure.
namespace serin::operate {

OperatorEvent render_status(const controller::ControllerState& state, const ApplicationName& application, Now now);
OperatorEvent render_hosts(const controller::ControllerState& state, const std::vector<PendingKey>& pending, Now now);
OperatorEvent render_history(const std::vector<controller::HistoryLine>& lines, Now now);
OperatorEvent render_progress(const rollout::Rollout& rollout, Now now);
OperatorEvent render_diff(const release::BuildResult& built, const ApplicationName& application, ReleaseNumber base);
/// Likewise against what each group's hosts run now: one event for each tree that is live somewhere.
std::vector<OperatorEvent> render_groups(const controller::ControllerState& state, const ApplicationName& application,
                                         const release::BuildResult& built);
/// A deployment that waits for an operator: why, and what can be done.
OperatorEvent render_hold(const rollout::Rollout& rollout);
/// The end of a deployment, with its verdict and the hosts that stand elsewhere.
OperatorEvent render_end(const rollout::Rollout& rollout);

/// A JSON string literal, whatever the bytes.
std::string json_string(std::string_view text);

}  // namespace serin::operate
