#include <fmt/format.h>

#include <algorithm>

#include "controller/evidence/deployment_trace.h"
#include "controller/evidence/remote_evidence.h"
#include "controller/rollout/evidence_window.h"
#include "controller/rollout/source_verdicts.h"
#include "protocol/limits.h"

namespace serin::evidence {

namespace {

/// Of the stored rows, in the plan's order.
RemoteEvidence evidence_of(const StoredTrace& stored, SourceKind source) {
  RemoteEvidence evidence;
  for (const rollout::PlanHost& host : stored.rollout.hosts) {
    RemoteHost& remote = evidence.hosts.emplace_back();
    const auto row = std::ranges::find_if(stored.remote, [&](const controller::StoreRemote& at) {
      return at.source == source && at.host.before.host == host.host;
    });
    if (row == stored.remote.end()) continue;
    remote = row->host;
    evidence.newest = row->newest;
    evidence.read_at = row->read_at;
  }
  return evidence;
}

/// Elements of the trace's hosts have one second each: the others of a step stay unseen.
void put(judge::TraceHost& to, std::int64_t at, const judge::Counts& counts) {
  if (at < 0 || at >= static_cast<std::int64_t>(to.seconds.size())) return;
  to.seconds[static_cast<std::size_t>(at)] = counts;
}

judge::Counts counts_of(const fleet::SecondOfHost& step) {
  return {.seen = true, .errors = step.errors, .lines = step.lines, .requests = step.requests};
}

/// The first second that is known of, and the end of the last.
std::optional<Span> span_of(const RemoteEvidence& evidence, std::int64_t step) {
  std::optional<Span> span;
  for (const RemoteHost& host : evidence.hosts) {
    for (const fleet::HostSeconds* steps : {&host.before, &host.since}) {
      if (steps->seconds.empty()) continue;
      const std::int64_t until = steps->first + static_cast<std::int64_t>(steps->seconds.size()) * step;
      span = span ? Span{std::min(span->from, steps->first), std::max(span->until, until)} : Span{steps->first, until};
    }
  }
  return span;
}

}  // namespace

Result<judge::Trace> remote_trace(const StoredTrace& stored, SourceKind source) {
  const rollout::Rollout& rollout = stored.rollout;
  const auto asked = std::ranges::find(rollout.sources, source, &DeploymentSource::source);
  const RemoteEvidence evidence = evidence_of(stored, source);
  const auto span = asked == rollout.sources.end() ? std::nullopt : span_of(evidence, asked->step.count());
  if (!span) {
    return failure(ErrorKind::not_found,
                   fmt::format("nothing that {} said is stored of deployment {}", name_of(source), rollout.id));
  }
  const RemoteSource view(*asked, evidence, Now{});
  const bool fixed = asked->judge == judge::JudgeKind::fixed;
  const Duration wait = rollout::wait_of(rollout, *asked);
  judge::Trace trace{.judge = fixed ? "fixed" : "sequential", .step = asked->step.count()};
  trace.lines_known = asked->knows_lines;
  trace.settings = asked->judge_settings;
  if (rollout.soak_from) {
    const auto window = rollout::window_of_steps(rollout, wait, asked->step, asked->lead);
    trace.deploy = (fixed ? window.from : second_of(*rollout.soak_from)) - span->from;
    trace.settings.push_back(fixed ? fmt::format("wait={}", window.until - window.from)
                                   : fmt::format("horizon={}", std::chrono::ceil<std::chrono::seconds>(wait).count()));
  }
  if (!fixed) trace.settings.push_back(fmt::format("settle={}", rollout.settle.count()));
  for (std::size_t i = 0; i < rollout.hosts.size(); ++i) {
    const RemoteHost& host = evidence.hosts[i];
    if (!host.asked) continue;
    const bool canary = rollout.stages[rollout.hosts[i].stage].judged;
    trace.hosts.push_back({.host = rollout.hosts[i].host, .role = canary ? judge::Role::canary : judge::Role::control});
    judge::TraceHost& to = trace.hosts.back();
    to.seconds.resize(static_cast<std::size_t>(span->until - span->from));
    if (rollout.hosts[i].loaded_at) to.loaded = second_of(*rollout.hosts[i].loaded_at) - span->from;
    for (std::size_t k = 0; k < host.before.seconds.size(); ++k) {
      const fleet::SecondOfHost& step = host.before.seconds[k];
      const std::int64_t at = host.before.first + static_cast<std::int64_t>(k) * trace.step - span->from;
      if (step.reported && step.trusted) put(to, at, counts_of(step));
    }
    for (std::size_t k = 0; k < host.since.seconds.size(); ++k) {
      const std::int64_t second = host.since.first + static_cast<std::int64_t>(k) * trace.step;
      const judge::Counts counts = view.heard(i, second + trace.step - 1) ? view.at(i, second) : judge::Counts{};
      if (counts.seen) put(to, second - span->from, counts);
    }
  }
  return trace;
}

}  // namespace serin::evidence
