#include "controller/operate/commands.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "controller/operate/host_commands.h"
#include "controller/operate/render.h"
#include "controller/rollout/deployments.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

using controller::Client;
using controller::ControllerState;
using controller::KnownRelease;
using controller::TellClient;
using controller::Trust;
using controller::Turn;

constexpr std::uint32_t kOverflowUid = 65534;
constexpr int kError = 1;
constexpr int kUsage = 2;
constexpr int kRefused = 5;

void tell(Turn& turn, const Client& client, OperatorEvent event) {
  turn.effect(TellClient{client, std::move(event)});
}

std::string owner_of(const Caller& caller, const OperatorRequest& request) {
  if (caller.uid == 0 && !request.sudo_user.empty() && is_plain_name(request.sudo_user)) {
    return request.sudo_user + " (sudo)";
  }
  return caller.name;
}

/// The application that the operator means.
Result<ApplicationName> choose_application(const ControllerState& state, const ApplicationName& asked) {
  const auto& known = state.settings.applications;
  if (known.empty()) {
    return failure(ErrorKind::invalid, "no application is configured: add [application.NAME] to controller.toml");
  }
  std::vector<std::string> names;
  for (const auto& [name, settings] : known) names.push_back(name);
  if (asked.empty() && known.size() == 1) return known.begin()->first;
  if (asked.empty()) {
    return failure(ErrorKind::invalid, fmt::format("say which application: -a {}", fmt::join(names, " | ")));
  }
  if (known.contains(asked)) return asked;
  return failure(ErrorKind::not_found, fmt::format("no application is called '{}': there is {}", printable(asked, 80),
                                                   fmt::join(names, ", ")));
}

/// What holds the application now; empty: nothing.
std::string lock_text(const ControllerState& state, const ApplicationName& application, Now now) {
  if (const auto build = state.building.find(application); build != state.building.end()) {
    return fmt::format("{} is building a release of {} (begun {})", build->second.owner, application,
                       ago_text(now.wall - build->second.since));
  }
  const auto active = state.active.find(application);
  if (active == state.active.end()) return {};
  const rollout::Rollout& rollout = active->second.rollout;
  return fmt::format("{}'s deployment of {} r{} is {} (for {}, started {}): {}", rollout.owner, application,
                     rollout.release, name_of(rollout.phase),
                     duration_text(std::chrono::floor<std::chrono::seconds>(now.steady - rollout.phase_since)),
                     ago_text(now.wall - rollout.started_wall), printable(rollout.message, 120));
}

bool refuse_when_read_only(const ControllerState& state, const Client& client, Turn& turn) {
  if (state.read_only.empty()) return false;
  tell(turn, client,
       error_event(fmt::format("refused: the controller cannot store anything ({}). Hosts keep what they run and their "
                               "errors are counted. Free some space; it tries again every second",
                               state.read_only),
                   kRefused));
  return true;
}

/// For what ends another's deployment: true when the operator must be asked first (and was told what).
bool ask_first(const ControllerState& state, const Client& client, const ApplicationName& application,
               const OperatorRequest& request, Now now, Turn& turn) {
  if (request.yes || !state.active.contains(application)) return false;
  OperatorEvent question{.final = true, .exit_code = kRefused, .kind = "question"};
  question.text = fmt::format("{}. This ends it. Go on (--yes answers)?", lock_text(state, application, now));
  question.json = fmt::format("{{\"event\":\"question\",\"text\":{}}}", json_string(question.text));
  tell(turn, client, question);
  return true;
}

void begin(ControllerState& state, const Client& client, const rollout::DeploymentRequest& what, bool detach, Now now,
           Turn& turn) {
  std::set<Client> watchers;
  if (!detach) watchers.insert(client);
  const auto begun = rollout::begin_deployment(state, what, watchers, now, turn);
  if (!begun) {
    tell(turn, client, error_event("refused: " + begun.error().text, kRefused));
    return;
  }
  tell(turn, client, begun_event(state.newest_deployment));
  if (detach) {
    tell(turn, client,
         done_event(fmt::format("deployment of {} r{} goes on in the controller: `serin attach` shows it",
                                what.application, what.release),
                    0));
  }
}

