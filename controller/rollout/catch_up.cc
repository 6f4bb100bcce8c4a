#include "controller/rollout/catch_up.h"

#include <algorithm>

#include "controller/rollout/deployments.h"
#include "controller/rollout/move.h"
#include "controller/rollout/orders.h"

namespace serin::rollout {

namespace {

using controller::CatchUp;
using controller::ControllerState;
using controller::KnownRelease;

constexpr auto kRetryAfter = std::chrono::minutes{5};
constexpr auto kResendAfter = std::chrono::seconds{10};

/// Larger than any order that the host has had, and than any that it was sent and may not have seen.
OrderId next_order(const ControllerState& state, const HostName& host, const ApplicationStatus& status) {
  OrderId newest = status.last_order;
  if (const auto latest = state.latest.find(status.application); latest != state.latest.end()) {
    const auto& hosts = latest->second.hosts;
    const auto row = std::find_if(hosts.begin(), hosts.end(), [&](const PlanHost& plan) { return plan.host == host; });
    newest = std::max(newest, OrderId{latest->second.id, row == hosts.end() ? 0 : row->sequence});
  }
  ++newest.sequence;
  return newest;
}

/// Hosts of the application that are there and at work on it.
std::size_t catching_up_now(const ControllerState& state, const ApplicationName& application) {
  const auto busy = std::count_if(state.catching_up.begin(), state.catching_up.end(), [&](const auto& item) {
    const auto& [host, of_application] = item.first;
    const fleet::Host* known = state.roster.find(host);
    return of_application == application && !item.second.not_before && known != nullptr &&
           known->presence == fleet::Presence::connected;
  });
  return static_cast<std::size_t>(busy);
}

/// A host that is known to be behind: is it time to order it once more?
bool is_due(CatchUp& current, const ApplicationStatus& status, std::uint64_t session, Now now) {
  if (current.session != session) {
    current.session = session;
    current.failures = 0;
  }
  if (current.not_before) return current.failures < kCatchUpFailuresMax && now.steady >= *current.not_before;
  const bool at_work = status.last_order >= current.order;
  return !at_work && now.steady - current.since >= kResendAfter;
}

void catch_up_application(ControllerState& state, const fleet::Host& host_now, const ApplicationStatus& status, Now now,
                          controller::Turn& turn) {
  const HostName& host = host_now.record.name;
  const ApplicationName& application = status.application;
  const auto settings = state.settings.applications.find(application);
  const KnownRelease* wanted = controller::wanted_release(state, application);
  if (settings == state.settings.applications.end() || wanted == nullptr) return;
  if (state.active.contains(application) || state.building.contains(application)) return;
  if (!belongs(settings->second.hosts, host, host_now.record.labels)) return;
  const auto key = std::pair{host, application};
  const bool at_work = status.state == HostState::pulling || status.state == HostState::switching;
  if (at_work) return;
  if (status.live_root == wanted->release.root) {
    state.catching_up.erase(key);
    return;
  }
  const auto known = state.catching_up.find(key);
  if (known == state.catching_up.end()) {
    if (catching_up_now(state, application) >= kCatchUpsAtOnce) return;
  } else if (!is_due(known->second, status, host_now.session->id, now)) {
    return;
  }
  CatchUp& next = state.catching_up[key];
  next.order = std::max(next.order, next_order(state, host, status));
  next.session = host_now.session->id;
  next.since = now.steady;
  next.not_before.reset();
  send_order(state, host, make_order(state, host, application, next.order, OrderAction::activate, *wanted, false),
             *wanted, turn);
}

}  // namespace

void catch_up_host(ControllerState& state, const HostName& host, Now now, controller::Turn& turn) {
  const fleet::Host* known = state.roster.find(host);
  if (known == nullptr || !known->session || !state.read_only.empty()) return;
  for (const auto& [application, status] : known->applications) {
    catch_up_application(state, *known, status, now, turn);
  }
}

void catch_up_outcome(ControllerState& state, const HostName& host, const Outcome& outcome, Now now) {
  const auto known = state.catching_up.find({host, outcome.application});
  if (known == state.catching_up.end() || known->second.order != outcome.order) return;
  if (outcome.result == StepResult::loaded) {
    state.catching_up.erase(known);
    return;
  }
  if (known->second.not_before) return;  // counted already: it was sent again
  ++known->second.failures;
  known->second.trouble = failure_text(outcome);
  known->second.not_before = now.steady + kRetryAfter;
}

}  // namespace serin::rollout
