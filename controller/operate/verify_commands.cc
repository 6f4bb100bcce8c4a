#include "controller/operate/verify_commands.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/operate/answers.h"
#include "controller/operate/render_verify.h"
#include "controller/rollout/cohort.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

using controller::ActiveVerify;
using controller::Client;
using controller::ControllerState;
using controller::HostVerify;
using controller::KnownRelease;
using controller::Turn;
using namespace std::chrono_literals;

constexpr Duration kAskAgainAfter = 5s;
constexpr Duration kGiveUpAfter = 30s;
constexpr Duration kTellEvery = 1s;
/// Numbers of verifies lie above those of all orders (rollout::request_number) and grow over restarts.
constexpr std::uint64_t kNumbersFrom = 1ULL << 62U;

void end_host(const ApplicationName& application, ActiveVerify& active, const HostName& name, HostVerify& host,
              const std::string& trouble, Turn& turn) {
  if (host.done) return;
  host.done = true;
  if (!trouble.empty()) host.trouble = trouble;
  tell(turn, active.client, render_verified_host(name, host));
  if (std::ranges::all_of(active.hosts, [](const auto& each) { return each.second.done; })) {
    tell(turn, active.client, render_verify_end(application, active));
    active.ended = true;
  }
}

void drop_ended(ControllerState& state) {
  std::erase_if(state.verifying, [](const auto& each) { return each.second.ended; });
}

/// The release that the host says it runs; why it cannot be verified otherwise.
Result<const KnownRelease*> release_of(const ControllerState& state, const fleet::Host& host,
                                       const ApplicationName& application) {
  const auto status = host.applications.find(application);
  if (status == host.applications.end()) {
    return failure(ErrorKind::not_found, fmt::format("its agent.toml has no [application.{}]", application));
  }
  if (status->second.live_release == 0) return failure(ErrorKind::not_found, "nothing is live there");
  const KnownRelease* release = controller::find_release(state, application, status->second.live_release);
  if (release == nullptr || release->release.root != status->second.live_root) {
    return failure(ErrorKind::not_found, fmt::format("it runs r{} ({}), which this controller did not build",
                                                     status->second.live_release, status->second.live_root.brief()));
  }
  return release;
}

void ask(const ControllerState& state, const ApplicationName& application, ActiveVerify& active, const HostName& name,
         HostVerify& verify, Now now, Turn& turn) {
  const fleet::Host* host = state.roster.find(name);
  if (host == nullptr || !host->session || host->presence != fleet::Presence::connected) {
    end_host(application, active, name, verify,
             host == nullptr ? "it was revoked" : fmt::format("it is not there ({})", name_of(host->presence)), turn);
    return;
  }
  const auto release = release_of(state, *host, application);
  if (!release) {
    end_host(application, active, name, verify, release.error().text, turn);
    return;
  }
  verify.asked = now.steady;
  Envelope envelope{.header = {.protocol = limits::kProtocolNewest,
                               .session = host->session->id,
                               .request = active.number,
                               .flags = kMustUnderstand},
                    .message = VerifyRequest{.application = application,
                                             .number = active.number,
                                             .repair = active.repair,
                                             .recipient = to_hex(host->record.public_key),
                                             .release = (*release)->signed_release}};
  turn.effect(controller::SendToHost{host->session->connection, std::move(envelope)});
}

/// The hosts that are meant; an error names one that there is not.
Result<std::vector<HostName>> choose_hosts(const ControllerState& state, const ApplicationName& application,
                                           const std::vector<std::string>& asked) {
  const auto& settings = state.settings.applications.at(application);
  std::vector<HostName> all;
  for (const auto& [name, host] : state.roster.hosts()) {
    if (rollout::belongs(settings.hosts, name, host.record.labels)) all.push_back(name);
  }
  std::vector<HostName> chosen;
  if (asked.empty()) {
    std::ranges::copy_if(all, std::back_inserter(chosen), [&](const HostName& name) {
      return state.roster.find(name)->presence == fleet::Presence::connected;
    });
    if (chosen.empty()) return failure(ErrorKind::not_found, fmt::format("no host of {} is connected", application));
    return chosen;
  }
  for (const std::string& pattern : asked) {
    const std::size_t before = chosen.size();
    std::ranges::copy_if(all, std::back_inserter(chosen),
                         [&](const HostName& name) { return matches_pattern(pattern, name); });
    if (chosen.size() == before) {
      return failure(ErrorKind::not_found, fmt::format("{} has no host '{}': `serin status` lists them", application,
                                                       printable(pattern, 80)));
    }
  }
  return chosen;
}

}  // namespace