/// Relative paths are meant from the operator's folder when that lies in the source, else from the source.
std::vector<std::string> paths_of(const OperatorRequest& request, const std::string& source) {
  std::vector<std::string> paths = request.arguments;
  const bool inside = request.cwd == source || request.cwd.starts_with(source + "/");
  for (std::string& path : paths) {
    if (inside && !path.starts_with('/')) path = request.cwd + "/" + path;
  }
  return paths;
}

void take_deploy(ControllerState& state, const Client& client, const Caller& caller, const OperatorRequest& request,
                 const ApplicationName& application, Now now, Turn& turn) {
  const std::string lock = lock_text(state, application, now);
  const bool building = state.building.contains(application);
  if (!lock.empty() && (building || (!request.force && !request.dry_run))) {
    tell(turn, client,
         error_event(fmt::format("refused: {}\nWait for it (serin attach), or end it: serin abort | serin rollback | "
                                 "serin deploy --force",
                                 lock),
                     kRefused));
    return;
  }
  if (!state.low_space.empty()) {
    tell(turn, client, error_event("refused: " + state.low_space, kRefused));
    return;
  }
  if (request.force && ask_first(state, client, application, request, now, turn)) return;
  const KnownRelease* wanted = controller::wanted_release(state, application);
  if (!request.arguments.empty() && wanted == nullptr) {
    tell(turn, client,
         error_event(fmt::format("refused: {} has no release yet that a path could be laid over: deploy the whole tree "
                                 "first (serin deploy -m MESSAGE)",
                                 application),
                     kRefused));
    return;
  }
  const auto& settings = state.settings.applications.at(application);
  state.building[application] = {
      .client = client, .request = request, .owner = owner_of(caller, request), .since = now.wall};
  turn.effect(controller::StartBuild{{.application = application,
                                      .source = settings.source,
                                      .exclude = settings.exclude,
                                      .paths = paths_of(request, settings.source),
                                      .base = wanted == nullptr ? ObjectId{} : wanted->release.root,
                                      .base_files = wanted == nullptr ? 0 : wanted->release.files,
                                      .base_bytes = wanted == nullptr ? 0 : wanted->release.bytes,
                                      .delete_limit_percent = settings.delete_limit_percent,
                                      .yes_delete = request.yes_delete}});
}

/// The release to go back to: the one named, else the wanted one while another is under way, else its parent.
Result<const KnownRelease*> rollback_target(const ControllerState& state, const ApplicationName& application,
                                            const OperatorRequest& request) {
  ReleaseNumber number = 0;
  const KnownRelease* wanted = controller::wanted_release(state, application);
  if (!request.arguments.empty()) {
    std::string_view text = request.arguments.front();
    if (text.starts_with('r')) text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) {
      return failure(ErrorKind::invalid,
                     fmt::format("'{}' is no release: give a number as `serin history` shows it, such as r12",
                                 printable(request.arguments.front(), 40)));
    }
  } else if (wanted == nullptr) {
    return failure(ErrorKind::refused, fmt::format("{} has no released release to go back to", application));
  } else {
    number = state.active.contains(application) ? wanted->release.number : wanted->release.parent;
    if (number == 0) {
      return failure(ErrorKind::refused, fmt::format("r{} is the first release of {}: there is nothing before it",
                                                     wanted->release.number, application));
    }
  }
  const KnownRelease* target = controller::find_release(state, application, number);
  if (target == nullptr) {
    return failure(ErrorKind::not_found,
                   fmt::format("{} has no release r{}: `serin history` lists them", application, number));
  }
  if ((target->trust == Trust::rejected || target->trust == Trust::untried) && !request.force) {
    return failure(ErrorKind::refused, fmt::format("r{} was never released ({}): use --force if you mean it", number,
                                                   name_of(target->trust)));
  }
  return target;
}

