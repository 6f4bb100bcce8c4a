// Rows read back: what a new start of the daemon goes on with, and the history.
#include <algorithm>
#include <limits>

#include "controller/evidence/agent_evidence.h"
#include "controller/state_columns_db.h"
#include "controller/state_tables_db.h"
#include "protocol/limits.h"

namespace serin::controller {

using namespace columns;

StoredState StateTables::load() {
  StoredState state;
  load_hosts(state);
  load_releases(state);
  load_deployments(state);
  load_messages(state);
  load_host_releases(state);
  return state;
}

void StateTables::load_hosts(StoredState& state) {
  auto& rows = prepared("SELECT name, public_key, labels, accepted_by, accepted_wall_ms FROM host");
  while (rows.executeStep()) {
    state.hosts.push_back({.name = rows.getColumn(0).getString(),
                           .public_key = bytes_of(rows.getColumn(1)),
                           .labels = split(rows.getColumn(2).getString()),
                           .accepted_by = bytes_of(rows.getColumn(3)),
                           .accepted_wall_ms = rows.getColumn(4).getInt64()});
  }
}

void StateTables::load_releases(StoredState& state) {
  auto& rows = prepared("SELECT record, signature, trust, collected_wall_ms FROM release");
  while (rows.executeStep()) {
    KnownRelease known;
    known.signed_release = {.record = bytes_of(rows.getColumn(0)), .signature = bytes_of(rows.getColumn(1))};
    auto release = decode_release(known.signed_release.record);
    if (!release) throw std::runtime_error(release.error().text);
    known.release = std::move(*release);
    known.trust = checked(rows.getColumn(2), Trust::rejected);
    known.collected = rows.getColumn(3).getInt64() != 0;
    state.releases[known.release.application][known.release.number] = std::move(known);
  }
  auto& wanted = prepared("SELECT application, release FROM wanted");
  while (wanted.executeStep()) state.wanted[wanted.getColumn(0).getString()] = unsigned_of(wanted.getColumn(1));
}

/// The newest first.
void StateTables::load_messages(StoredState& state) {
  auto& rows = prepared(
      "SELECT application, signature, rule, text, first_wall_ms, last_wall_ms, ordinary_wall_ms FROM message "
      "ORDER BY last_wall_ms DESC");
  while (rows.executeStep()) {
    state.messages.push_back({.application = rows.getColumn(0).getString(),
                              .id = unsigned_of(rows.getColumn(1)),
                              .message = {.rule = bytes_of(rows.getColumn(2)),
                                          .text = bytes_of(rows.getColumn(3)),
                                          .first_wall_ms = rows.getColumn(4).getInt64(),
                                          .last_wall_ms = rows.getColumn(5).getInt64(),
                                          .ordinary_wall_ms = rows.getColumn(6).getInt64()}});
  }
}

namespace {

constexpr const char* kDeploymentColumns =
    "id, application, release, owner, message, force, rollback, first_release, started_wall_ms, settings, phase, "
    "stage, "
    "phase_since_ms, soak_from_ms, forced_on, reason, ending, ended_wall_ms, started_at_ms";

/// Without its hosts.
rollout::Rollout deployment_of(SQLite::Statement& rows) {
  rollout::Rollout rollout;
  rollout.id = unsigned_of(rows.getColumn(0));
  rollout.application = rows.getColumn(1).getString();
  rollout.release = unsigned_of(rows.getColumn(2));
  rollout.owner = bytes_of(rows.getColumn(3));
  rollout.message = bytes_of(rows.getColumn(4));
  rollout.force = rows.getColumn(5).getInt() != 0;
  rollout.rollback = rows.getColumn(6).getInt() != 0;
  rollout.first_release = rows.getColumn(7).getInt() != 0;
  rollout.started_wall = WallTime{Duration{rows.getColumn(8).getInt64()}};
  read_rollout_settings(rows.getColumn(9).getString(), rollout);
  rollout.phase = checked(rows.getColumn(10), rollout::Phase::finished);
  rollout.stage = rows.getColumn(11).getUInt();
  rollout.phase_since = SteadyTime{Duration{rows.getColumn(12).getInt64()}};
  if (!rows.getColumn(13).isNull()) rollout.soak_from = SteadyTime{Duration{rows.getColumn(13).getInt64()}};
  rollout.forced_on = rows.getColumn(14).getInt() != 0;
  rollout.reason = bytes_of(rows.getColumn(15));
  rollout.ending = checked(rows.getColumn(16), rollout::Ending::superseded);
  rollout.ended_wall = WallTime{Duration{rows.getColumn(17).getInt64()}};
  rollout.started_at = SteadyTime{Duration{rows.getColumn(18).getInt64()}};
  return rollout;
}

}  // namespace

void StateTables::load_deployments(StoredState& state) {
  static const std::string sql = fmt::format(
      "SELECT {} FROM deployment WHERE phase<>? OR id IN (SELECT max(id) FROM deployment WHERE phase=? GROUP BY "
      "application) ORDER BY id",
      kDeploymentColumns);
  auto& rows = prepared(sql.c_str());
  rows.bind(1, static_cast<int>(rollout::Phase::finished));
  rows.bind(2, static_cast<int>(rollout::Phase::finished));
  while (rows.executeStep()) {
    rollout::Rollout rollout = deployment_of(rows);
    rollout.hosts = load_plan(rollout.id);
    state.before[rollout.id] = load_before(rollout.id);
    if (rollout.phase == rollout::Phase::finished) {
      state.latest[rollout.application] = std::move(rollout);
    } else {
      load_baselines(state, rollout.id);
      state.remote[rollout.id] = load_remote(rollout.id);
      state.samples[rollout.id] = load_samples(rollout.id, limits::kLedgerFine.count());
      state.running.push_back(std::move(rollout));
    }
  }
  auto& newest = prepared("SELECT coalesce(max(id), 0) FROM deployment");
  newest.executeStep();
  state.newest_deployment = unsigned_of(newest.getColumn(0));
  auto& alarms = prepared("SELECT application, deployment, release, text FROM alarm");
  while (alarms.executeStep()) {
    state.alarms[alarms.getColumn(0).getString()] = {.deployment = unsigned_of(alarms.getColumn(1)),
                                                     .release = unsigned_of(alarms.getColumn(2)),
                                                     .text = bytes_of(alarms.getColumn(3))};
  }
  auto& bursts = prepared("SELECT application, seconds FROM burst ORDER BY deployment DESC LIMIT 1000");
  while (bursts.executeStep()) {
    auto& of_application = state.bursts[bursts.getColumn(0).getString()];
    const std::chrono::seconds burst{bursts.getColumn(1).getInt64()};
    if (of_application.size() < limits::kBurstsKept) of_application.push_back(burst);
  }
  for (auto& [application, newest_first] : state.bursts) std::reverse(newest_first.begin(), newest_first.end());
}

std::optional<evidence::StoredTrace> StateTables::deployment(DeploymentId id) {
  static const std::string sql = fmt::format("SELECT {} FROM deployment WHERE id=?", kDeploymentColumns);
  auto& rows = prepared(sql.c_str());
  rows.bind(1, number(id));
  if (!rows.executeStep()) return std::nullopt;
  evidence::StoredTrace stored{.rollout = deployment_of(rows), .before = {}, .samples = {}};
  stored.rollout.hosts = load_plan(id);
  stored.before = evidence::in_plan_order(stored.rollout, load_before(id));
  stored.samples = load_samples(id, std::numeric_limits<std::int32_t>::max());
  stored.remote = load_remote(id);
  auto& known =
      prepared("SELECT signature FROM message WHERE application=? AND first_wall_ms < ? AND ordinary_wall_ms > 0");
  known.bind(1, stored.rollout.application);
  known.bind(2, ms_of(stored.rollout.started_wall));
  while (known.executeStep()) stored.known.insert(unsigned_of(known.getColumn(0)));
  return stored;
}

std::vector<rollout::PlanHost> StateTables::load_plan(DeploymentId deployment) {
  std::vector<rollout::PlanHost> hosts;
  auto& rows = prepared(
      "SELECT host, stage, former, step, sequence, ordered, touched, ordered_at_ms, loaded_at_ms, detail FROM "
      "plan_host "
      "WHERE deployment=? ORDER BY position");
  rows.bind(1, number(deployment));
  while (rows.executeStep()) {
    rollout::PlanHost host;
    host.host = rows.getColumn(0).getString();
    host.stage = rows.getColumn(1).getUInt();
    host.former = unsigned_of(rows.getColumn(2));
    host.step = checked(rows.getColumn(3), rollout::HostStep::absent);
    host.sequence = rows.getColumn(4).getUInt();
    host.ordered = checked(rows.getColumn(5), OrderAction::restore);
    host.touched = rows.getColumn(6).getInt() != 0;
    host.ordered_at = SteadyTime{Duration{rows.getColumn(7).getInt64()}};
    if (!rows.getColumn(8).isNull()) host.loaded_at = SteadyTime{Duration{rows.getColumn(8).getInt64()}};
    host.detail = bytes_of(rows.getColumn(9));
    hosts.push_back(std::move(host));
  }
  return hosts;
}

void StateTables::load_baselines(StoredState& state, DeploymentId deployment) {
  auto& baselines = prepared("SELECT host, errors, lines, seconds FROM baseline WHERE deployment=?");
  baselines.bind(1, number(deployment));
  while (baselines.executeStep()) {
    state.baselines[deployment][baselines.getColumn(0).getString()] = {
        unsigned_of(baselines.getColumn(1)), unsigned_of(baselines.getColumn(2)), unsigned_of(baselines.getColumn(3))};
  }
}

std::vector<fleet::HostSeconds> StateTables::load_before(DeploymentId deployment) {
  std::vector<fleet::HostSeconds> hosts;
  auto& rows = prepared("SELECT host, first_second, rules_hash, seconds, requests FROM before WHERE deployment=?");
  rows.bind(1, number(deployment));
  while (rows.executeStep()) {
    hosts.push_back({.host = rows.getColumn(0).getString(),
                     .first = rows.getColumn(1).getInt64(),
                     .rules_hash = bytes_of(rows.getColumn(2)),
                     .seconds = seconds_of_bytes(bytes_of(rows.getColumn(3)))});
    take_requests(bytes_of(rows.getColumn(4)), hosts.back().seconds);
  }
  return hosts;
}

std::vector<fleet::Sample> StateTables::load_samples(DeploymentId deployment, std::int64_t newest_seconds) {
  std::vector<fleet::Sample> samples;
  auto& rows = prepared(
      "SELECT second, host, errors, lines, trusted, requests, signatures FROM sample WHERE deployment=?1 AND second > "
      "(SELECT "
      "coalesce(max(second), 0) FROM sample WHERE deployment=?1) - ?2 ORDER BY second");
  rows.bind(1, number(deployment));
  rows.bind(2, newest_seconds);
  while (rows.executeStep()) {
    samples.push_back({.second = rows.getColumn(0).getInt64(),
                       .host = rows.getColumn(1).getString(),
                       .errors = rows.getColumn(2).getUInt(),
                       .lines = rows.getColumn(3).getUInt(),
                       .trusted = rows.getColumn(4).getInt() != 0,
                       .requests = rows.getColumn(5).getUInt(),
                       .signatures = signatures_of_bytes(bytes_of(rows.getColumn(6)))});
  }
  return samples;
}

std::vector<DeploymentId> StateTables::good_deployments(const ApplicationName& application, std::size_t most) {
  std::vector<DeploymentId> ids;
  auto& rows = prepared(
      "SELECT id, settings FROM deployment WHERE application=? AND ending=? AND forced_on=0 AND soak_from_ms IS NOT "
      "NULL "
      "AND EXISTS (SELECT 1 FROM before WHERE deployment=id) ORDER BY id DESC LIMIT ?");
  rows.bind(1, application);
  rows.bind(2, static_cast<int>(rollout::Ending::released));
  rows.bind(3, number(most));
  while (rows.executeStep()) {
    rollout::Rollout rollout;
    read_rollout_settings(rows.getColumn(1).getString(), rollout);
    const bool passed = rollout.verdict && rollout.verdict->answer == judge::Answer::pass;
    if (passed) ids.push_back(unsigned_of(rows.getColumn(0)));
  }
  return ids;
}

std::vector<StoreOrdinary> StateTables::ordinary_hours(const ApplicationName& application, std::size_t cells_most) {
  std::vector<StoreOrdinary> hours;
  std::size_t cells = 0;
  auto& rows = prepared(
      "SELECT at_wall_ms, host, canary, first_second, seconds, requests FROM ordinary WHERE application=? ORDER BY "
      "at_wall_ms "
      "DESC, host");
  rows.bind(1, application);
  while (rows.executeStep()) {
    const WallTime at{Duration{rows.getColumn(0).getInt64()}};
    if (hours.empty() || hours.back().at != at) {
      if (cells >= cells_most) break;
      hours.push_back({.application = application, .at = at, .canaries = {}, .hosts = {}});
    }
    const std::string host = rows.getColumn(1).getString();
    if (rows.getColumn(2).getInt() != 0) hours.back().canaries.push_back(host);
    hours.back().hosts.push_back({.host = host,
                                  .first = rows.getColumn(3).getInt64(),
                                  .rules_hash = {},
                                  .seconds = seconds_of_bytes(bytes_of(rows.getColumn(4)))});
    take_requests(bytes_of(rows.getColumn(5)), hours.back().hosts.back().seconds);
    cells += hours.back().hosts.back().seconds.size();
  }
  std::reverse(hours.begin(), hours.end());
  return hours;
}

std::vector<HistoryLine> StateTables::history(const ApplicationName& application, std::size_t most) {
  std::vector<HistoryLine> lines;
  auto& rows = prepared(
      "SELECT id, application, release, owner, message, ending, reason, force, rollback, started_wall_ms, "
      "ended_wall_ms, "
      "(SELECT count(*) FROM plan_host WHERE deployment=id), "
      "(SELECT count(*) FROM plan_host WHERE deployment=id AND step=?3), phase FROM deployment "
      "WHERE ?1='' OR application=?1 ORDER BY id DESC LIMIT ?2");
  rows.bind(1, application);
  rows.bind(2, number(most));
  rows.bind(3, static_cast<int>(rollout::HostStep::loaded));
  while (rows.executeStep()) {
    HistoryLine line;
    line.id = unsigned_of(rows.getColumn(0));
    line.application = rows.getColumn(1).getString();
    line.release = unsigned_of(rows.getColumn(2));
    line.owner = bytes_of(rows.getColumn(3));
    line.message = bytes_of(rows.getColumn(4));
    line.phase = checked(rows.getColumn(13), rollout::Phase::finished);
    line.ending = checked(rows.getColumn(5), rollout::Ending::superseded);
    line.reason = bytes_of(rows.getColumn(6));
    line.force = rows.getColumn(7).getInt() != 0;
    line.rollback = rows.getColumn(8).getInt() != 0;
    line.started_wall_ms = rows.getColumn(9).getInt64();
    line.ended_wall_ms = rows.getColumn(10).getInt64();
    line.hosts = rows.getColumn(11).getUInt();
    line.hosts_ok = rows.getColumn(12).getUInt();
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace serin::controller
