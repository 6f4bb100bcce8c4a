#include "controller/operate/evidence_commands.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "controller/operate/answers.h"
#include "controller/operate/table.h"
#include "controller/rollout/cohort.h"
#include "controller/rollout/source_verdicts.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

using controller::ControllerState;
using controller::Turn;
using evidence::SourceKind;
using Json = nlohmann::json;

constexpr std::size_t kHostsNamed = 10;
constexpr std::size_t kNamesShown = 10;
constexpr std::size_t kReasonBytes = 160;  ///< of the last line

/// One host, as one source knows it.
struct Row {
  HostName host;
  std::uint64_t lines = 0, errors = 0;
  std::optional<Duration> age;  ///< of the newest thing that it said
  std::string note;
  bool canary = false;
};

struct Report {
  std::string source;
  std::string headline;
  std::vector<Row> rows;
  std::vector<std::string> remarks;
  std::vector<std::string> warnings;  ///< each a reason why a release could not be judged
};

std::string table_of(const Report& report, const char* lines) {
  Table table{{"HOST", lines, "ERRORS", "NEWEST", "NOTE"}};
  for (const Row& row : report.rows) {
    table.add({row.host, std::to_string(row.lines), std::to_string(row.errors), row.age ? ago_text(*row.age) : "never",
               row.note});
  }
  return table.text();
}

