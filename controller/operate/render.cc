#include "controller/operate/render.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "controller/judge/verdict_json.h"
#include "controller/operate/answers.h"
#include "controller/operate/countdown.h"
#include "controller/operate/table.h"
#include "controller/rollout/catch_up.h"
#include "controller/rollout/cohort.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

using controller::ControllerState;
using controller::KnownRelease;
using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr std::int64_t kRateSeconds = 10;
constexpr std::size_t kSummaryBytes = 4'096;
/// Paths that a diff lists for scripts; the counts tell the rest.
constexpr std::size_t kPathsBytes = 256U << 10;

std::string dump(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

OperatorEvent make_event(std::string kind, std::string text, const Json& document) {
  return {.final = true, .exit_code = 0, .kind = std::move(kind), .text = std::move(text), .json = dump(document)};
}

std::string release_text(ReleaseNumber number) {
  return number == 0 ? "-" : fmt::format("r{}", number);
}

std::string local_time(std::int64_t wall_ms) {
  if (wall_ms == 0) return "-";
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(static_cast<std::time_t>(wall_ms / 1'000)));
}

/// One host's line of the status table, before it becomes text or JSON.
struct HostLine {
  HostName name;
  std::string group, presence, state, note;
  std::string controller_key;     ///< by which it reached this controller
  std::vector<SlotUse> old_code;  ///< processes
  ReleaseNumber release = 0;
  std::optional<double> error_rate;
  std::optional<Duration> seen;
  bool runs_wanted = false;
  std::uint64_t drift = 0;
  std::string drift_path;
  std::int64_t verified_ms_ago = -1;  ///< as its newest heartbeat said
};

void add_note(std::string& note, const std::string& text) {
  note += (note.empty() ? "" : "; ") + text;
}

/// What is unusual about what the host runs.
void add_live_notes(std::string& note, const ApplicationStatus& status) {
  if (status.adopted) add_note(note, "runs the folder from before Serin");
  for (const SlotUse& use : status.old_code) {
    add_note(note, fmt::format("runs old code: pid {} ({}) in {}", use.pid, printable(use.command, 32),
                               printable(use.slot, 64)));
  }
}

std::string catch_up_text(const controller::CatchUp& host, Now now) {
  if (host.failures == 0) return "catching up";
  std::string next = "not tried again before its agent is restarted";
  if (!host.not_before) {
    next = "tried again now";
  } else if (host.failures < rollout::kCatchUpFailuresMax) {
    const auto left = std::max(std::chrono::ceil<std::chrono::seconds>(*host.not_before - now.steady), 0s);
    next = "tried again in " + duration_text(left);
  }
  return fmt::format("catching up failed {} of {} times, {}: {}", host.failures, rollout::kCatchUpFailuresMax, next,
                     printable(host.trouble, 300));
}

HostLine host_line(const ControllerState& state, const controller::ApplicationSettings& settings,
                   const fleet::Host& host, Now now) {
  HostLine line{.name = host.record.name, .group = group_of(settings, host)};
  line.presence = name_of(host.presence);
  if (host.last_heard) line.seen = now.steady - *host.last_heard;
  if (host.session) line.controller_key = printable(host.session->controller_key);
  if (!host.conflict.empty()) add_note(line.note, host.conflict);
  const auto status = host.applications.find(settings.name);
  const KnownRelease* wanted = controller::wanted_release(state, settings.name);
  if (status == host.applications.end()) {
    line.state = "unknown";
    if (host.presence == fleet::Presence::connected) {
      add_note(line.note, fmt::format("its agent.toml has no [application.{}]", settings.name));
    }
    return line;
  }
  line.state = name_of(status->second.state);
  line.release = status->second.live_release;
  line.old_code = status->second.old_code;
  line.runs_wanted = wanted != nullptr && status->second.live_root == wanted->release.root;
  line.error_rate = state.ledger.error_rate(host.record.name, settings.name, now.steady, kRateSeconds);
  add_live_notes(line.note, status->second);
  if (status->second.drift > 0) {
    add_note(line.note,
             fmt::format("drift: {} {}, serin verify --repair {}{}", status->second.drift,
                         status->second.drift == 1 ? "file" : "files",
                         state.settings.applications.size() > 1 ? settings.name + " " : "", host.record.name));
  }
  line.drift = status->second.drift;
  line.drift_path = printable(status->second.drift_path, limits::kPathBytesMax);
  line.verified_ms_ago = status->second.verified_ms_ago;
  if (!status->second.blind.empty()) add_note(line.note, "BLIND: " + printable(status->second.blind, 160));
  if (host.session && (host.session->wall_offset_ms > 2'000 || host.session->wall_offset_ms < -2'000)) {
    add_note(line.note,
             fmt::format("its clock is {} {}",
                         duration_text(Duration{(std::abs(host.session->wall_offset_ms) + 500) / 1'000 * 1'000}),
                         host.session->wall_offset_ms > 0 ? "ahead" : "behind"));
  }
  const auto catching_up = state.catching_up.find({host.record.name, settings.name});
  if (catching_up != state.catching_up.end()) add_note(line.note, catch_up_text(catching_up->second, now));
  return line;
}

std::string error_rate_text(const HostLine& line) {
  return line.error_rate ? fmt::format("{:.2f}", *line.error_rate) : "-";
}

std::string host_table(const std::vector<HostLine>& lines) {
  Table table{{"HOST", "GROUP", "STATE", "RELEASE", "SEEN", "ERRORS/S", "NOTE"}};
  for (const HostLine& line : lines) {
    std::string state = words_of(line.state);
    if (line.presence != "connected") {
      state = line.state == "unknown" ? line.presence : fmt::format("{} ({})", line.presence, state);
    }
    table.add({line.name, line.group, state, release_text(line.release), line.seen ? age_text(*line.seen) : "never",
               error_rate_text(line), line.note});
  }
  return table.text();
}

Json host_json(const HostLine& line) {
  Json json{{"host", line.name},         {"group", line.group},
            {"presence", line.presence}, {"state", line.state},
            {"release", line.release},   {"runs_wanted", line.runs_wanted},
            {"note", line.note},         {"controller_key", line.controller_key}};
  json["old_code"] = Json::array();
  for (const SlotUse& use : line.old_code) {
    json["old_code"].push_back(
        {{"slot", printable(use.slot, 64)}, {"pid", use.pid}, {"command", printable(use.command, 32)}});
  }
  json["errors_per_second"] = line.error_rate ? Json(*line.error_rate) : Json(nullptr);
  json["drift"] = line.drift;
  json["drift_path"] = line.drift_path;
  json["verified_ms_ago"] = line.verified_ms_ago < 0 ? Json(nullptr) : Json(line.verified_ms_ago);
  json["seen_ms_ago"] = line.seen ? Json(line.seen->count()) : Json(nullptr);
  return json;
}

Json rollout_json(const rollout::Rollout& rollout) {
  const rollout::Counts counts = count_hosts(rollout);
  Json json{{"deployment", rollout.id},
            {"application", rollout.application},
            {"release", rollout.release},
            {"owner", printable(rollout.owner)},
            {"message", printable(rollout.message, limits::kMessageBytesKept)},
            {"force", rollout.force},
            {"rollback", rollout.rollback},
            {"phase", name_of(rollout.phase)},
            {"stage", rollout.stages.empty() ? "" : rollout.stages[rollout.stage].name},
            {"reason", printable(rollout.reason)},
            {"hosts", counts.total},
            {"ok", counts.ok},
            {"failed", counts.failed},
            {"in_flight", counts.in_flight},
            {"left", counts.left},
            {"absent", counts.absent}};
  json["verdict"] = rollout.verdict ? judge::verdict_json(*rollout.verdict) : Json(nullptr);
  return json;
}

std::string progress_text(const rollout::Rollout& rollout, Now now) {
  const rollout::Counts counts = count_hosts(rollout);
  std::string where = words_of(name_of(rollout.phase));
  if (rollout.phase == rollout::Phase::rolling) where = rollout.stages[rollout.stage].name;
  if (rollout.phase == rollout::Phase::soaking) where = "canaries soak";
  if (rollout.phase == rollout::Phase::going_back) where = "taking back";
  return fmt::format("{} r{} {}: ok {}, failed {}, in flight {}, left {}{}{}", rollout.application, rollout.release,
                     where, counts.ok, counts.failed, counts.in_flight, counts.left,
                     counts.absent == 0 ? "" : fmt::format(", away {}", counts.absent), countdown_text(rollout, now));
}

std::string application_headline(const ControllerState& state, const ApplicationName& application, Now now) {
  const KnownRelease* wanted = controller::wanted_release(state, application);
  if (wanted == nullptr) return fmt::format("{}: nothing is released yet", application);
  const auto age = now.wall - WallTime{std::chrono::seconds{wanted->release.created_s}};
  return fmt::format("{}: r{} ({}) is released{}; built by {} {}: {}", application, wanted->release.number,
                     wanted->release.root.brief(),
                     wanted->trust == controller::Trust::trusted
                         ? ""
                         : fmt::format(" ({}: not yet trusted as a baseline)", name_of(wanted->trust)),
                     wanted->release.author, ago_text(age), printable(wanted->release.message, 120));
}

}  // namespace

std::string json_string(std::string_view text) {
  return dump(Json(std::string{text}));
}

OperatorEvent render_status(const ControllerState& state, const ApplicationName& application, Now now) {
  const auto& settings = state.settings.applications.at(application);
  std::vector<HostLine> lines;
  for (const auto& [name, host] : state.roster.hosts()) {
    if (rollout::belongs(settings.hosts, name, host.record.labels))
      lines.push_back(host_line(state, settings, host, now));
  }
  std::stable_sort(lines.begin(), lines.end(), [](const HostLine& a, const HostLine& b) {
    return (a.state == "broken") > (b.state == "broken");  // what needs a person comes first
  });
  std::string text;
  if (!state.read_only.empty()) text += fmt::format("READ ONLY: {}: deploys are refused\n", printable(state.read_only));
  if (!state.low_space.empty())
    text += fmt::format("DISK NEARLY FULL: {}: deploys are refused\n", printable(state.low_space));
  text += application_headline(state, application, now) + "\n";
  Json json{{"event", "status"},
            {"application", application},
            {"read_only", printable(state.read_only)},
            {"content_bytes_sent", state.content_bytes_sent},
            {"low_space", printable(state.low_space)}};
  const KnownRelease* wanted = controller::wanted_release(state, application);
  json["wanted"] = wanted == nullptr ? Json(nullptr)
                                     : Json{{"release", wanted->release.number},
                                            {"root", wanted->release.root.hex()},
                                            {"trust", name_of(wanted->trust)}};
  json["alarm"] = nullptr;
  if (const auto found = state.alarms.find(application); found != state.alarms.end()) {
    const std::string alarm = printable(found->second.text, kSummaryBytes);
    text += fmt::format("ALARM after r{}: {}\n", found->second.release, alarm);
    json["alarm"] = {{"release", found->second.release}, {"text", alarm}};
  }
  json["building"] = nullptr;
  if (const auto build = state.building.find(application); build != state.building.end()) {
    text += lock_text(state, application, now) + "\n";
    json["building"] = {{"owner", printable(build->second.owner)}};
  }
  json["deployment"] = nullptr;
  if (const auto active = state.active.find(application); active != state.active.end()) {
    const rollout::Rollout& rollout = active->second.rollout;
    text += fmt::format("deployment {} by {}: {}\n", rollout.id, rollout.owner, progress_text(rollout, now));
    if (!rollout.reason.empty()) text += "  " + printable(rollout.reason) + "\n";
    if (rollout.phase == rollout::Phase::held) {
      const auto left = rollout.hold_limit - (now.steady - rollout.phase_since);
      text += fmt::format("  held: serin continue | serin abort | serin rollback; {}\n",
                          rollout.on_hold_end == controller::OnHoldEnd::abort
                              ? "taken back in " + age_text(std::max(left, Duration{0}))
                              : "it stays held");
    }
    json["deployment"] = rollout_json(rollout);
  } else if (const auto latest = state.latest.find(application); latest != state.latest.end()) {
    text += fmt::format("last: {}\n", printable(summary(latest->second), kSummaryBytes));
    json["last"] = rollout_json(latest->second);
    json["last"]["outcome"] = name_of(latest->second.ending);
  }
  const auto behind = std::count_if(lines.begin(), lines.end(), [](const HostLine& line) { return !line.runs_wanted; });
  if (wanted != nullptr && !state.active.contains(application) && behind > 0) {
    text += fmt::format("{} of {} hosts do not run r{}\n", behind, lines.size(), wanted->release.number);
  }
  text += lines.empty() ? "no host: start serin-agent on one, then `serin hosts`\n" : host_table(lines);
  json["hosts"] = Json::array();
  for (const HostLine& line : lines) json["hosts"].push_back(host_json(line));
  return make_event("status", text, json);
}

OperatorEvent render_history(const std::vector<controller::HistoryLine>& lines, Now now) {
  Table table{{"ID", "STARTED", "APPLICATION", "RELEASE", "BY", "OUTCOME", "HOSTS", "WHAT"}};
  Json json{{"event", "history"}, {"deployments", Json::array()}};
  for (const controller::HistoryLine& line : lines) {
    std::string kind = line.force ? "FORCED: " : "";
    if (line.rollback) kind = line.force ? "FORCED rollback: " : "rollback: ";
    const bool ended = line.phase == rollout::Phase::finished;
    const std::string reason = line.reason.empty() ? "" : fmt::format(" [{}]", printable(line.reason, 120));
    table.add({std::to_string(line.id), local_time(line.started_wall_ms), line.application, release_text(line.release),
               printable(line.owner), words_of(ended ? name_of(line.ending) : name_of(line.phase)),
               fmt::format("{}/{}", line.hosts_ok, line.hosts),
               fmt::format("{}{}{}", kind, printable(line.message, 80), reason)});
    json["deployments"].push_back({{"deployment", line.id},
                                   {"application", line.application},
                                   {"release", line.release},
                                   {"owner", printable(line.owner)},
                                   {"message", printable(line.message, limits::kMessageBytesKept)},
                                   {"phase", name_of(line.phase)},
                                   {"outcome", ended ? Json(name_of(line.ending)) : Json(nullptr)},
                                   {"reason", printable(line.reason)},
                                   {"force", line.force},
                                   {"rollback", line.rollback},
                                   {"started_ms", line.started_wall_ms},
                                   {"ended_ms", line.ended_wall_ms},
                                   {"hosts", line.hosts},
                                   {"hosts_ok", line.hosts_ok}});
  }
  json["now_ms"] = now.wall.time_since_epoch().count();
  return make_event("history", lines.empty() ? "nothing was deployed yet\n" : table.text(), json);
}

OperatorEvent render_progress(const rollout::Rollout& rollout, Now now) {
  Json json = rollout_json(rollout);
  json["event"] = "progress";
  OperatorEvent event = make_event("progress", progress_text(rollout, now), json);
  event.final = false;
  return event;
}

OperatorEvent render_diff(const release::BuildResult& built, const ApplicationName& application, ReleaseNumber base) {
  constexpr std::size_t kLinesShown = 20;
  const DiffSummary& sum = built.summary;
  std::string text =
      fmt::format("{}: {} changed, {} added, {} removed{} ({} of new content; {} files, {} in all)", application,
                  sum.changed, sum.added, sum.removed, base == 0 ? "" : fmt::format(" against r{}", base),
                  bytes_text(sum.bytes), built.files, bytes_text(built.bytes));
  Json changes = Json::array();
  std::size_t shown = 0;
  std::size_t bytes = 0;
  for (const PathChange& change : built.changes) {
    const char* kind = !change.before ? "added" : !change.after ? "removed" : "changed";
    if (++shown <= kLinesShown) text += fmt::format("\n  {} {}", kind, printable(change.path));
    const std::string path = printable(change.path, limits::kPathBytesMax);
    bytes += path.size();
    if (bytes <= kPathsBytes) changes.push_back({{"path", path}, {"change", kind}});
  }
  // The sum counts files and links, the list folders too, but no more than its bound.
  const std::uint64_t all = std::max<std::uint64_t>(sum.added + sum.changed + sum.removed, built.changes.size());
  if (all > kLinesShown) text += fmt::format("\n  … and {} more", all - std::min<std::uint64_t>(shown, kLinesShown));
  Json json{{"event", "diff"},          {"application", application}, {"base", base},
            {"root", built.root.hex()}, {"added", sum.added},         {"changed", sum.changed},
            {"removed", sum.removed},   {"bytes", sum.bytes},         {"not_listed", all - changes.size()},
            {"changes", changes}};
  OperatorEvent event = make_event("line", text, json);
  event.final = false;
  return event;
}

OperatorEvent render_hold(const rollout::Rollout& rollout) {
  Json json = rollout_json(rollout);
  json["event"] = "held";
  json["exit"] = exit_code(rollout);
  OperatorEvent event =
      make_event("held",
                 fmt::format("held: {}\n  serin continue: go on all the same; serin abort: take it back; {}",
                             printable_lines(rollout.reason),
                             rollout.on_hold_end == controller::OnHoldEnd::abort
                                 ? "it is taken back by itself after " + duration_text(rollout.hold_limit)
                                 : "it stays held until then"),
                 json);
  event.final = false;
  return event;
}

OperatorEvent render_end(const rollout::Rollout& rollout) {
  Json json = rollout_json(rollout);
  json["event"] = "done";
  json["outcome"] = name_of(rollout.ending);
  json["exit"] = exit_code(rollout);
  json["summary"] = printable(summary(rollout), kSummaryBytes);
  OperatorEvent event = make_event("done", printable_lines(summary(rollout)), json);
  event.exit_code = exit_code(rollout);
  return event;
}

}  // namespace serin::operate
