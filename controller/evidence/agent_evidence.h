#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controller/controller_state.h"
#include "controller/judge/counts.h"

/// What agents counted, as a judge wants it. Pure; seconds are those of the controller's clock.
namespace serin::evidence {

/// The seconds before a deployment of all hosts of its plan, in the plan's order.
std::vector<fleet::HostSeconds> seconds_before(const controller::ControllerState& state,
                                               const rollout::Rollout& rollout, Now now);

/// What was stored of them, for the hosts of the plan, in its order, all with equally many seconds: a host whose row is
/// missing has unknown ones. Empty when nothing was stored.
std::vector<fleet::HostSeconds> in_plan_order(const rollout::Rollout& rollout, std::vector<fleet::HostSeconds> stored);

/// One host's trusted seconds; all others are not seen.
judge::HostBaseline baseline_of(const fleet::HostSeconds& before, judge::Role role);
/// There is at least one.
bool has_trusted(const fleet::HostSeconds& before);

/// This host counts requests; some of these do.
bool has_requests(const fleet::HostSeconds& before);
bool has_requests(const std::vector<fleet::HostSeconds>& before);

/// What a host counted in one second, if it saw all of its logs, by the rules of its baseline.
judge::Counts counts_at(const controller::ControllerState& state, const ApplicationName& application,
                        const HostName& host, const std::string& rules_hash, std::int64_t second);

/// The rules by which most of these hosts count; the first of equally many.
std::string common_rules(const std::vector<std::string>& hashes);

}  // namespace serin::evidence