OperatorEvent event_of(const Report& report, const ApplicationName& application, const char* lines) {
  std::string text = fmt::format("{}: {}\n", report.source, report.headline);
  if (!report.rows.empty()) text += table_of(report, lines);
  for (const std::string& remark : report.remarks) text += remark + "\n";
  for (const std::string& warning : report.warnings) text += "WARNING: " + warning + "\n";
  Json json{{"event", "evidence"},        {"application", application}, {"source", report.source},
            {"text", report.headline},    {"hosts", Json::array()},     {"remarks", report.remarks},
            {"warnings", report.warnings}};
  for (const Row& row : report.rows) {
    Json host{{"host", row.host}, {"lines", row.lines}, {"errors", row.errors}, {"note", row.note}};
    host["newest_ms_ago"] = row.age ? Json(row.age->count()) : Json(nullptr);
    json["hosts"].push_back(std::move(host));
  }
  return {.final = false,
          .exit_code = 0,
          .kind = "evidence",
          .text = std::move(text),
          .json = json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

/// Those of whom nothing is there.
std::string missing_of(const std::vector<Row>& rows, bool canaries) {
  std::vector<HostName> names;
  for (const Row& row : rows) {
    if (!row.age && row.canary == canaries) names.push_back(row.host);
  }
  const std::size_t shown = std::min(names.size(), kHostsNamed);
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  return names.size() > shown ? text + fmt::format(" and {} more", names.size() - shown) : text;
}

Report agents_report(const ControllerState& state, const ApplicationName& application, Now now) {
  Report report{.source = "agents"};
  const auto& settings = state.settings.applications.at(application);
  const std::int64_t until = second_of(now.steady) + 1;
  std::size_t reporting = 0;
  for (const auto& [name, host] : state.roster.hosts()) {
    if (!rollout::belongs(settings.hosts, name, host.record.labels)) continue;
    Row& row = report.rows.emplace_back(Row{.host = name});
    for (const auto& sample : state.ledger.samples(name, application, until - limits::kLedgerFine.count(), until)) {
      row.lines += sample.lines;
      row.errors += sample.errors;
    }
    if (const std::int64_t newest = state.ledger.newest(name, application); newest >= 0) {
      row.age = std::max(Duration{0}, now.steady - start_of(newest));
      ++reporting;
    }
    const auto status = host.applications.find(application);
    if (host.presence != fleet::Presence::connected) row.note = name_of(host.presence);
    if (status != host.applications.end() && !status->second.blind.empty()) {
      row.note = "BLIND: " + printable(status->second.blind, 160);
      report.warnings.push_back(fmt::format("{} is blind", name));
    }
  }
  report.headline = fmt::format("{} of {} hosts report what they count; in the last {}", reporting, report.rows.size(),
                                duration_text(limits::kLedgerFine));
  if (reporting == 0) report.warnings.emplace_back("no host counts anything: agent.toml names no source and no rule");
  return report;
}

/// Names and their documents: "web-1.example.org (812)".
std::string counted_names(const std::vector<evidence::TopMessage>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", printable(names[i].text, 80), names[i].count);
  }
  return text;
}

/// Fields that are not there, or are not what exact values want.
void field_findings(const evidence::Question& question, const evidence::Matches& matches, Report& report) {
  const evidence::LogstashFields& fields = question.settings.logstash;
  const auto absent = [&](const evidence::FieldFilter& filter) {
    return std::ranges::find(matches.absent_fields, filter.field) != matches.absent_fields.end();
  };
  for (const std::string& field : matches.text_fields) {
    report.warnings.push_back(
        fmt::format("the field {0} is text there, cut into words, and a whole value never matches: {0}.keyword is "
                    "usual",
                    printable(field, 80)));
  }
  for (const std::string& field : matches.absent_fields) {
    report.remarks.push_back(fmt::format("no index of {} has the field {}", fields.index, printable(field, 80)));
  }
  const bool hopeless = std::ranges::all_of(
      fields.errors, [&](const evidence::DocumentFilter& filter) { return std::ranges::any_of(filter, absent); });
  if (hopeless && !fields.errors.empty()) {
    report.warnings.emplace_back("no document can be an error: the fields of `errors` are not there");
  }
}

void logstash_findings(const evidence::Question& question, const evidence::Reading& reading, Report& report) {
  const evidence::Matches& matches = reading.matches;
  const evidence::LogstashFields& fields = question.settings.logstash;
  if (!matches.other_hosts.empty()) {
    report.remarks.push_back(
        fmt::format("names there that no host of this application has: {}; see host_names and domain",
                    counted_names(matches.other_hosts)));
  }
  if (matches.without_host > 0) {
    report.remarks.push_back(
        fmt::format("{} documents have no field {}: they count for no host", matches.without_host, fields.host_field));
  }
  field_findings(question, matches, report);
  for (const evidence::TopMessage& message : reading.messages) {
    report.remarks.push_back(fmt::format("{} x {}", message.count, printable(message.text, 160)));
  }
  if (matches.documents == 0) {
    report.warnings.push_back(
        matches.in_index.value_or(0) > 0
            ? fmt::format("the query matches no document at all: {} has {} of the last hour, and none fits `where`",
                          fields.index, *matches.in_index)
            : fmt::format(
                  "the query matches no document at all: {} has none of the last hour; see index and time_field",
                  fields.index));
  }
}

Report server_report(const ControllerState& state, const ApplicationName& application,
                     const evidence::Question& question, const evidence::Reading& reading, Duration took) {
  const auto& settings = state.settings.applications.at(application);
  const bool logstash = question.source == SourceKind::logstash;
  Report report{.source = std::string{name_of(question.source)}};
  std::uint64_t lines = 0;
  std::uint64_t errors = 0;
  std::size_t seen = 0;
  for (const evidence::HostReading& host : reading.hosts) {
    Row& row = report.rows.emplace_back(Row{.host = host.since.host});
    const fleet::Host* known = state.roster.find(row.host);
    row.canary = known != nullptr && rollout::belongs(settings.canary, row.host, known->record.labels);
    for (const fleet::SecondOfHost& step : host.since.seconds) {
      row.lines += step.lines;
      row.errors += step.errors;
    }
    if (host.newest) row.age = question.asked_at - start_of(*host.newest);
    if (host.newest) ++seen;
    if (row.age && *row.age < -std::chrono::seconds{evidence::kAheadMost}) {
      row.note = fmt::format("its clock is {} s ahead", second_of(SteadyTime{-*row.age}));
      if (row.canary) report.warnings.push_back(fmt::format("the clock of {} is ahead", row.host));
    }
    lines += row.lines;
    errors += row.errors;
  }
  report.headline =
      fmt::format("{} answers within {} ms; {} of {} hosts are there, {} {} and {} errors in the last hour",
                  question.settings.http.url, took.count(), seen, report.rows.size(), lines,
                  logstash ? "documents" : "requests", errors);
  if (logstash && reading.newest) {
    report.headline += fmt::format("; the newest document came {}, up to {} are waited for",
                                   ago_text(std::max(Duration{0}, question.asked_at - start_of(*reading.newest))),
                                   duration_text(question.settings.delay_max));
  }
  if (logstash) logstash_findings(question, reading, report);
  const std::string missing = missing_of(report.rows, false);
  const std::string missing_canaries = missing_of(report.rows, true);
  if (seen == 0 && report.warnings.empty()) {
    report.warnings.emplace_back(
        logstash ? "no document is of any host of this application: see host_field and host_names"
                 : "no series is of any host of this application: see errors, host_label and absent_is_zero");
  } else if (seen > 0) {
    if (!missing.empty()) report.remarks.push_back(fmt::format("nothing of: {}", missing));
    auto& found = logstash && question.settings.logstash.errors_only ? report.remarks : report.warnings;
    if (!missing_canaries.empty()) found.push_back(fmt::format("nothing of the canaries: {}", missing_canaries));
  }
  if (seen > 0 && errors == 0) {
    report.remarks.emplace_back("not one error: that may be health, or `errors` fits nothing");
  }
  return report;
}

/// The first of them; the reports above have all.
std::string last_line(const std::vector<std::string>& warnings) {
  std::string text = "a release could not be judged like this: " + printable(warnings.front(), kReasonBytes);
  if (warnings.size() > 1) text += fmt::format("; {} warnings in all", warnings.size());
  return text;
}

/// Remembers what is still to come, and ends the command with the last.
void told(ControllerState& state, const controller::Client& client, const Report& report, Turn& turn) {
  const auto test = state.evidence_tests.find(client);
  if (test == state.evidence_tests.end()) return;
  for (const std::string& warning : report.warnings) test->second.warnings.push_back(report.source + ": " + warning);
  if (--test->second.awaited > 0) return;
  const auto warnings = std::move(test->second.warnings);
  state.evidence_tests.erase(test);
  if (warnings.empty()) {
    tell(turn, client, done_event("every source answers", 0));
  } else {
    tell(turn, client, error_event(last_line(warnings), kError));
  }
}

}  // namespace

