#include "controller/rollout/cohort.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/text.h"

namespace serin::rollout {

namespace {

using controller::ApplicationSettings;
using controller::HostGroup;

constexpr std::string_view kLabel = "label:";

std::string list_text(const std::vector<std::string>& items, std::string_view quote) {
  constexpr std::size_t kShown = 10;
  std::string text;
  for (std::size_t i = 0; i < items.size() && i < kShown; ++i) {
    text += fmt::format("{}{}{}{}", i == 0 ? "" : ", ", quote, items[i], quote);
  }
  if (items.size() > kShown) text += fmt::format(" and {} more", items.size() - kShown);
  return text;
}

std::string group_text(std::string_view key, const HostGroup& group) {
  return fmt::format("{} = [{}]", key, list_text(group.members, "\""));
}

bool is_there(const Candidate& candidate) {
  return candidate.connected && candidate.reports_application;
}

/// Takes the hosts of a group out of `rest`, into a new stage.
std::size_t take_stage(const HostGroup& group, Stage stage, std::vector<const Candidate*>& rest, Plan& plan) {
  const auto index = static_cast<std::uint32_t>(plan.stages.size());
  const auto begin = std::stable_partition(rest.begin(), rest.end(), [&](const Candidate* candidate) {
    return !belongs(group, candidate->host, candidate->labels);
  });
  for (auto it = begin; it != rest.end(); ++it) {
    const Candidate& candidate = **it;
    plan.hosts.push_back({.host = candidate.host,
                          .stage = index,
                          .former = candidate.live,
                          .step = is_there(candidate) ? HostStep::waiting : HostStep::absent,
                          .connected = is_there(candidate)});
  }
  const auto taken = static_cast<std::size_t>(rest.end() - begin);
  rest.erase(begin, rest.end());
  if (taken > 0) plan.stages.push_back(std::move(stage));
  return taken;
}

/// The hosts of the fleet's stage that stay controls for longest: every n-th, since names often follow racks and sizes.
void hold_back(const controller::HostShare& share, Plan& plan) {
  if (plan.stages.empty() || plan.stages.back().judged || (share.count == 0 && share.percent <= 0)) return;
  const auto fleet = static_cast<std::uint32_t>(plan.stages.size() - 1);
  const auto begin =
      std::find_if(plan.hosts.begin(), plan.hosts.end(), [&](const PlanHost& host) { return host.stage == fleet; });
  const auto hosts = static_cast<std::size_t>(plan.hosts.end() - begin);
  const std::size_t kept = std::min(share.of(plan.hosts.size(), kControlsKept), hosts);
  if (kept < kControlsKept) return;
  if (kept == hosts) {
    plan.stages.back() = {.name = "last", .held_back = true};
    return;
  }
  for (std::size_t i = 0; i < kept; ++i) {
    const std::size_t at = (2 * i + 1) * hosts / (2 * kept);
    begin[static_cast<std::ptrdiff_t>(at)].stage = fleet + 1;
  }
  std::stable_sort(begin, plan.hosts.end(), [](const PlanHost& a, const PlanHost& b) { return a.stage < b.stage; });
  plan.stages.push_back({.name = "last", .held_back = true});
}

std::string missing_text(const ApplicationSettings& settings, const Candidate& candidate) {
  if (!candidate.connected) return candidate.host + " is not connected";
  return fmt::format("{} is connected but has no [application.{}] in its agent's configuration", candidate.host,
                     settings.name);
}

/// Enough canaries to judge by, or why not.
Result<void> check_canaries(const ApplicationSettings& settings, const std::vector<const Candidate*>& all) {
  if (settings.canary.members.empty()) {
    return failure(ErrorKind::refused,
                   fmt::format("{} has no canaries: set canary = [\"NAME\", \"label:LABEL\"] under [application.{}] of "
                               "the controller's configuration, or deploy with --force",
                               settings.name, settings.name));
  }
  std::size_t canaries = 0;
  std::size_t there = 0;
  std::vector<std::string> missing;
  for (const Candidate* candidate : all) {
    if (!belongs(settings.canary, candidate->host, candidate->labels)) continue;
    ++canaries;
    if (is_there(*candidate)) {
      ++there;
    } else {
      missing.push_back(missing_text(settings, *candidate));
    }
  }
  if (canaries == 0) {
    return failure(ErrorKind::refused, fmt::format("{} of {} matches none of its {} hosts: correct the group, or give "
                                                   "hosts its label with `serin hosts accept`",
                                                   group_text("canary", settings.canary), settings.name, all.size()));
  }
  const std::size_t needed = settings.min_canaries == 0 ? canaries : settings.min_canaries;
  if (needed > canaries) {
    return failure(ErrorKind::refused,
                   fmt::format("{} needs min_canaries = {}, but {} names only {} of its hosts", settings.name, needed,
                               group_text("canary", settings.canary), canaries));
  }
  if (there < needed) {
    return failure(
        ErrorKind::refused,
        fmt::format("{} of the {} canaries that {} needs are there: {}; bring them back, lower min_canaries, "
                    "or deploy with --force",
                    there, needed, settings.name, list_text(missing, "")));
  }
  return {};
}

}  // namespace

bool belongs(const HostGroup& group, const HostName& host, const std::vector<std::string>& labels) {
  return std::any_of(group.members.begin(), group.members.end(), [&](const std::string& member) {
    if (!member.starts_with(kLabel)) return matches_pattern(member, host);
    const std::string_view label = std::string_view{member}.substr(kLabel.size());
    return std::find(labels.begin(), labels.end(), label) != labels.end();
  });
}

Result<Plan> make_plan(const ApplicationSettings& settings, const std::vector<Candidate>& candidates,
                       const PlanRequest& request) {
  std::vector<const Candidate*> rest;
  for (const Candidate& candidate : candidates) {
    if (belongs(settings.hosts, candidate.host, candidate.labels)) rest.push_back(&candidate);
  }
  std::sort(rest.begin(), rest.end(), [](const Candidate* a, const Candidate* b) { return a->host < b->host; });
  if (rest.empty()) {
    return failure(ErrorKind::refused,
                   candidates.empty()
                       ? fmt::format("r{} of {} has nowhere to go: no host is accepted yet, see `serin hosts`",
                                     request.release, settings.name)
                       : fmt::format("{} of {} matches none of the {} accepted hosts",
                                     group_text("hosts", settings.hosts), settings.name, candidates.size()));
  }
  if (std::none_of(rest.begin(), rest.end(), [](const Candidate* candidate) { return is_there(*candidate); })) {
    std::vector<std::string> missing;
    missing.reserve(rest.size());
    for (const Candidate* candidate : rest) missing.push_back(missing_text(settings, *candidate));
    return failure(ErrorKind::refused, fmt::format("none of the {} hosts of {} is there: {}", rest.size(),
                                                   settings.name, list_text(missing, "")));
  }

  Plan plan;
  const HostGroup everyone{{"*"}};
  if (!request.force) {
    if (auto checked = check_canaries(settings, rest); !checked) return std::unexpected(checked.error());
    const bool no_proxy = std::none_of(rest.begin(), rest.end(), [&](const Candidate* candidate) {
      return belongs(settings.proxies, candidate->host, candidate->labels);
    });
    if (!settings.proxies.members.empty() && no_proxy) {
      return failure(ErrorKind::refused,
                     fmt::format("{} of {} matches none of its {} hosts", group_text("proxies", settings.proxies),
                                 settings.name, rest.size()));
    }
    take_stage(settings.canary, {.name = "canary", .judged = true}, rest, plan);
    take_stage(settings.proxies, {.name = "proxies", .judged = false}, rest, plan);
  }
  take_stage(everyone, {.name = "fleet", .judged = false}, rest, plan);
  if (!request.force && is_compared(settings)) hold_back(settings.hold_back, plan);
  return plan;
}

}  // namespace serin::rollout
