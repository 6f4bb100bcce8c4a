#include "controller/operate/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "controller/operate/answers.h"
#include "controller/operate/render.h"
#include "controller/operate/table.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

using Json = nlohmann::json;

std::string headline(const rollout::Rollout& rollout) {
  const bool ended = rollout.phase == rollout::Phase::finished;
  return fmt::format(
      "deployment {}: {} {} {} r{}{}: {}\n{}\n", rollout.id, printable(rollout.owner),
      rollout.rollback ? "rolled back" : "deployed", rollout.application, rollout.release,
      rollout.force ? " (forced)" : "", printable(rollout.message, 400),
      ended ? printable(summary(rollout), 2'000) : fmt::format("it is {}", words_of(name_of(rollout.phase))));
}

std::string sources_text(const judge::Verdict& verdict) {
  std::string text;
  for (const judge::SourceFinding& source : verdict.sources) {
    text += fmt::format("  {}{}: {} ({}) of the {} judge: {}\n", source.source, source.required ? "" : " (advisory)",
                        name_of(source.answer), source.reason, source.judge, printable(source.text, 2'000));
  }
  return text;
}

std::string evidence_text(const judge::Verdict& verdict) {
  std::string text = fmt::format("verdict {} ({}) of the {} judge, {:.0f} s after the last canary loaded: {}\n",
                                 name_of(verdict.answer), verdict.reason, verdict.judge, verdict.seconds,
                                 printable(verdict.text, 2'000));
  text += sources_text(verdict);
  if (!verdict.numbers) return text;
  const judge::SequentialNumbers& n = *verdict.numbers;
  text += fmt::format("  canaries {:.3f} errors/s/host, the rest {:.3f}: {:.2f} times (95 % {:.2f} to {:.2f})\n",
                      n.canary_rate, n.control_rate, n.ratio, n.ratio_low, n.ratio_high);
  text += fmt::format(
      "  evidence of a fault {:.1f}, without any one canary {:.1f}; for a pass {:.1f}, at its worst {:.1f}\n",
      n.fail_evidence, n.fail_evidence_without_one, n.pass_evidence, n.pass_evidence_adverse);
  text += fmt::format("  noise: dispersion {:.2f}, spread {:.3f}\n", n.dispersion, n.spread);
  for (const judge::SetAside& host : n.set_aside) {
    text += fmt::format("  set aside: {} ({}): {}\n", host.host,
                        host.role == judge::Role::canary ? "canary" : "control", printable(host.why, 200));
  }
  return text;
}

/// All of it but where so many hosts would make more than a message holds.
std::string detail_of(const rollout::Rollout& rollout, const rollout::PlanHost& host) {
  constexpr std::size_t kHostsInFull = 1'000;
  return printable(host.detail, rollout.hosts.size() > kHostsInFull ? 160 : 4'096);
}

std::string host_table(const rollout::Rollout& rollout) {
  Table table{{"HOST", "STAGE", "STEP", "FORMER", "WHAT"}};
  for (const rollout::PlanHost& host : rollout.hosts) {
    table.add({host.host, rollout.stages[host.stage].name, words_of(name_of(host.step)),
               rollout::former_text(host.former), detail_of(rollout, host)});
  }
  return table.text();
}

OperatorEvent trace_event(std::string text) {
  OperatorEvent event{.final = false, .exit_code = 0, .kind = "trace", .text = std::move(text), .json = {}};
  event.json = Json{{"event", "trace"}, {"csv", event.text}}.dump(-1, ' ', false, Json::error_handler_t::replace);
  return event;
}

}  // namespace

OperatorEvent render_show(const evidence::StoredTrace& stored, Now now) {
  const rollout::Rollout& rollout = stored.rollout;
  std::string text = headline(rollout);
  if (rollout.verdict) text += evidence_text(*rollout.verdict);
  text += "\n" + host_table(rollout);
  if (!stored.samples.empty() && !stored.before.empty()) {
    text += fmt::format("\njudge it again: serin show {} --trace >t.csv; serin judge t.csv --explain\n", rollout.id);
  }
  for (const evidence::DeploymentSource& source : rollout.sources) {
    if (source.source == evidence::SourceKind::agents || stored.remote.empty()) continue;
    text += fmt::format("what {0} said: serin show {1} --trace --source {0} >t.csv; serin judge t.csv\n",
                        name_of(source.source), rollout.id);
  }
  Json json = Json::parse(render_progress(rollout, now).json);
  json["event"] = "show";
  json["outcome"] = rollout.phase == rollout::Phase::finished ? Json(name_of(rollout.ending)) : Json(nullptr);
  json["summary"] = printable(summary(rollout), 4'096);
  json["plan"] = Json::array();
  for (const rollout::PlanHost& host : rollout.hosts) {
    json["plan"].push_back({{"host", host.host},
                            {"stage", rollout.stages[host.stage].name},
                            {"step", name_of(host.step)},
                            {"former", host.former == rollout::kAdopted ? 0 : host.former},
                            {"former_adopted", host.former == rollout::kAdopted},
                            {"detail", detail_of(rollout, host)}});
  }
  return {.final = true,
          .exit_code = 0,
          .kind = "show",
          .text = std::move(text),
          .json = json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

OperatorEvent render_tune(const ApplicationName& application, const judge::TuneReport& report) {
  const auto counts_json = [](const judge::TuneCounts& counts) {
    return Json{{"windows", counts.windows},         {"fails", counts.fails},
                {"passes", counts.passes},           {"held", counts.held()},
                {"unknown", counts.unknown},         {"holds_by_reason", counts.holds},
                {"pass_median", counts.pass_median}, {"pass_p95", counts.pass_p95}};
  };
  Json json{{"event", "tune"},
            {"application", application},
            {"releases", counts_json(report.releases)},
            {"ordinary", counts_json(report.ordinary)},
            {"suggestions", Json::array()}};
  for (const judge::Suggestion& suggestion : report.suggestions) {
    json["suggestions"].push_back({{"key", suggestion.key},
                                   {"value", suggestion.value},
                                   {"why", suggestion.why},
                                   {"releases", counts_json(suggestion.releases)},
                                   {"ordinary", counts_json(suggestion.ordinary)}});
  }
  return {.final = true, .exit_code = 0, .kind = "tune", .text = judge::tune_text(report), .json = json.dump()};
}

std::vector<OperatorEvent> render_trace(const evidence::StoredTrace& stored, evidence::SourceKind source) {
  const bool agents = source == evidence::SourceKind::agents;
  const auto trace = agents ? evidence::deployment_trace(stored) : evidence::remote_trace(stored, source);
  if (!trace) return {error_event(trace.error().text, exit_code_of(trace.error()))};
  const rollout::Rollout& rollout = stored.rollout;
  const std::string numbers =
      agents ? fmt::format("judge {}, horizon {} s, settle {} s",
                           rollout.judge == controller::JudgeKind::sequential ? "sequential" : "fixed",
                           std::chrono::ceil<std::chrono::seconds>(rollout.wait).count(), rollout.settle.count())
             : fmt::format("source {}, judge {}", name_of(source), trace->judge);
  const std::string csv =
      fmt::format("# deployment {} of {}, r{}; {}\n", rollout.id, rollout.application, rollout.release, numbers) +
      judge::trace_csv(*trace);
  std::vector<OperatorEvent> events;
  for (std::size_t at = 0; at < csv.size();) {
    std::size_t end = std::min(csv.size(), at + kTraceChunkBytes);
    if (end < csv.size()) end = csv.rfind('\n', end) + 1;  // whole lines
    events.push_back(trace_event(csv.substr(at, end - at)));
    at = end;
  }
  events.back().final = true;
  return events;
}

}  // namespace serin::operate
