#include "controller/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "protocol/text.h"

namespace serin::controller {

namespace {

using namespace std::chrono_literals;

constexpr auto kBuiltLately = 1h;
constexpr Duration kStoredAgainAfter = 1h;

/// Who has each release of an application.
std::map<ReleaseNumber, std::vector<HostName>> holders_of(const ControllerState& state,
                                                          const ApplicationName& application, Now now) {
  std::map<ReleaseNumber, std::vector<HostName>> holders;
  const std::int64_t wall_ms = now.wall.time_since_epoch().count();
  for (const auto& [key, host] : state.host_releases) {
    if (key.second != application || wall_ms - host.heard_wall_ms > state.settings.keep_for_hosts.count()) continue;
    for (const ReleaseNumber release : host.releases) holders[release].push_back(key.first);
  }
  return holders;
}

std::set<ReleaseNumber> needed_by_deployment(const ControllerState& state, const ApplicationName& application) {
  std::set<ReleaseNumber> needed;
  const auto active = state.active.find(application);
  if (active == state.active.end()) return needed;
  needed.insert(active->second.rollout.release);
  for (const rollout::PlanHost& host : active->second.rollout.hosts) needed.insert(host.former);
  return needed;
}

std::set<ReleaseNumber> last_released(const ControllerState& state,
                                      const std::map<ReleaseNumber, KnownRelease>& releases) {
  std::set<ReleaseNumber> last;
  for (auto release = releases.rbegin(); release != releases.rend(); ++release) {
    if (last.size() >= state.settings.keep_releases) break;
    const Trust trust = release->second.trust;
    if ((trust == Trust::trusted || trust == Trust::forced) && !release->second.collected) last.insert(release->first);
  }
  return last;
}

std::string hosts_text(const std::vector<HostName>& hosts) {
  if (hosts.size() == 1) return fmt::format("{} has it", hosts.front());
  return fmt::format("{} hosts have it, {} among them", hosts.size(), hosts.front());
}

}  // namespace

RetentionPlan plan_retention(const ControllerState& state, Now now) {
  RetentionPlan plan;
  for (const auto& [application, releases] : state.releases) {
    const auto wanted = state.wanted.find(application);
    const auto holders = holders_of(state, application, now);
    const auto needed = needed_by_deployment(state, application);
    const auto last = last_released(state, releases);
    for (const auto& [number, known] : releases) {
      if (known.collected) continue;
      const auto built = WallTime{std::chrono::seconds{known.release.created_s}};
      std::string why;
      if (wanted != state.wanted.end() && wanted->second == number) {
        why = "it is released";
      } else if (needed.contains(number)) {
        why = "a deployment that runs needs it";
      } else if (const auto holder = holders.find(number); holder != holders.end()) {
        why = hosts_text(holder->second);
      } else if (last.contains(number)) {
        why = fmt::format("one of the last {} that were released", state.settings.keep_releases);
      } else if (now.wall - built < kBuiltLately) {
        why = fmt::format("built {}", ago_text(std::chrono::duration_cast<Duration>(now.wall - built)));
      } else {
        plan.collected.emplace_back(application, number);
        continue;
      }
      plan.kept.push_back({application, number, known.release.root, std::move(why)});
    }
  }
  return plan;
}

void note_host_releases(ControllerState& state, const HostName& host, Now now, Turn& turn) {
  const fleet::Host* known = state.roster.find(host);
  if (known == nullptr) return;
  const std::int64_t wall_ms = now.wall.time_since_epoch().count();
  for (const auto& [application, status] : known->applications) {
    if (!state.settings.applications.contains(application)) continue;
    std::vector<ReleaseNumber> releases = status.slots;
    releases.push_back(status.live_release);
    std::ranges::sort(releases);
    releases.erase(std::ranges::unique(releases).begin(), releases.end());
    std::erase(releases, 0);
    HostReleases& noted = state.host_releases[{host, application}];
    noted.heard_wall_ms = wall_ms;
    const bool due = noted.releases != releases || wall_ms - noted.stored_wall_ms >= kStoredAgainAfter.count();
    if (!due || !state.read_only.empty()) continue;
    noted.releases = std::move(releases);
    noted.stored_wall_ms = wall_ms;
    turn.record(StoreHostReleases{host, application, noted.releases, wall_ms});
  }
}

}  // namespace serin::controller