void take_rollback(ControllerState& state, const Client& client, const Caller& caller, const OperatorRequest& request,
                   const ApplicationName& application, Now now, Turn& turn) {
  if (state.building.contains(application)) {
    tell(turn, client,
         error_event("refused: " + lock_text(state, application, now) + ": try again in a moment", kRefused));
    return;
  }
  const auto target = rollback_target(state, application, request);
  if (!target) {
    tell(turn, client, error_event("refused: " + target.error().text, kRefused));
    return;
  }
  if (ask_first(state, client, application, request, now, turn)) return;
  const std::string owner = owner_of(caller, request);
  begin(
      state, client,
      {.application = application,
       .release = (*target)->release.number,
       .owner = owner,
       .message = request.message.empty() ? fmt::format("rollback to r{}", (*target)->release.number) : request.message,
       .force = request.force,
       .rollback = true,
       .supersedes = fmt::format("{}'s rollback to r{}", owner, (*target)->release.number)},
      request.detach, now, turn);
}

void take_abort_or_continue(ControllerState& state, const Client& client, const Caller& caller,
                            const OperatorRequest& request, const ApplicationName& application, Now now, Turn& turn) {
  const auto active = state.active.find(application);
  const auto building = state.building.find(application);
  if (active == state.active.end() && building != state.building.end() && request.verb == "abort") {
    building->second.cancelled_by = owner_of(caller, request);
    tell(turn, client, done_event("aborted: nothing will be sent to any host", 0));
    return;
  }
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
    const std::string& text = request.arguments.front();
    std::from_chars(text.data(), text.data() + text.size(), asked);
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
  } else if (request.verb == "attach") {
    take_attach(state, client, request, *application, now, turn);
  } else if (refuse_when_read_only(state, client, turn)) {
    return;
  } else if (request.verb == "deploy") {
    take_deploy(state, client, caller, request, *application, now, turn);
  } else if (request.verb == "rollback") {
    take_rollback(state, client, caller, request, *application, now, turn);
  } else if (request.verb == "abort" || request.verb == "continue") {
    take_abort_or_continue(state, client, caller, request, *application, now, turn);
  } else {
    tell(turn, client, error_event(fmt::format("unknown command '{}'", printable(request.verb, 40)), kUsage));
  }
}

bool changes_something(const OperatorRequest& request) {
  static const std::set<std::string> kReading{"status", "attach", "history", "hosts list"};
  return !kReading.contains(request.verb) && !request.dry_run;
}

}  // namespace

OperatorEvent line_event(const std::string& text) {
  const std::string safe = printable_lines(text);
  return {.kind = "line", .text = safe, .json = fmt::format(R"({{"event":"line","text":{}}})", json_string(safe))};
}

OperatorEvent error_event(const std::string& text, int exit_code) {
  const std::string safe = printable_lines(text);
  return {.final = true,
          .exit_code = exit_code,
          .kind = "error",
          .text = safe,
          .json = fmt::format(R"({{"event":"error","exit":{},"text":{}}})", exit_code, json_string(safe))};
}

OperatorEvent done_event(const std::string& text, int exit_code) {
  const std::string safe = printable_lines(text);
  return {.final = true,
          .exit_code = exit_code,
          .kind = "done",
          .text = safe,
          .json = fmt::format(R"({{"event":"done","exit":{},"text":{}}})", exit_code, json_string(safe))};
}

