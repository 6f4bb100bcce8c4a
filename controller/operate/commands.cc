#include "controller/operate/commands.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "controller/operate/answers.h"
#include "controller/operate/collect_commands.h"
#include "controller/operate/errors.h"
#include "controller/operate/evidence_commands.h"
#include "controller/operate/host_commands.h"
#include "controller/operate/release_commands.h"
#include "controller/operate/render.h"
#include "controller/operate/verify_commands.h"
#include "controller/rollout/deployments.h"
#include "controller/rollout/lessons.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

using controller::Client;
using controller::ControllerState;
using controller::Turn;

constexpr std::uint32_t kOverflowUid = 65534;
constexpr std::uint64_t kHistoryLines = 20;
constexpr std::uint64_t kHistoryLinesMax = 1'000;

/// The application that the operator means.
Result<ApplicationName> choose_application(const ControllerState& state, const ApplicationName& asked) {
  const auto& known = state.settings.applications;
  if (known.empty()) {
    return failure(ErrorKind::invalid, "no application is configured: add [application.NAME] to controller.toml");
  }
  std::vector<std::string> names;
  names.reserve(known.size());
  for (const auto& [name, settings] : known) names.push_back(name);
  if (asked.empty() && known.size() == 1) return known.begin()->first;
  if (asked.empty()) {
    return failure(ErrorKind::invalid, fmt::format("say which application: -a {}", fmt::join(names, " | ")));
  }
  if (known.contains(asked)) return asked;
  return failure(ErrorKind::not_found, fmt::format("no application is called '{}': there is {}", printable(asked, 80),
                                                   fmt::join(names, ", ")));
}

/// The build that an abort means, or nothing: the operator's own one (Ctrl-C), else any that is to be deployed. A dry
/// run of somebody hides no deployment that runs.
controller::PendingBuild* build_to_abort(ControllerState& state, const Client& client,
                                         const ApplicationName& application) {
  const auto found = state.building.find(application);
  if (found == state.building.end()) return nullptr;
  const bool own = found->second.client.connection == client.connection;
  const bool meant = own || !found->second.request.dry_run || !state.active.contains(application);
  return meant ? &found->second : nullptr;
}

/// True when the operator names a deployment that is not the running one, and was told so.
bool means_another(const OperatorRequest& request, const ControllerState& state, const Client& client,
                   const ApplicationName& application, Turn& turn) {
  if (request.arguments.empty()) return false;
  const auto asked = whole_number(request.arguments.front());
  const auto active = state.active.find(application);
  if (!asked) {
    tell(turn, client,
         error_event(fmt::format("'{}' is no deployment: give a number as `serin history` shows it",
                                 printable(request.arguments.front(), 40)),
                     kUsage));
    return true;
  }
  if (active != state.active.end() && active->second.rollout.id == *asked) return false;
  tell(turn, client,
       error_event(
           fmt::format("deployment {} of {} does not run any more: `serin history` tells its end", *asked, application),
           kError));
  return true;
}

void abort_build(ControllerState& state, controller::PendingBuild& build, const ApplicationName& application,
                 const Client& client, const std::string& owner, Turn& turn) {
  build.cancelled_by = owner;
  std::string text = "aborted: nothing of it will be sent to any host";
  if (const auto active = state.active.find(application); active != state.active.end()) {
    text += fmt::format("; deployment {}, which it was to end, goes on ({})", active->second.rollout.id,
                        words_of(name_of(active->second.rollout.phase)));
  }
  tell(turn, client, done_event(text, 0));
}

void take_abort_or_continue(ControllerState& state, const Client& client, const Caller& caller,
                            const OperatorRequest& request, const ApplicationName& application, Now now, Turn& turn) {
  if (auto* build = build_to_abort(state, client, application); build != nullptr && request.verb == "abort") {
    abort_build(state, *build, application, client, owner_of(caller, request), turn);
    return;
  }
  if (means_another(request, state, client, application, turn)) return;
  const auto active = state.active.find(application);
  if (active == state.active.end()) {
    tell(turn, client, error_event(fmt::format("no deployment of {} is running", application), kError));
    return;
  }
  const std::string owner = owner_of(caller, request);
  const bool going_on = request.verb == "continue";
  if (going_on && active->second.rollout.phase != rollout::Phase::held) {
    tell(turn, client,
         error_event(
             fmt::format("refused: only a held deployment can be continued; {}", lock_text(state, application, now)),
             kRefused));
    return;
  }
  if (!request.detach) {
    active->second.watchers.insert(client);
    tell(turn, client, begun_event(active->second.rollout.id));
  }
  if (going_on) {
    rollout::move_rollout(state, application, rollout::ContinueAsked{owner}, now, turn);
  } else {
    rollout::move_rollout(state, application, rollout::AbortAsked{owner}, now, turn);
  }
  if (request.detach) {
    tell(turn, client, done_event(going_on ? "it goes on" : "it is being taken back: `serin attach` shows it", 0));
  }
}

