// Rows read back: what a new start of the daemon goes on with, and the history.
#include "controller/state_columns_db.h"
#include "controller/state_tables_db.h"

namespace serin::controller {

using namespace columns;

StoredState StateTables::load() {
  StoredState state;
  load_hosts(state);
  load_releases(state);
  load_deployments(state);
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
  auto& rows = prepared("SELECT record, signature, trust FROM release");
  while (rows.executeStep()) {
    KnownRelease known;
    known.signed_release = {.record = bytes_of(rows.getColumn(0)), .signature = bytes_of(rows.getColumn(1))};
    auto release = decode_release(known.signed_release.record);
    if (!release) throw std::runtime_error(release.error().text);
    known.release = std::move(*release);
    known.trust = checked(rows.getColumn(2), Trust::rejected);
    state.releases[known.release.application][known.release.number] = std::move(known);
  }
  auto& wanted = prepared("SELECT application, release FROM wanted");
  while (wanted.executeStep()) state.wanted[wanted.getColumn(0).getString()] = unsigned_of(wanted.getColumn(1));
}

void StateTables::load_deployments(StoredState& state) {
  auto& rows = prepared(
      "SELECT id, application, release, owner, message, force, rollback, first_release, started_wall_ms, settings, "
      "phase, "
      "stage, phase_since_ms, soak_from_ms, forced_on, reason, ending, ended_wall_ms, started_at_ms FROM deployment "
      "WHERE phase<>? OR id IN (SELECT max(id) FROM deployment WHERE phase=? GROUP BY application) ORDER BY id");
  rows.bind(1, static_cast<int>(rollout::Phase::finished));
  rows.bind(2, static_cast<int>(rollout::Phase::finished));
  while (rows.executeStep()) {
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
    rollout.hosts = load_plan(rollout.id);
    if (rollout.phase == rollout::Phase::finished) {
      state.latest[rollout.application] = std::move(rollout);
    } else {
      load_evidence(state, rollout.id);
      state.running.push_back(std::move(rollout));
    }
  }
  auto& newest = prepared("SELECT coalesce(max(id), 0) FROM deployment");
  newest.executeStep();
  state.newest_deployment = unsigned_of(newest.getColumn(0));
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
    host.ordered = checked(rows.getColumn(5), OrderAction::discard);
    host.touched = rows.getColumn(6).getInt() != 0;
    host.ordered_at = SteadyTime{Duration{rows.getColumn(7).getInt64()}};
    if (!rows.getColumn(8).isNull()) host.loaded_at = SteadyTime{Duration{rows.getColumn(8).getInt64()}};
    host.detail = bytes_of(rows.getColumn(9));
    hosts.push_back(std::move(host));
  }
  return hosts;
}

void StateTables::load_evidence(StoredState& state, DeploymentId deployment) {
  auto& baselines = prepared("SELECT host, errors, lines, seconds FROM baseline WHERE deployment=?");
  baselines.bind(1, number(deployment));
  while (baselines.executeStep()) {
    state.baselines[deployment][baselines.getColumn(0).getString()] = {
        unsigned_of(baselines.getColumn(1)), unsigned_of(baselines.getColumn(2)), unsigned_of(baselines.getColumn(3))};
  }
  auto& samples =
      prepared("SELECT second, host, errors, lines, trusted FROM sample WHERE deployment=? ORDER BY second");
  samples.bind(1, number(deployment));
  while (samples.executeStep()) {
    state.samples[deployment].push_back({.second = samples.getColumn(0).getInt64(),
                                         .host = samples.getColumn(1).getString(),
                                         .errors = samples.getColumn(2).getUInt(),
                                         .lines = samples.getColumn(3).getUInt(),
                                         .trusted = samples.getColumn(4).getInt() != 0});
  }
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
