#include "controller/rollout/source_verdicts.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/evidence/agent_source.h"
#include "controller/judge/combination.h"
#include "controller/judge/settings_by_name.h"
#include "controller/operate/answers.h"
#include "controller/rollout/cohort.h"
#include "controller/rollout/evidence_window.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::rollout {

namespace {

using controller::ActiveDeployment;
using controller::ControllerState;
using controller::JudgeKind;
using controller::Turn;
using evidence::DeploymentSource;
using evidence::RemoteEvidence;
using evidence::SourceKind;

/// Between two questions of one deployment to one server.
constexpr auto kAskEvery = std::chrono::seconds{2};
constexpr std::size_t kTestBuckets = limits::kSourceBucketsMax * 8;  ///< of a self-test: some requests each
constexpr auto kAskAgainAfterTrouble = std::chrono::seconds{4};

const evidence::SourceSettings& settings_of(const controller::ApplicationSettings& settings, SourceKind source) {
  return source == SourceKind::prometheus ? settings.prometheus : settings.logstash;
}

DeploymentSource server_of(const evidence::SourceSettings& settings, const evidence::SourceChoice& choice,
                           const judge::SequentialSettings& sequential, std::optional<Duration> wait) {
  const bool fixed = settings.judge == JudgeKind::fixed;
  const bool logstash = choice.source == SourceKind::logstash;
  return {.source = choice.source,
          .required = choice.required,
          .judge = settings.judge,
          .judge_settings = fixed ? judge::changed_settings(settings.fixed) : judge::changed_settings(sequential),
          .wait = wait.value_or(fixed ? settings.fixed.wait : Duration{sequential.horizon}),
          .step = settings.step,
          .baseline = settings.baseline,
          .lead = logstash || settings.prometheus.kind == evidence::SeriesKind::gauge ? std::chrono::seconds{0}
                                                                                      : settings.prometheus.scrape,
          .delay = settings.delay,
          .delay_max = settings.delay_max,
          .knows_lines = logstash || !settings.prometheus.requests.empty(),
          .silence_is_usual = logstash,
          .errors_only = logstash && settings.logstash.errors_only};
}

judge::FixedJudgeSettings fixed_settings(const DeploymentSource& source) {
  judge::JudgeSettings settings{.kind = JudgeKind::fixed};
  for (const std::string& assignment : source.judge_settings) {
    // An older version's key that is none any more: the usual number is what is left.
    [[maybe_unused]] const auto set = judge::set_by_name(settings, assignment);
  }
  return settings.fixed;
}

/// What the judge of this server looks at; the sequential one at all that has passed.
evidence::Span span_of(const Rollout& rollout, const DeploymentSource& source, Now now) {
  if (source.judge == JudgeKind::sequential) {
    const std::int64_t from = second_of(*rollout.soak_from);
    const std::int64_t most = second_of(*rollout.soak_from + wait_of(rollout, source)) + 1;
    return {.from = from, .until = std::min(most, second_of(now.steady))};
  }
  const Window window = window_of_steps(rollout, wait_of(rollout, source), source.step, source.lead);
  return {.from = window.from, .until = window.until};
}

/// Both clocks, as they were when the deployment started: a wall clock that is set meanwhile moves nothing.
Duration wall_minus_clock(const Rollout& rollout) {
  return rollout.started_wall.time_since_epoch() - rollout.started_at.time_since_epoch();
}

judge::Verdict judged_by_agents(const ControllerState& state, ActiveDeployment& active, Now now) {
  const Rollout& rollout = active.rollout;
  const evidence::AgentSource source(state, active, now);
  if (rollout.judge == JudgeKind::fixed) {
    return judge_window(source, rollout, state.settings.applications.at(rollout.application).fixed,
                        window_of_seconds(rollout, rollout.wait), now);
  }
  if (!active.trial) {
    active.trial.emplace(source, state, active, Trial::Terms{.settings = rollout.judge_settings, .wait = rollout.wait});
  }
  return active.trial->advance(source, state, active, rollout.wait, now);
}

judge::Verdict judged_by_server(const ControllerState& state, ActiveDeployment& active, const DeploymentSource& source,
                                Now now) {
  const Rollout& rollout = active.rollout;
  controller::RemoteSource& remote = active.remote[source.source];
  if (remote.verdict) return *remote.verdict;
  const evidence::RemoteSource view(source, remote.evidence, now);
  const Duration wait = wait_of(rollout, source);
  judge::Verdict verdict;
  if (source.judge == JudgeKind::fixed) {
    verdict = judge_window(view, rollout, fixed_settings(source),
                           window_of_steps(rollout, wait, source.step, source.lead), now);
  } else if (remote.evidence.has_before()) {
    if (!remote.trial) {
      remote.trial.emplace(view, state, active, Trial::Terms{.settings = source.judge_settings, .wait = wait});
    }
    verdict = remote.trial->advance(view, state, active, wait, now);
  } else if (now.steady >= *rollout.soak_from + wait + source.delay_max) {
    const auto trouble = view.unknown();
    verdict = {.answer = judge::Answer::inconclusive,
               .judge = "sequential",
               .reason = "no-answer",
               .text = "cannot tell: " + (trouble ? printable(trouble->text, 600) : "nothing is known of the past")};
  }
  if (verdict.answer == judge::Answer::pass || verdict.answer == judge::Answer::fail) remote.verdict = verdict;
  return verdict;
}

/// What the countdown says of a server that the verdict waits for.
Progress::Waits waits_for(const ActiveDeployment& active, const DeploymentSource& source, Now now) {
  const RemoteEvidence& evidence = active.remote.at(source.source).evidence;
  const evidence::Span span = span_of(active.rollout, source, now);
  const SteadyTime ends = source.judge == JudgeKind::fixed
                              ? start_of(span.until)
                              : *active.rollout.soak_from + wait_of(active.rollout, source);
  const auto behind = evidence::RemoteSource(source, evidence, now).behind();
  const Duration late = std::clamp<Duration>(behind.value_or(source.delay), source.delay, source.delay_max);
  Progress::Waits waits{.source = std::string{name_of(source.source)},
                        .ends = ends + late,
                        .at_most = ends + source.delay_max,
                        .why = {}};
  if (!evidence.trouble.empty()) {
    waits.why = "gives no usable answer";
  } else if (behind && *behind > source.delay) {
    waits.why = fmt::format("is {} s behind", behind->count());
  }
  return waits;
}

void record(const ActiveDeployment& active, SourceKind kind, Turn& turn) {
  const RemoteEvidence& evidence = active.remote.at(kind).evidence;
  for (const evidence::RemoteHost& host : evidence.hosts) {
    if (!host.asked) continue;
    turn.record(controller::StoreRemote{active.rollout.id, kind, host, evidence.newest, evidence.read_at});
  }
}

void tell_watchers(const ActiveDeployment& active, const std::string& text, Turn& turn) {
  for (const controller::Client& client : active.watchers) {
    turn.effect(controller::TellClient{client, operate::line_event(text)});
  }
}

/// Nothing more is to be known, or nobody looks at it any more.
bool is_done(const ActiveDeployment& active, const DeploymentSource& source, Now now) {
  const Rollout& rollout = active.rollout;
  if (rollout.unchecked() || rollout.first_release || source.source == SourceKind::agents) return true;
  if (active.remote.at(source.source).verdict) return true;
  const bool looks = rollout.phase == Phase::rolling || rollout.phase == Phase::soaking || rollout.phase == Phase::held;
  if (!looks || rollout.forced_on) return true;
  return rollout.soak_from && now.steady > *rollout.soak_from + wait_of(rollout, source) + limits::kLedgerFine;
}

}  // namespace