/// Follows the running deployment, or the one whose number is given; the newest finished one tells its end.
void take_attach(ControllerState& state, const Client& client, const OperatorRequest& request,
                 const ApplicationName& application, Now now, Turn& turn) {
  DeploymentId asked = 0;
  if (!request.arguments.empty()) {
    const auto number = whole_number(request.arguments.front());
    if (!number || *number == 0) {
      tell(turn, client,
           error_event(fmt::format("'{}' is no deployment: give a number as `serin history` shows it",
                                   printable(request.arguments.front(), 40)),
                       kUsage));
      return;
    }
    asked = *number;
  }
  const auto active = state.active.find(application);
  if (active != state.active.end() && (asked == 0 || active->second.rollout.id == asked)) {
    active->second.watchers.insert(client);
    tell(turn, client, begun_event(active->second.rollout.id));
    tell(turn, client, line_event(lock_text(state, application, now)));
    if (active->second.rollout.phase == rollout::Phase::held) tell(turn, client, render_hold(active->second.rollout));
    return;
  }
  const auto latest = state.latest.find(application);
  if (latest != state.latest.end() && (asked == 0 || latest->second.id == asked)) {
    if (const auto alarm = state.alarms.find(application);
        alarm != state.alarms.end() && alarm->second.deployment == latest->second.id) {
      tell(turn, client, line_event("ALARM: " + alarm->second.text));
    }
    tell(turn, client, render_end(latest->second));
  } else if (asked != 0) {
    tell(turn, client,
         error_event(
             fmt::format("deployment {} is neither running nor the newest one: `serin history` tells its end", asked),
             kError));
  } else {
    tell(turn, client, done_event(fmt::format("{} was never deployed", application), 0));
  }
}

/// Verbs about one application.
void take_application_request(ControllerState& state, const Client& client, const Caller& caller,
                              const OperatorRequest& request, Now now, Turn& turn) {
  const auto application = choose_application(state, request.application);
  if (!application) {
    tell(turn, client, error_event(application.error().text, kUsage));
    return;
  }
  if (request.verb == "status") {
    tell(turn, client, render_status(state, *application, now));
  } else if (request.verb == "errors") {
    tell(turn, client, render_errors(state, *application, request, now));
  } else if (request.verb == "evidence test") {
    take_evidence_test(state, client, *application, now, turn);
  } else if (request.verb == "tune") {
    auto judge = state.settings.applications.at(*application).sequential;
    judge.settle = rollout::settle_of(state, *application);
    turn.effect(controller::ReadTune{client, *application, judge});
  } else if (request.verb == "verify") {
    take_verify(state, client, request, *application, now, turn);
  } else if (request.verb == "attach") {
    take_attach(state, client, request, *application, now, turn);
  } else if (refuse_when_read_only(state, client, turn)) {
    return;
  } else if (request.verb == "deploy") {
    take_deploy(state, client, caller, request, *application, now, turn);
  } else if (request.verb == "rollback") {
    take_rollback(state, client, caller, request, *application, now, turn);
  } else {
    take_abort_or_continue(state, client, caller, request, *application, now, turn);
  }
}

void take_host_request(ControllerState& state, const Client& client, const Caller& caller,
                       const OperatorRequest& request, const std::vector<PendingKey>& pending, Now now, Turn& turn) {
  if (refuse_when_read_only(state, client, turn)) return;
  if (request.verb == "hosts accept") {
    accept_host(state, client, caller, request, pending, now, turn);
  } else if (request.verb == "hosts import") {
    import_hosts(state, client, caller, request, now, turn);
  } else {
    revoke_host(state, client, request, now, turn);
  }
}

void take_history(const Client& client, const OperatorRequest& request, Turn& turn) {
  std::uint64_t most = kHistoryLines;
  if (!request.arguments.empty()) {
    const auto asked = whole_number(request.arguments.front());
    if (!asked) {
      tell(
          turn, client,
          error_event(fmt::format("'{}' is no number of deployments to show", printable(request.arguments.front(), 40)),
                      kUsage));
      return;
    }
    most = *asked;
  }
  turn.effect(
      controller::ReadHistory{client, request.application, std::clamp<std::uint64_t>(most, 1, kHistoryLinesMax)});
}