OperatorRequest with_application_named(const ControllerState& state, OperatorRequest request) {
  if (!request.application.empty() || request.arguments.empty()) return request;
  const std::string& first = request.arguments.front();
  if (!state.settings.applications.contains(first) || state.roster.find(first) != nullptr) return request;
  request.application = first;
  request.arguments.erase(request.arguments.begin());
  return request;
}

void take_verify(ControllerState& state, const Client& client, const OperatorRequest& request,
                 const ApplicationName& application, Now now, Turn& turn) {
  if (request.repair && refuse_when_read_only(state, client, turn)) return;
  if (state.verifying.contains(application)) {
    tell(turn, client,
         error_event(fmt::format("refused: a verify of {} is at work: wait for its end", application), kRefused));
    return;
  }
  const auto hosts = choose_hosts(state, application, request.arguments);
  if (!hosts) {
    tell(turn, client, error_event(hosts.error().text, request.arguments.empty() ? kError : kUsage));
    return;
  }
  const auto wall = static_cast<std::uint64_t>(std::max<std::int64_t>(now.wall.time_since_epoch().count(), 0));
  state.newest_verify = std::max(state.newest_verify + 1, kNumbersFrom + wall);
  ActiveVerify& active = state.verifying[application];
  active = {.client = client, .number = state.newest_verify, .repair = request.repair, .told = now.steady};
  for (const HostName& name : *hosts) active.hosts[name].heard = now.steady;
  for (auto& [name, verify] : active.hosts) ask(state, application, active, name, verify, now, turn);
  drop_ended(state);
}

void take_verify_report(ControllerState& state, const HostName& host, const VerifyReport& report, Now now, Turn& turn) {
  const auto active = state.verifying.find(report.application);
  if (active == state.verifying.end() || active->second.number != report.number) return;
  const auto verify = active->second.hosts.find(host);
  if (verify == active->second.hosts.end() || verify->second.done) return;
  verify->second.report = report;
  verify->second.heard = now.steady;
  if (report.final) end_host(report.application, active->second, host, verify->second, report.trouble, turn);
  drop_ended(state);
}

void take_verify_problem(ControllerState& state, const HostName& host, std::uint64_t number, const std::string& text,
                         Now /*now*/, Turn& turn) {
  for (auto& [application, active] : state.verifying) {
    const auto verify = active.hosts.find(host);
    if (active.number != number || verify == active.hosts.end()) continue;
    const fleet::Host* known = state.roster.find(host);
    const std::string version = known != nullptr && known->session ? known->session->agent_version : "?";
    end_host(application, active, host, verify->second,
             fmt::format("its agent ({}) cannot verify: upgrade it ({})", printable(version, 20), printable(text, 100)),
             turn);
  }
  drop_ended(state);
}

void tick_verifies(ControllerState& state, Now now, Turn& turn) {
  for (auto& [application, active] : state.verifying) {
    for (auto& [name, verify] : active.hosts) {
      if (verify.done) continue;
      if (now.steady - verify.heard >= kGiveUpAfter) {
        end_host(application, active, name, verify, fmt::format("it did not answer for {} s", kGiveUpAfter / 1s), turn);
      } else if (now.steady - verify.heard >= kAskAgainAfter && now.steady - verify.asked >= kAskAgainAfter) {
        ask(state, application, active, name, verify, now, turn);
      }
    }
    if (active.ended || now.steady - active.told < kTellEvery) continue;
    active.told = now.steady;
    tell(turn, active.client, render_verify_progress(application, active));
  }
  drop_ended(state);
}

}  // namespace serin::operate