std::vector<DeploymentSource> sources_of(const controller::ApplicationSettings& settings,
                                         std::optional<Duration> wait) {
  std::vector<DeploymentSource> sources;
  if (settings.sources == std::vector<evidence::SourceChoice>{{}}) return sources;
  for (const evidence::SourceChoice& choice : settings.sources) {
    if (choice.source == SourceKind::agents) {
      sources.push_back({.source = choice.source, .required = choice.required, .judge = settings.judge});
    } else {
      sources.push_back(server_of(settings_of(settings, choice.source), choice, settings.sequential, wait));
    }
  }
  return sources;
}

bool asks_agents(const Rollout& rollout) {
  return rollout.sources.empty() || std::ranges::any_of(rollout.sources, [](const DeploymentSource& source) {
           return source.source == SourceKind::agents;
         });
}

Duration wait_of(const Rollout& rollout, const DeploymentSource& source) {
  if (source.source == SourceKind::agents) return rollout.wait;
  return source.wait + (rollout.extended ? rollout.extend : Duration{0});
}

void prepare_sources(const ControllerState& state, ActiveDeployment& active, Now now, Turn& turn) {
  const Rollout& rollout = active.rollout;
  if (rollout.unchecked() || rollout.first_release) return;
  for (const DeploymentSource& source : rollout.sources) {
    if (source.source == SourceKind::agents) continue;
    RemoteEvidence& evidence = active.remote[source.source].evidence;
    evidence.hosts.resize(rollout.hosts.size());
    for (std::size_t i = 0; i < rollout.hosts.size(); ++i) {
      const PlanHost& host = rollout.hosts[i];
      evidence::RemoteHost& remote = evidence.hosts[i];
      remote.asked = source.judge == JudgeKind::sequential || rollout.stages[host.stage].judged;
      if (!remote.asked) continue;
      remote.before.host = host.host;
      remote.trusted = state.ledger.trusted_before(host.host, rollout.application, second_of(now.steady));
    }
    record(active, source.source, turn);
  }
}

void restore_sources(ActiveDeployment& active, const std::vector<controller::StoreRemote>& rows) {
  for (const DeploymentSource& source : active.rollout.sources) {
    if (source.source == SourceKind::agents) continue;
    active.remote[source.source].evidence.hosts.resize(active.rollout.hosts.size());
  }
  for (const controller::StoreRemote& row : rows) {
    const auto remote = active.remote.find(row.source);
    const auto index = active.index_of.find(row.host.before.host);
    if (remote == active.remote.end() || index == active.index_of.end()) continue;
    RemoteEvidence& evidence = remote->second.evidence;
    evidence.hosts[index->second] = row.host;
    evidence.newest = row.newest;
    evidence.read_at = row.read_at;
  }
}

