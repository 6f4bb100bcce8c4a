// What the agent says of its live trees, and what it is told of verifies and proxies. The rest of AgentCore is in
// agent_core.cc.
#include <fmt/format.h>

#include <algorithm>

#include "agent/agent_core.h"
#include "protocol/text.h"

namespace serin::agent {

namespace {

using namespace std::chrono_literals;
constexpr Duration kPassing = 250ms;  ///< a step that takes no longer is told of at its end only

bool passes(HostState state) {
  return state == HostState::pulling || state == HostState::switching;
}

/// A switch is between the two, or has begun: seconds on both sides are not of one release.
bool loads(const ApplicationStatus& before, const ApplicationStatus& after) {
  return before.live_release != after.live_release || before.live_root != after.live_root ||
         before.state == HostState::switching || after.state == HostState::switching;
}

}  // namespace

Effects AgentCore::on_status(const ApplicationStatus& status, Now now) {
  Effects effects;
  Application& application = applications_.at(status.application);
  if (application.status == status) return effects;
  if (loads(application.status, status)) application.live_since = now.steady;
  application.status = status;
  if (link_ != Link::ready) return effects;
  if (passes(status.state)) {
    // Most such states are over before anybody could read of them: four heartbeats would be a third of a small deploy.
    next_heartbeat_ = std::min(next_heartbeat_, now.steady + kPassing);
  } else {
    send_heartbeat(now, effects);
  }
  return effects;
}

void AgentCore::take_verify(const VerifyRequest& request, Effects& effects) {
  if (request.recipient != to_hex(identity_.public_key)) {
    effects.emplace_back(LogLine{true, "a verify for another host was refused"});
    return;
  }
  VerifyReport refused{.application = request.application, .number = request.number, .final = true};
  auto release = open_release(request.release, settings_.release_keys);
  if (!applications_.contains(request.application)) {
    refused.trouble = fmt::format("agent.toml has no [application.{}]", printable(request.application));
  } else if (!release) {
    refused.trouble = release.error().text;
  } else if (release->application != request.application) {
    refused.trouble = fmt::format("the release is one of {}", printable(release->application));
  } else {
    effects.emplace_back(TakeVerify{request, std::move(*release)});
    return;
  }
  send(refused, effects);
}

void AgentCore::take_other(const Message& message, Effects& effects) {
  if (const auto* verify = std::get_if<VerifyRequest>(&message)) {
    take_verify(*verify, effects);
  } else if (const auto* sources = std::get_if<ContentSources>(&message)) {
    effects.emplace_back(UseSources{*sources});
  } else if (const auto* pack = std::get_if<PackAhead>(&message)) {
    effects.emplace_back(KeepPack{*pack});
  } else if (const auto* keys = std::get_if<FleetKeys>(&message); keys != nullptr && settings_.proxy.port != 0) {
    effects.emplace_back(AdmitFleet{*keys});
  }
}

Effects AgentCore::on_drift(const ApplicationName& application, std::uint64_t drift, const std::string& path,
                            const std::optional<SteadyTime>& verified_at, Now now) {
  Effects effects;
  Application& known = applications_.at(application);
  const bool is_news = known.drift != drift;
  known.drift = drift;
  known.drift_path = path;
  known.verified_at = verified_at;
  if (is_news && link_ == Link::ready) send_heartbeat(now, effects);
  return effects;
}

Effects AgentCore::on_verify_report(const VerifyReport& report) {
  Effects effects;
  if (link_ == Link::ready) send(report, effects);
  return effects;
}

}  // namespace serin::agent