void take_evidence_test(ControllerState& state, const controller::Client& client, const ApplicationName& application,
                        Now now, Turn& turn) {
  const auto& sources = state.settings.applications.at(application).sources;
  state.evidence_tests[client] = {.application = application, .awaited = sources.size(), .warnings = {}};
  std::optional<Report> agents;
  for (const evidence::SourceChoice& choice : sources) {
    if (choice.source == SourceKind::agents) {
      agents = agents_report(state, application, now);
      tell(turn, client, event_of(*agents, application, "LINES"));
    } else {
      turn.effect(controller::AskSource{rollout::test_question(state, application, choice.source, now), client});
    }
  }
  if (agents) told(state, client, *agents, turn);
}

void take_test_answer(ControllerState& state, const controller::Client& client, const evidence::Answer& answer, Now now,
                      Turn& turn) {
  const auto test = state.evidence_tests.find(client);
  if (test == state.evidence_tests.end()) return;  // it has gone away
  const ApplicationName application = test->second.application;
  const bool logstash = answer.question.source == SourceKind::logstash;
  Report report{.source = std::string{name_of(answer.question.source)}};
  if (const auto reading = evidence::reading_at(answer, now)) {
    report = server_report(state, application, answer.question, *reading, answer.took);
  } else {
    report.headline = fmt::format("no answer after {} ms", answer.took.count());
    report.warnings.push_back(printable(reading.error().text, 800));
  }
  tell(turn, client, event_of(report, application, logstash ? "DOCUMENTS" : "REQUESTS"));
  told(state, client, report, turn);
}

}  // namespace serin::operate
