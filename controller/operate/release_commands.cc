#include "controller/operate/release_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "controller/operate/answers.h"
#include "controller/operate/render.h"
#include "controller/rollout/deployments.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

using controller::Client;
using controller::ControllerState;
using controller::KnownRelease;
using controller::Trust;
using controller::Turn;

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
    if (inside && !path.starts_with('/')) path = fmt::format("{}/{}", request.cwd, path);
  }
  return paths;
}

/// As much of the message as is kept, cut at a character.
std::string kept_message(const std::string& message) {
  if (message.size() <= limits::kMessageBytesKept) return message;
  constexpr std::size_t kMarkBytes = 40;
  std::size_t kept = limits::kMessageBytesKept - kMarkBytes;
  for (int i = 0; i < 3 && (static_cast<unsigned char>(message[kept]) & 0xC0U) == 0x80U; ++i) --kept;
  return fmt::format("{}… ({} bytes more)", message.substr(0, kept), message.size() - kept);
}

/// The release to go back to: the one named, else the wanted one while another is under way, else its parent.
Result<const KnownRelease*> rollback_target(const ControllerState& state, const ApplicationName& application,
                                            const OperatorRequest& request) {
  ReleaseNumber number = 0;
  const KnownRelease* wanted = controller::wanted_release(state, application);
  if (!request.arguments.empty()) {
    std::string_view text = request.arguments.front();
    if (text.starts_with('r')) text.remove_prefix(1);
    if (const auto asked = whole_number(text); asked) {
      number = *asked;
    } else {
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
  if (target->collected) {
    return failure(
        ErrorKind::refused,
        fmt::format("the files of r{} are kept no longer (keep_releases = {} in controller.toml): check that "
                    "state out in the source and run serin deploy",
                    number, state.settings.keep_releases));
  }
  if ((target->trust == Trust::rejected || target->trust == Trust::untried) && !request.force) {
    return failure(ErrorKind::refused, fmt::format("r{} was never released ({}): use --force if you mean it", number,
                                                   name_of(target->trust)));
  }
  return target;
}

}  // namespace

std::vector<release::OtherBase> others_live(const ControllerState& state, const ApplicationName& application) {
  const KnownRelease* wanted = controller::wanted_release(state, application);
  std::map<ObjectId, ReleaseNumber> live;
  for (const auto& [name, host] : state.roster.hosts()) {
    const auto status = host.applications.find(application);
    if (status == host.applications.end() || status->second.live_root.is_nothing()) continue;
    if (wanted != nullptr && status->second.live_root == wanted->release.root) continue;
    live.emplace(status->second.live_root, status->second.live_release);
  }
  std::vector<release::OtherBase> others;
  others.reserve(live.size());
  for (const auto& [root, number] : live) others.push_back({.release = number, .root = root});
  std::ranges::sort(others, {}, &release::OtherBase::release);
  return others;
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
  turn.effect(controller::StartBuild{
      {.application = application,
       .source = settings.source,
       .exclude = settings.exclude,
       .paths = paths_of(request, settings.source),
       .base = wanted == nullptr ? ObjectId{} : wanted->release.root,
       .base_files = wanted == nullptr ? 0 : wanted->release.files,
       .base_bytes = wanted == nullptr ? 0 : wanted->release.bytes,
       .delete_limit_percent = settings.delete_limit_percent,
       .yes_delete = request.yes_delete,
       .others = request.dry_run ? others_live(state, application) : std::vector<release::OtherBase>{}}});
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
    const int code = exit_code_of(target.error());
    tell(turn, client, error_event((code == kRefused ? "refused: " : "") + target.error().text, code));
    return;
  }
  if (ask_first(state, client, application, request, now, turn)) return;
  const std::string owner = owner_of(caller, request);
  begin(state, client,
        {.application = application,
         .release = (*target)->release.number,
         .owner = owner,
         .message = request.message.empty() ? fmt::format("rollback to r{}", (*target)->release.number)
                                            : kept_message(request.message),
         .force = request.force,
         .rollback = true,
         .supersedes = fmt::format("{}'s rollback to r{}", owner, (*target)->release.number)},
        request.detach, now, turn);
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
    for (OperatorEvent& event : render_groups(state, application, *result)) {
      tell(turn, build.client, std::move(event));
    }
    tell(turn, build.client, done_event("dry run: nothing was deployed", 0));
    return;
  }
  if (refuse_when_read_only(state, build.client, turn)) return;
  const std::string message = kept_message(build.request.message);
  ReleaseNumber number = parent;
  if (wanted == nullptr || wanted->release.root != result->root) {
    auto& releases = state.releases[application];
    number = releases.empty() ? 1 : releases.rbegin()->first + 1;
    const Release release{.application = application,
                          .number = number,
                          .root = result->root,
                          .parent = parent,
                          .author = build.owner,
                          .message = message,
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
  if (state.active.contains(application) && !build.request.force) {
    // One that began by itself meanwhile: an alarm's take-back.
    tell(turn, build.client, error_event("refused: " + lock_text(state, application, now), kRefused));
    return;
  }
  begin(state, build.client,
        {.application = application,
         .release = number,
         .owner = build.owner,
         .message = message,
         .force = build.request.force,
         .wait_ms = build.request.wait_ms,
         .supersedes = fmt::format("{}'s forced deploy of r{}", build.owner, number)},
        build.request.detach, now, turn);
}

}  // namespace serin::operate
