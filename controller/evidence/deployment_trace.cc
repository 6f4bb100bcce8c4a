#include "controller/evidence/deployment_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "controller/evidence/agent_evidence.h"
#include "controller/fleet/message_book.h"
#include "protocol/limits.h"

namespace serin::evidence {

namespace {

/// Of all that was counted, and no more than a trace may hold.
Span span_of(const StoredTrace& stored) {
  bool any = false;
  Span span;
  const auto widen = [&](std::int64_t first, std::int64_t until) {
    span = any ? Span{std::min(span.from, first), std::max(span.until, until)} : Span{first, until};
    any = true;
  };
  for (const fleet::HostSeconds& host : stored.before) {
    if (!host.seconds.empty()) widen(host.first, host.first + static_cast<std::int64_t>(host.seconds.size()));
  }
  for (const fleet::Sample& sample : stored.samples) widen(sample.second, sample.second + 1);
  const auto most =
      static_cast<std::int64_t>(limits::kTraceCellsMax / std::max<std::size_t>(1, stored.rollout.hosts.size()));
  span.until = std::min(span.until, span.from + most);
  return span;
}

}  // namespace

judge::Trace ordinary_trace(const controller::StoreOrdinary& hour) {
  judge::Trace trace;
  for (const fleet::HostSeconds& host : hour.hosts) {
    const bool canary = std::find(hour.canaries.begin(), hour.canaries.end(), host.host) != hour.canaries.end();
    const auto role = canary ? judge::Role::canary : judge::Role::control;
    trace.hosts.push_back(
        {.host = host.host, .role = role, .loaded = {}, .rules = {}, .seconds = baseline_of(host, role).seconds});
  }
  trace.requests_known = has_requests(hour.hosts);
  return trace;
}

Result<judge::Trace> deployment_trace(const StoredTrace& stored) {
  const rollout::Rollout& rollout = stored.rollout;
  const Span span = span_of(stored);
  if (span.until <= span.from) {
    return failure(ErrorKind::not_found,
                   fmt::format("nothing that was counted is stored of deployment {}: it was forced, "
                               "the first release, or is too old",
                               rollout.id));
  }
  judge::Trace trace;
  std::map<HostName, std::size_t> index_of;
  for (const rollout::PlanHost& host : rollout.hosts) {
    const bool canary = host.stage < rollout.stages.size() && rollout.stages[host.stage].judged;
    index_of[host.host] = trace.hosts.size();
    trace.hosts.push_back({.host = host.host, .role = canary ? judge::Role::canary : judge::Role::control});
    trace.hosts.back().seconds.resize(static_cast<std::size_t>(span.until - span.from));
    if (host.loaded_at) trace.hosts.back().loaded = second_of(*host.loaded_at) - span.from;
  }
  if (rollout.judge == controller::JudgeKind::sequential) {
    trace.settings = rollout.judge_settings;
    trace.settings.push_back(fmt::format("horizon={}", std::chrono::ceil<std::chrono::seconds>(rollout.wait).count()));
    trace.settings.push_back(fmt::format("settle={}", rollout.settle.count()));
  }
  if (rollout.soak_from) trace.deploy = second_of(*rollout.soak_from) - span.from;
  for (const fleet::HostSeconds& host : stored.before) {
    const auto found = index_of.find(host.host);
    if (found == index_of.end()) continue;
    trace.hosts[found->second].rules = host.rules_hash;
    for (std::size_t i = 0; i < host.seconds.size(); ++i) {
      const fleet::SecondOfHost& second = host.seconds[i];
      const std::int64_t at = host.first + static_cast<std::int64_t>(i) - span.from;
      if (!second.reported || !second.trusted || at >= span.until - span.from) continue;
      trace.hosts[found->second].seconds[static_cast<std::size_t>(at)] = {
          .seen = true, .errors = second.errors, .lines = second.lines, .requests = second.requests};
      trace.requests_known = trace.requests_known || second.requests > 0;
    }
  }
  std::set<std::string> known;
  for (const fleet::Sample& sample : stored.samples) {
    const auto found = index_of.find(sample.host);
    if (found == index_of.end() || sample.second < span.from || sample.second >= span.until) continue;
    trace.hosts[found->second].seconds[static_cast<std::size_t>(sample.second - span.from)] = {
        .seen = true, .errors = sample.errors, .lines = sample.lines, .requests = sample.requests};
    trace.requests_known = trace.requests_known || sample.requests > 0;
    // Between its order and the load a canary may log what either release does: nothing of that was there before.
    const bool between = trace.hosts[found->second].role == judge::Role::canary && trace.deploy &&
                         sample.second - span.from < *trace.deploy;
    for (const SignatureCount& counted : sample.signatures) {
      if (between) break;
      if (stored.known.contains(counted.id)) known.insert(fleet::id_text(counted.id));
      trace.signatures.push_back({.second = sample.second - span.from,
                                  .host = found->second,
                                  .id = fleet::id_text(counted.id),
                                  .count = counted.count});
    }
  }
  std::sort(trace.signatures.begin(), trace.signatures.end(), [](const auto& a, const auto& b) {
    return std::tie(a.second, a.host, a.id) < std::tie(b.second, b.host, b.id);
  });
  trace.known.assign(known.begin(), known.end());
  return trace;
}

}  // namespace serin::evidence
