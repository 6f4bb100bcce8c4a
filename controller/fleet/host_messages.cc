#include "controller/fleet/host_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "controller/operate/answers.h"
#include "controller/operate/verify_commands.h"
#include "controller/retention.h"
#include "controller/rollout/catch_up.h"
#include "controller/rollout/deployments.h"
#include "controller/rollout/orders.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::fleet {

namespace {

using controller::ControllerState;
using controller::Turn;

constexpr std::size_t kSourceTroublesTold = 20;  ///< of one deployment

void answer(const Origin& from, std::uint64_t session, std::uint64_t reply_to, Message message, Turn& turn) {
  Envelope envelope{.header = {.protocol = limits::kProtocolNewest, .session = session, .reply_to = reply_to},
                    .message = std::move(message)};
  turn.effect(controller::SendToHost{from.connection, std::move(envelope)});
}

/// Moves the rollouts that have this host in their plan.
template <class MakeEvent>
void move_rollouts_of(ControllerState& state, const HostName& host, Now now, Turn& turn, const MakeEvent& make_event) {
  std::vector<ApplicationName> applications;
  for (const auto& [application, active] : state.active) {
    if (active.index_of.contains(host)) applications.push_back(application);
  }
  for (const ApplicationName& application : applications) {
    ApplicationStatus status;  // without a name: the host does not have the application
    if (const Host* known = state.roster.find(host); known != nullptr) {
      const auto found = known->applications.find(application);
      if (found != known->applications.end()) status = found->second;
    }
    rollout::move_rollout(state, application, make_event(status), now, turn);
  }
}

void refresh_trust_of(ControllerState& state, const HostName& host, Now now) {
  for (const auto& [application, settings] : state.settings.applications) {
    rollout::refresh_trust(state, application, host, now);
  }
}

/// Lengths of time that cannot be are cut: they are reckoned with.
std::vector<ApplicationStatus> sane(std::vector<ApplicationStatus> applications, Now now) {
  for (ApplicationStatus& status : applications) {
    status.live_for_ms = std::clamp<std::int64_t>(status.live_for_ms, 0, now.steady.time_since_epoch().count());
  }
  return applications;
}

void take_hello(ControllerState& state, const Origin& from, const Hello& hello, std::uint64_t request, Now now,
                Turn& turn) {
  if (hello.protocol_min > limits::kProtocolNewest || hello.protocol_max < limits::kProtocolOldest) {
    answer(
        from, 0, request,
        Problem{fmt::format("protocol: the agent speaks {} to {}, this controller {} to {}; upgrade the older one",
                            hello.protocol_min, hello.protocol_max, limits::kProtocolOldest, limits::kProtocolNewest)},
        turn);
    return;
  }
  const auto outcome = state.roster.hello(from.host, hello, from.connection, from.address, state.next_session, now);
  if (!outcome.welcome) {
    answer(from, 0, request, Problem{outcome.refusal}, turn);
    if (state.roster.find(from.host) == nullptr) return;  // revoked: it went when it was
    // In conflict it gets no work: which of the two would do it?
    move_rollouts_of(state, from.host, now, turn,
                     [&](const ApplicationStatus&) -> rollout::Event { return rollout::HostGone{from.host}; });
    return;
  }
  if (outcome.session == state.next_session) ++state.next_session;
  state.ledger.begin_session(from.host, hello.boot_id, hello.clock_ms, now);
  state.roster.update(from.host, sane(hello.applications, now), wall_offset_ms(hello.wall_ms, now));
  const auto hosts = static_cast<std::int64_t>(state.roster.hosts().size());
  answer(from, outcome.session, request,
         Welcome{.protocol = std::min<std::uint16_t>(hello.protocol_max, limits::kProtocolNewest),
                 .controller = state.instance,
                 .host = from.host,
                 .session = outcome.session,
                 .heartbeat_ms = static_cast<std::uint32_t>(state.settings.heartbeat.count()),
                 .lease_ms = static_cast<std::uint32_t>(state.settings.lease.count()),
                 .spread_ms = static_cast<std::uint32_t>(hosts * 1'000 / 200),
                 .content_port = state.settings.content_port,
                 .report_since = state.ledger.wanted_since(from.host)},
         turn);
  tell_sources(state, from.host, turn);
  controller::note_host_releases(state, from.host, now, turn);
  refresh_trust_of(state, from.host, now);
  move_rollouts_of(state, from.host, now, turn, [&](const ApplicationStatus& status) -> rollout::Event {
    return rollout::HostConnected{from.host, status};
  });
  // The host sends outcomes that were not acknowledged after this hello: catching up waits for its first heartbeat.
}

void take_heartbeat(ControllerState& state, const Origin& from, const Heartbeat& heartbeat, const Header& header,
                    Now now, Turn& turn) {
  state.roster.update(from.host, sane(heartbeat.applications, now), wall_offset_ms(heartbeat.wall_ms, now));
  const auto position = state.ledger.position(from.host);
  answer(from, header.session, header.request, HeartbeatReply{position.run, position.sequence}, turn);
  controller::note_host_releases(state, from.host, now, turn);
  refresh_trust_of(state, from.host, now);
  move_rollouts_of(state, from.host, now, turn, [&](const ApplicationStatus& status) -> rollout::Event {
    return rollout::HostReported{from.host, status};
  });
  rollout::catch_up_host(state, from.host, now, turn);
}

/// Which messages there are, what they say, and which of them an application logs in ordinary times.
void note_messages(ControllerState& state, const Report& report, const std::vector<ChangedSample>& changed, Now now,
                   Turn& turn) {
  std::set<std::pair<ApplicationName, SignatureId>> to_store;
  for (const ApplicationCounts& counts : report.applications) {
    if (!state.settings.applications.contains(counts.application)) continue;
    for (const SignatureText& text : counts.texts) {
      if (state.messages.name(counts.application, text, now.wall)) to_store.emplace(counts.application, text.id);
    }
  }
  for (const ChangedSample& change : changed) {
    if (!state.settings.applications.contains(change.application)) continue;
    // What workers of a release that was taken back log while they drain is no history.
    const auto& settings = state.settings.applications.at(change.application);
    const bool ordinary =
        change.sample.trusted && state.ledger.trusted_for(change.sample.host, change.application, change.sample.second,
                                                          settings.sequential.baseline_min);
    for (const SignatureCount& counted : change.sample.signatures) {
      if (state.messages.seen(change.application, counted.id, ordinary, now.wall)) {
        to_store.emplace(change.application, counted.id);
      }
    }
  }
  for (const auto& [application, id] : to_store) {
    turn.record(controller::StoreMessage{application, id, *state.messages.find(application, id)});
  }
}

void take_report(ControllerState& state, const Origin& from, const Report& report, Now now, Turn& turn) {
  const auto changed = state.ledger.record(from.host, report, now);
  if (!state.read_only.empty()) return;
  note_messages(state, report, changed, now, turn);
  // A second that was stored already and came late or again is stored again.
  std::map<ApplicationName, controller::StoreSamples> rows;
  for (const ChangedSample& change : changed) {
    const auto active = state.active.find(change.application);
    if (active == state.active.end() || !active->second.index_of.contains(from.host)) continue;
    if (change.sample.second >= active->second.samples_stored_until) continue;
    if (!state.ledger.gap(from.host, change.application, change.sample.second, change.sample.second + 1).empty())
      continue;
    rows[change.application].deployment = active->second.rollout.id;
    rows[change.application].samples.push_back(change.sample);
  }
  for (auto& [application, row] : rows) turn.record(std::move(row));
}

/// What an outcome says of the host, until its next heartbeat says more.
void note_outcome(ApplicationStatus& status, const Outcome& outcome) {
  if (outcome.order < status.last_order) return;  // it was sent again: the host has gone on since
  status.last_order = outcome.order;
  status.live_release = outcome.live_release;
  status.live_root = outcome.live_root;
  if (outcome.live_release != 0) {
    status.adopted = false;
  } else if (outcome.result == StepResult::loaded || outcome.result == StepResult::taken_back) {
    status.adopted = true;
  }
  switch (outcome.result) {
    case StepResult::staged:
      status.state = HostState::staged;
      break;
    case StepResult::loaded:
      status.state = HostState::loaded;
      status.live_for_ms = 0;
      break;
    case StepResult::taken_back:
      status.state = HostState::taken_back;
      status.live_for_ms = 0;
      break;
    case StepResult::broken:
      status.state = HostState::broken;
      break;
    case StepResult::unchanged:
    case StepResult::discarded:
    case StepResult::unknown:
      break;
  }
}

/// Proxies that failed a host: the first host's words go to the log and to those who follow the deployment, however
/// many others say the same.
void tell_source_trouble(ControllerState& state, const HostName& host, const Outcome& outcome, Turn& turn) {
  if (outcome.source_trouble.empty()) return;
  const std::string trouble = printable(outcome.source_trouble, limits::kMessageBytesKept);
  const std::string text = fmt::format("{} did without a proxy: {}", host, trouble);
  const auto active = state.active.find(outcome.application);
  if (active == state.active.end() || active->second.rollout.id != outcome.order.deployment) {
    turn.effect(controller::LogWarning{fmt::format("{}: {}", outcome.application, text)});
    return;
  }
  auto& told = active->second.source_troubles;
  if (told.size() >= kSourceTroublesTold || !told.insert(trouble).second) return;
  turn.effect(controller::LogWarning{fmt::format("{}: {}", outcome.application, text)});
  for (const controller::Client& client : active->second.watchers) {
    turn.effect(controller::TellClient{client, operate::line_event("warning: " + text)});
  }
}

void take_outcome(ControllerState& state, const Origin& from, const Outcome& outcome, const Header& header, Now now,
                  Turn& turn) {
  if (ApplicationStatus* status = state.roster.application(from.host, outcome.application); status != nullptr) {
    note_outcome(*status, outcome);
  }
  tell_source_trouble(state, from.host, outcome, turn);
  const auto active = state.active.find(outcome.application);
  if (active != state.active.end() && active->second.rollout.id == outcome.order.deployment) {
    rollout::move_rollout(state, outcome.application, rollout::HostFinished{from.host, outcome}, now, turn);
  } else {
    rollout::catch_up_outcome(state, from.host, outcome, now);
  }
  rollout::refresh_trust(state, outcome.application, from.host, now);
  answer(from, header.session, header.request, OutcomeReply{outcome.application, outcome.order}, turn);
}

/// The order with this request number that the host still owes an answer, and what it asks for.
std::optional<std::pair<ApplicationName, OrderId>> find_order(const ControllerState& state, const HostName& host,
                                                              std::uint64_t request) {
  for (const auto& [application, active] : state.active) {
    const auto index = active.index_of.find(host);
    if (index == active.index_of.end()) continue;
    const OrderId order{active.rollout.id, active.rollout.hosts[index->second].sequence};
    if (rollout::request_number(order) == request) return std::pair{application, order};
  }
  for (const auto& [key, catching_up] : state.catching_up) {
    if (key.first != host || rollout::request_number(catching_up.order) != request) continue;
    return std::pair{key.second, catching_up.order};
  }
  return std::nullopt;
}

/// A host that could not even read an order names it by its request number.
void take_problem(ControllerState& state, const Origin& from, const Problem& problem, std::uint64_t request, Now now,
                  Turn& turn) {
  const auto found = find_order(state, from.host, request);
  if (!found) return;
  const auto& [application, order] = *found;
  const Outcome refused{.application = application,
                        .order = order,
                        .result = StepResult::unchanged,
                        .step = "read the order",
                        .output = problem.text};
  if (state.active.contains(application)) {
    rollout::move_rollout(state, application, rollout::HostFinished{from.host, refused}, now, turn);
  } else {
    rollout::catch_up_outcome(state, from.host, refused, now);
  }
}

}  // namespace

void take_host_message(ControllerState& state, const Origin& from, const Envelope& envelope, Now now, Turn& turn) {
  const Header& header = envelope.header;
  if (const auto* hello = std::get_if<Hello>(&envelope.message)) {
    take_hello(state, from, *hello, header.request, now, turn);
    return;
  }
  if (!state.roster.heard(from.host, header.session, from.connection, now)) {
    answer(from, 0, header.request, Resync{"this session is not the present one: say hello"}, turn);
    return;
  }
  if (const auto* heartbeat = std::get_if<Heartbeat>(&envelope.message)) {
    take_heartbeat(state, from, *heartbeat, header, now, turn);
  } else if (const auto* report = std::get_if<Report>(&envelope.message)) {
    take_report(state, from, *report, now, turn);
  } else if (const auto* outcome = std::get_if<Outcome>(&envelope.message)) {
    take_outcome(state, from, *outcome, header, now, turn);
  } else if (const auto* problem = std::get_if<Problem>(&envelope.message)) {
    take_problem(state, from, *problem, header.reply_to, now, turn);
    operate::take_verify_problem(state, from.host, header.reply_to, problem->text, now, turn);
  } else if (const auto* report_of_verify = std::get_if<VerifyReport>(&envelope.message)) {
    operate::take_verify_report(state, from.host, *report_of_verify, now, turn);
  } else {
    answer(from, header.session, header.request, Problem{"this message does not come from an agent"}, turn);
  }
}

void tick_hosts(ControllerState& state, Now now, Turn& turn) {
  for (const HostName& host : state.roster.tick(now)) {
    if (state.roster.find(host)->presence == Presence::connected) continue;
    move_rollouts_of(state, host, now, turn,
                     [&](const ApplicationStatus&) -> rollout::Event { return rollout::HostGone{host}; });
  }
}

}  // namespace serin::fleet
