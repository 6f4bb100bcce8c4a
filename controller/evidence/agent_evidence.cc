#include "controller/evidence/agent_evidence.h"

#include <algorithm>
#include <map>

namespace serin::evidence {

using controller::ControllerState;

std::vector<fleet::HostSeconds> seconds_before(const ControllerState& state, const rollout::Rollout& rollout, Now now) {
  std::vector<fleet::HostSeconds> all;
  const auto& settings = state.settings.applications.at(rollout.application);
  const std::int64_t until = second_of(now.steady);
  const std::int64_t from = until - settings.sequential.baseline.count();
  all.reserve(rollout.hosts.size());
  for (const rollout::PlanHost& host : rollout.hosts) {
    all.push_back(state.ledger.seconds(host.host, rollout.application, from, until));
  }
  return all;
}

std::vector<fleet::HostSeconds> in_plan_order(const rollout::Rollout& rollout, std::vector<fleet::HostSeconds> stored) {
  std::vector<fleet::HostSeconds> all;
  if (stored.empty()) return all;
  std::map<HostName, fleet::HostSeconds*> by_name;
  std::size_t seconds = 0;
  for (fleet::HostSeconds& host : stored) {
    by_name[host.host] = &host;
    seconds = std::max(seconds, host.seconds.size());
  }
  const std::int64_t first = stored.front().first;
  for (const rollout::PlanHost& host : rollout.hosts) {
    const auto found = by_name.find(host.host);
    all.push_back(found == by_name.end()
                      ? fleet::HostSeconds{.host = host.host, .first = first, .rules_hash = {}, .seconds = {}}
                      : std::move(*found->second));
    all.back().seconds.resize(seconds);
  }
  return all;
}

judge::HostBaseline baseline_of(const fleet::HostSeconds& before, judge::Role role) {
  judge::HostBaseline baseline{.host = before.host, .role = role, .seconds = {}};
  baseline.seconds.reserve(before.seconds.size());
  for (const fleet::SecondOfHost& second : before.seconds) {
    baseline.seconds.push_back({.seen = second.reported && second.trusted,
                                .errors = second.errors,
                                .lines = second.lines,
                                .requests = second.requests});
  }
  return baseline;
}

bool has_trusted(const fleet::HostSeconds& before) {
  return std::any_of(before.seconds.begin(), before.seconds.end(),
                     [](const fleet::SecondOfHost& second) { return second.reported && second.trusted; });
}

bool has_requests(const fleet::HostSeconds& before) {
  return std::any_of(before.seconds.begin(), before.seconds.end(), [](const fleet::SecondOfHost& second) {
    return second.reported && second.trusted && second.requests > 0;
  });
}

bool has_requests(const std::vector<fleet::HostSeconds>& before) {
  return std::any_of(before.begin(), before.end(), [](const fleet::HostSeconds& host) { return has_requests(host); });
}

judge::Counts counts_at(const ControllerState& state, const ApplicationName& application, const HostName& host,
                        const std::string& rules_hash, std::int64_t second) {
  const fleet::SecondOfHost cell = state.ledger.at(host, application, second);
  // After a restart, what was stored is known before the host is back and says by which rules it counts now.
  const std::string rules_now = state.ledger.rules_hash(host, application);
  const bool seen = cell.reported && state.ledger.gap(host, application, second, second + 1).empty() &&
                    (rules_now.empty() || rules_now == rules_hash);
  return {.seen = seen, .errors = cell.errors, .lines = cell.lines, .requests = cell.requests};
}

std::string common_rules(const std::vector<std::string>& hashes) {
  std::map<std::string, std::size_t> count;
  for (const std::string& hash : hashes) ++count[hash];
  const auto most =
      std::max_element(count.begin(), count.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == count.end() ? std::string{} : most->first;
}

}  // namespace serin::evidence
