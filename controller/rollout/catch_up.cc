#include "controller/rollout/catch_up.h"

#include <algorithm>

#include "controller/rollout/deployments.h"

namespace serin::rollout {

namespace {

using controller::CatchUp;
using controller::ControllerState;
using controller::KnownRelease;

constexpr auto kRetryAfter = std::chrono::minutes{5};
constexpr auto kResendAfter = std::chrono::seconds{10};
constexpr std::uint32_t kFailuresMax = 3;

bool wants_catch_up(const ApplicationStatus& status, const KnownRelease& wanted) {
  if (status.state == HostState::pulling || status.state == HostState::switching) return false;
  return status.live_root != wanted.release.root;
}

/// Larger than any order that the host has had.
OrderId next_order(const ControllerState& state, const ApplicationStatus& status) {
  const auto latest = state.latest.find(status.application);
  OrderId next{latest == state.latest.end() ? 0 : latest->second.id, 0};
  next = std::max(next, status.last_order);
  ++next.sequence;
  return next;
}

void catch_up_application(ControllerState& state, const HostName& host, const ApplicationStatus& status, Now now,
                          controller::Turn& turn) {
  const ApplicationName& application = status.application;
  const auto settings = state.settings.applications.find(application);
  const KnownRelease* wanted = controller::wanted_release(state, application);
  if (settings == state.settings.applications.end() || wanted == nullptr) return;
  if (state.active.contains(application) || state.building.contains(application)) return;
  if (!belongs(settings->second.hosts, host, state.roster.find(host)->record.labels)) return;
  const auto key = std::pair{host, application};
  if (!wants_catch_up(status, *wanted)) {
    state.catching_up.erase(key);
    return;
  }
  const auto known = state.catching_up.find(key);
  if (known != state.catching_up.end()) {
    const CatchUp& current = known->second;
    if (current.failures >= kFailuresMax || (current.not_before && now.steady < *current.not_before)) return;
    if (!current.not_before && status.last_order >= current.order) return;  // it is at work
    if (!current.not_before && now.steady - current.since < kResendAfter) return;
  } else {
    const auto busy = std::count_if(state.catching_up.begin(), state.catching_up.end(), [&](const auto& item) {
      return item.first.second == application && !item.second.not_before;
    });
    if (static_cast<std::size_t>(busy) >= kCatchUpsAtOnce) return;
  }
  CatchUp& next = state.catching_up[key];
  next.order = std::max(next.order, next_order(state, status));
  next.since = now.steady;
  next.not_before.reset();
  send_order(state, host,
             make_order(state, host, application, next.order, OrderAction::activate, *wanted, false,
                        settings->second.step_deadline),
             turn);
}

}  // namespace

void catch_up_host(ControllerState& state, const HostName& host, Now now, controller::Turn& turn) {
  const fleet::Host* known = state.roster.find(host);
  if (known == nullptr || !known->session || !state.read_only.empty()) return;
  for (const auto& [application, status] : known->applications) {
    catch_up_application(state, host, status, now, turn);
  }
}

void catch_up_outcome(ControllerState& state, const HostName& host, const Outcome& outcome, Now now) {
  const auto known = state.catching_up.find({host, outcome.application});
  if (known == state.catching_up.end() || known->second.order != outcome.order) return;
  if (outcome.result == StepResult::loaded) {
    state.catching_up.erase(known);
    return;
  }
  ++known->second.failures;
  known->second.not_before = now.steady + kRetryAfter;
}

}  // namespace serin::rollout