void take_show(const ControllerState& state, const Client& client, const OperatorRequest& request, Turn& turn) {
  const std::optional<std::uint64_t> asked =
      request.arguments.empty() ? state.newest_deployment : whole_number(request.arguments.front());
  if (!asked || *asked == 0) {
    const std::string what = request.arguments.empty() ? "nothing was deployed yet"
                                                       : fmt::format(
                                                             "'{}' is no deployment: give a number as `serin "
                                                             "history` shows it",
                                                             printable(request.arguments.front(), 40));
    tell(turn, client, error_event(what, kUsage));
    return;
  }
  const auto source = evidence::source_of_name(request.name.empty() ? "agents" : request.name);
  if (!source) {
    tell(turn, client,
         error_event(fmt::format("'{}' is no source of evidence: there are agents, logstash and prometheus",
                                 printable(request.name, 40)),
                     kUsage));
    return;
  }
  turn.effect(controller::ReadDeployment{client, *asked, request.trace, *source});
}

controller::StoreAction action_of(const Caller& caller, const OperatorRequest& request, Now now) {
  constexpr std::size_t kDetailBytes = 4'096;
  std::vector<std::string> words = request.arguments;
  if (request.force) words.insert(words.begin(), "--force");
  if (request.repair) words.insert(words.begin(), "--repair");
  if (!request.name.empty()) words.push_back(request.name);
  if (!request.message.empty()) words.push_back(printable(request.message, 200));
  const std::string detail = fmt::format("{}", fmt::join(words, " "));
  return {now.wall,
          caller.uid,
          owner_of(caller, request),
          request.verb,
          printable(request.application, limits::kApplicationNameBytesMax),
          printable(detail, kDetailBytes)};
}

bool changes_something(const OperatorRequest& request) {
  static const std::set<std::string> kReading{"status", "attach", "errors",     "history",
                                              "show",   "tune",   "hosts list", "evidence test"};
  const bool only_looks = request.dry_run || (request.verb == "verify" && !request.repair);
  return !kReading.contains(request.verb) && !only_looks;
}

}  // namespace

void take_request(ControllerState& state, const Client& client, const Caller& caller, const OperatorRequest& request,
                  const std::vector<PendingKey>& pending, Now now, Turn& turn) {
  if (caller.uid == kOverflowUid) {
    tell(turn, client,
         error_event(
             "refused: your user id arrives as 65534 (nobody), so nobody can tell who you are: the daemon or you "
             "run in a user namespace (remove PrivateUsers= from its unit)",
             kRefused));
    return;
  }
  static const std::set<std::string> kVerbs{"status", "attach",       "errors",       "history",      "show",
                                            "tune",   "hosts list",   "hosts accept", "hosts import", "hosts revoke",
                                            "deploy", "rollback",     "abort",        "continue",     "verify",
                                            "gc",     "evidence test"};
  if (!kVerbs.contains(request.verb)) {
    tell(turn, client, error_event(fmt::format("unknown command '{}'", printable(request.verb, 40)), kUsage));
    return;
  }
  if (changes_something(request) && state.read_only.empty()) turn.record(action_of(caller, request, now));
  if (request.verb == "hosts list") {
    tell(turn, client, render_hosts(state, pending, now));
  } else if (request.verb == "history") {
    take_history(client, request, turn);
  } else if (request.verb == "gc") {
    take_gc(state, client, request, now, turn);
  } else if (request.verb == "show") {
    take_show(state, client, request, turn);
  } else if (request.verb.starts_with("hosts ")) {
    take_host_request(state, client, caller, request, pending, now, turn);
  } else {
    take_application_request(state, client, caller,
                             request.verb == "verify" ? with_application_named(state, request) : request, now, turn);
  }
}

void drop_client(ControllerState& state, const std::string& connection) {
  for (auto& [application, active] : state.active) {
    std::erase_if(active.watchers, [&](const Client& client) { return client.connection == connection; });
  }
  // Hosts end what they have begun; nobody is told.
  std::erase_if(state.verifying, [&](const auto& each) { return each.second.client.connection == connection; });
  std::erase_if(state.evidence_tests, [&](const auto& test) { return test.first.connection == connection; });
}

}  // namespace serin::operate