OperatorEvent begun_event(DeploymentId deployment) {
  return {.kind = "begun",
          .text = std::to_string(deployment),
          .json = fmt::format(R"({{"event":"begun","deployment":{}}})", deployment)};
}

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
  if (changes_something(request) && state.read_only.empty()) {
    turn.record(controller::StoreAction{
        now.wall, caller.uid, owner_of(caller, request), request.verb, request.application,
        fmt::format("{}{}{} {}", request.force ? "--force " : "", fmt::join(request.arguments, " "), request.name,
                    printable(request.message, 200))});
  }
  if (request.verb == "hosts list") {
    tell(turn, client, render_hosts(state, pending, now));
  } else if (request.verb == "history") {
    std::size_t most = 20;
    if (!request.arguments.empty()) {
      const std::string& text = request.arguments.front();
      std::from_chars(text.data(), text.data() + text.size(), most);
    }
    turn.effect(controller::ReadHistory{client, request.application, std::clamp<std::size_t>(most, 1, 1'000)});
  } else if (request.verb.starts_with("hosts ")) {
    if (refuse_when_read_only(state, client, turn)) return;
    if (request.verb == "hosts accept") {
      accept_host(state, client, caller, request, pending, now, turn);
    } else if (request.verb == "hosts import") {
      import_hosts(state, client, caller, request, now, turn);
    } else if (request.verb == "hosts revoke") {
      revoke_host(state, client, request, now, turn);
    } else {
      tell(turn, client, error_event(fmt::format("unknown command '{}'", printable(request.verb, 40)), kUsage));
    }
  } else {
    take_application_request(state, client, caller, request, now, turn);
  }
}

void take_build(ControllerState& state, const ApplicationName& application, const Result<release::BuildResult>& result,
                Now now, Turn& turn) {
  const auto found = state.building.extract(application);
  if (found.empty()) return;
  const controller::PendingBuild& build = found.mapped();
  if (!build.cancelled_by.empty()) {
    tell(turn, build.client,
         error_event("aborted by " + build.cancelled_by + ": nothing was sent to any host", kError));
    return;
  }
  if (!result) {
    const bool refused = result.error().kind == ErrorKind::refused;
    tell(turn, build.client, error_event(result.error().text, refused ? kRefused : kError));
    return;
  }
  const KnownRelease* wanted = controller::wanted_release(state, application);
  const ReleaseNumber parent = wanted == nullptr ? 0 : wanted->release.number;
  tell(turn, build.client, render_diff(*result, application, parent));
  if (build.request.dry_run) {
    tell(turn, build.client, done_event("dry run: nothing was deployed", 0));
    return;
  }
  if (refuse_when_read_only(state, build.client, turn)) return;
  ReleaseNumber number = parent;
  if (wanted == nullptr || wanted->release.root != result->root) {
    auto& releases = state.releases[application];
    number = releases.empty() ? 1 : releases.rbegin()->first + 1;
    const Release release{.application = application,
                          .number = number,
                          .root = result->root,
                          .parent = parent,
                          .author = build.owner,
                          .message = build.request.message.substr(0, limits::kMessageBytesKept),
                          .created_s = std::chrono::floor<std::chrono::seconds>(now.wall.time_since_epoch()).count(),
                          .files = result->files,
                          .bytes = result->bytes};
    const SignedRelease signed_release = sign_release(state.signing_key, release);
    releases[number] = {.release = release, .signed_release = signed_release};
    turn.record(controller::StoreRelease{signed_release, release});
  } else if (!state.active.contains(application) && !build.request.force) {
    tell(turn, build.client,
         done_event(fmt::format("nothing to do: the source tree equals r{}, which is released", number), 0));
    return;
  }
  begin(state, build.client,
        {.application = application,
         .release = number,
         .owner = build.owner,
         .message = build.request.message.substr(0, limits::kMessageBytesKept),
         .force = build.request.force,
         .wait_ms = build.request.wait_ms,
         .supersedes = fmt::format("{}'s forced deploy of r{}", build.owner, number)},
        build.request.detach, now, turn);
}

void drop_client(ControllerState& state, const std::string& connection) {
  for (auto& [application, active] : state.active) {
    std::erase_if(active.watchers, [&](const Client& client) { return client.connection == connection; });
  }
}

}  // namespace serin::operate
