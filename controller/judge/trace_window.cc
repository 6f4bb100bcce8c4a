#include "controller/judge/trace_window.h"

#include <algorithm>
#include <map>

namespace serin::judge {

namespace {

std::string majority_rules(const Trace& trace) {
  std::map<std::string, std::size_t> votes;
  for (const TraceHost& host : trace.hosts) {
    if (!host.rules.empty()) ++votes[host.rules];
  }
  std::string most;
  std::size_t count = 0;
  for (const TraceHost& host : trace.hosts) {
    if (host.rules.empty() || votes[host.rules] <= count) continue;
    most = host.rules;
    count = votes[host.rules];
  }
  return most;
}

/// What a host did in a second, as evidence of its role in a deploy in `deploy`.
Counts evidence_at(const Trace& trace, const TraceHost& host, Role role, std::int64_t deploy, std::int64_t second) {
  const std::int64_t at = second - trace.first;
  if (at < 0 || at >= static_cast<std::int64_t>(host.seconds.size())) return {};
  const bool between = host.loaded && second >= *host.loaded && (role == Role::control || second < deploy);
  return between ? Counts{} : host.seconds[static_cast<std::size_t>(at)];
}

}  // namespace

TraceWindow window_at(const Trace& trace, std::int64_t deploy, const SequentialSettings& settings,
                      std::span<const std::size_t> canaries) {
  TraceWindow window{.deploy = deploy};
  window.baseline.lines_known = trace.lines_known;
  window.baseline.requests_known = trace.requests_known;
  const std::string rules = majority_rules(trace);
  const std::int64_t end = std::min(deploy, trace.first + static_cast<std::int64_t>(trace.length()));
  const std::int64_t begin = std::max(trace.first, deploy - settings.baseline.count());
  for (std::size_t i = 0; i < trace.hosts.size(); ++i) {
    const TraceHost& host = trace.hosts[i];
    HostBaseline baseline{.host = host.host, .role = host.role};
    if (!canaries.empty()) {
      const bool canary = std::find(canaries.begin(), canaries.end(), i) != canaries.end();
      baseline.role = canary ? Role::canary : Role::control;
    }
    bool seen = false;
    for (std::int64_t second = begin; second < end; ++second) {
      baseline.seconds.push_back(evidence_at(trace, host, baseline.role, deploy, second));
      seen = seen || baseline.seconds.back().seen;
    }
    const bool differs = !host.rules.empty() && host.rules != rules;
    if (baseline.role == Role::canary) {
      if (differs) window.rules_differ.push_back(host.host);
    } else if (differs || !seen) {
      window.set_aside.push_back({host.host, Role::control,
                                  differs ? "counts other errors than most hosts" : "was not seen before the deploy"});
      continue;
    }
    window.baseline.hosts.push_back(std::move(baseline));
    window.hosts.push_back(i);
  }
  return window;
}

std::vector<Counts> counts_at(const Trace& trace, const TraceWindow& window, std::int64_t second) {
  std::vector<Counts> counts;
  counts.reserve(window.hosts.size());
  for (std::size_t i = 0; i < window.hosts.size(); ++i) {
    counts.push_back(
        evidence_at(trace, trace.hosts[window.hosts[i]], window.baseline.hosts[i].role, window.deploy, second));
  }
  return counts;
}

}  // namespace serin::judge