void ask_sources(ControllerState& state, const ApplicationName& application, Now now, Turn& turn) {
  ActiveDeployment& active = state.active.at(application);
  const Rollout& rollout = active.rollout;
  for (const DeploymentSource& source : rollout.sources) {
    if (is_done(active, source, now)) continue;
    RemoteEvidence& evidence = active.remote.at(source.source).evidence;
    if (evidence.waits || now.steady < evidence.ask_again) continue;
    evidence::Question question{.id = state.next_question,
                                .source = source.source,
                                .settings = settings_of(state.settings.applications.at(application), source.source),
                                .hosts = {},
                                .before = {},
                                .since = {},
                                .wall_minus_clock = wall_minus_clock(rollout),
                                .asked_at = now.steady};
    // What is asked must fit what was asked before, and what the judge expects.
    question.settings.step = source.step;
    if (!evidence.has_before()) {
      const std::int64_t until = second_of(rollout.started_at);
      question.before = evidence::Span{until - source.baseline / source.step * source.step.count(), until};
    }
    if (rollout.soak_from) {
      question.since = span_of(rollout, source, now);
      if (question.since->until <= question.since->from) question.since.reset();
    }
    if (!question.before && !question.since) continue;
    for (const evidence::RemoteHost& host : evidence.hosts) {
      if (host.asked) question.hosts.push_back(host.before.host);
    }
    if (question.hosts.empty()) continue;
    evidence.question = state.next_question++;
    evidence.waits = true;
    evidence.ask_again = now.steady + kAskEvery;
    turn.effect(controller::AskSource{std::move(question), {}});
  }
}

bool take_answer(ControllerState& state, const evidence::Answer& answer, Now now, Turn& turn) {
  const evidence::Question& question = answer.question;
  for (auto& [application, active] : state.active) {
    const auto remote = active.remote.find(question.source);
    if (remote == active.remote.end() || question.id != remote->second.evidence.question) continue;
    RemoteEvidence& evidence = remote->second.evidence;
    evidence.waits = false;
    if (const auto reading = evidence::reading_at(answer, now)) {
      if (!evidence.trouble.empty())
        tell_watchers(active, fmt::format("{} answers again", name_of(question.source)), turn);
      take_reading(evidence, question, *reading);
      record(active, question.source, turn);
    } else {
      if (evidence.trouble.empty()) {
        tell_watchers(active,
                      fmt::format("{} gives no usable answer, it is asked again: {}", name_of(question.source),
                                  printable(reading.error().text, 600)),
                      turn);
      }
      evidence.trouble = reading.error().text;
      evidence.ask_again = now.steady + kAskAgainAfterTrouble;
    }
    return true;
  }
  return false;
}

judge::Verdict judged(const ControllerState& state, ActiveDeployment& active, Now now) {
  auto& rollout = active.rollout;
  rollout.progress.waits.clear();
  if (rollout.sources.empty()) return judged_by_agents(state, active, now);
  std::vector<judge::SourceVerdict> verdicts;
  for (const DeploymentSource& source : rollout.sources) {
    const bool agents = source.source == SourceKind::agents;
    verdicts.push_back(
        {.source = std::string{name_of(source.source)},
         .required = source.required,
         .verdict = agents ? judged_by_agents(state, active, now) : judged_by_server(state, active, source, now)});
    if (!source.required || verdicts.back().verdict.answer != judge::Answer::undecided) continue;
    const SteadyTime ends = *rollout.soak_from + rollout.wait;
    rollout.progress.waits.push_back(
        agents ? Progress::Waits{.source = verdicts.back().source, .ends = ends, .at_most = ends, .why = {}}
               : waits_for(active, source, now));
  }
  return judge::combine(verdicts);
}

evidence::Question test_question(const ControllerState& state, const ApplicationName& application, SourceKind source,
                                 Now now) {
  const auto& settings = state.settings.applications.at(application);
  evidence::Question question{.id = 0,
                              .source = source,
                              .settings = settings_of(settings, source),
                              .hosts = {},
                              .before = {},
                              .since = {},
                              .wall_minus_clock = now.wall.time_since_epoch() - now.steady.time_since_epoch(),
                              .asked_at = now.steady,
                              .test = true};
  for (const auto& [name, host] : state.roster.hosts()) {
    if (belongs(settings.hosts, name, host.record.labels)) question.hosts.push_back(name);
  }
  // Thousands of hosts are asked about in longer steps: what matches is seen all the same.
  const auto fitting = static_cast<std::int64_t>(question.hosts.size() * 3'600 / kTestBuckets);
  question.settings.step =
      std::clamp(std::chrono::seconds{fitting}, question.settings.step, std::chrono::seconds{3'600});
  const std::int64_t until = second_of(now.steady);
  const std::int64_t step = question.settings.step.count();
  question.since = evidence::Span{until - std::max<std::int64_t>(1, 3'600 / step) * step, until};
  return question;
}

}  // namespace serin::rollout
