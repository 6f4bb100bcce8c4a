#include "controller/state_tables_db.h"

#include <algorithm>
#include <charconv>

#include "controller/state_columns_db.h"
#include "protocol/limits.h"

namespace serin::controller {

using namespace columns;

namespace {
constexpr std::size_t kSamplesKeptDeployments = 200;
constexpr std::size_t kPruneMessagesEvery = 500;
constexpr Duration kOrdinaryKept = std::chrono::hours{24 * 30};
}  // namespace

const char* StateTables::schema() {
  return R"(
CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE host(name TEXT PRIMARY KEY, public_key BLOB NOT NULL UNIQUE, labels TEXT NOT NULL,
  accepted_by BLOB NOT NULL, accepted_wall_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE release(application TEXT, number INTEGER, record BLOB NOT NULL, signature BLOB NOT NULL,
  trust INTEGER NOT NULL, PRIMARY KEY(application, number)) WITHOUT ROWID;
CREATE TABLE wanted(application TEXT PRIMARY KEY, release INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE deployment(id INTEGER PRIMARY KEY, application TEXT NOT NULL, release INTEGER NOT NULL,
  owner BLOB NOT NULL, message BLOB NOT NULL, force INTEGER NOT NULL, rollback INTEGER NOT NULL,
  first_release INTEGER NOT NULL, started_wall_ms INTEGER NOT NULL, started_at_ms INTEGER NOT NULL, settings TEXT NOT NULL, phase INTEGER NOT NULL,
  stage INTEGER NOT NULL, phase_since_ms INTEGER NOT NULL, soak_from_ms INTEGER, forced_on INTEGER NOT NULL,
  reason BLOB NOT NULL, ending INTEGER NOT NULL, ended_wall_ms INTEGER NOT NULL);
CREATE INDEX deployment_of_application ON deployment(application, id);
CREATE TABLE plan_host(deployment INTEGER, position INTEGER NOT NULL, host TEXT, stage INTEGER NOT NULL,
  former INTEGER NOT NULL, step INTEGER NOT NULL, sequence INTEGER NOT NULL, ordered INTEGER NOT NULL,
  touched INTEGER NOT NULL, ordered_at_ms INTEGER NOT NULL, loaded_at_ms INTEGER, detail BLOB NOT NULL,
  PRIMARY KEY(deployment, host)) WITHOUT ROWID;
CREATE TABLE timeline(at_wall_ms INTEGER NOT NULL, deployment INTEGER NOT NULL, host TEXT NOT NULL,
  step INTEGER NOT NULL, sequence INTEGER NOT NULL, detail BLOB NOT NULL);
CREATE INDEX timeline_of_host ON timeline(deployment, host);
CREATE TABLE baseline(deployment INTEGER, host TEXT, errors INTEGER NOT NULL, lines INTEGER NOT NULL,
  seconds INTEGER NOT NULL, PRIMARY KEY(deployment, host)) WITHOUT ROWID;
CREATE TABLE sample(deployment INTEGER, second INTEGER, host TEXT, errors INTEGER NOT NULL, lines INTEGER NOT NULL,
  trusted INTEGER NOT NULL, PRIMARY KEY(deployment, second, host)) WITHOUT ROWID;
CREATE TABLE action(at_wall_ms INTEGER NOT NULL, uid INTEGER NOT NULL, who BLOB NOT NULL, verb BLOB NOT NULL,
  application BLOB NOT NULL, detail BLOB NOT NULL);
)";
}

const char* StateTables::schema_since_1() {
  return R"(
CREATE TABLE before(deployment INTEGER, host TEXT, first_second INTEGER NOT NULL, rules_hash BLOB NOT NULL,
  seconds BLOB NOT NULL,
  PRIMARY KEY(deployment, host)) WITHOUT ROWID;
CREATE TABLE ordinary(application TEXT, at_wall_ms INTEGER, host TEXT, canary INTEGER NOT NULL,
  first_second INTEGER NOT NULL, seconds BLOB NOT NULL, PRIMARY KEY(application, at_wall_ms, host)) WITHOUT ROWID;
CREATE TABLE burst(deployment INTEGER PRIMARY KEY, application TEXT NOT NULL, seconds INTEGER NOT NULL);
)";
}

const char* StateTables::schema_since_2() {
  return R"(
ALTER TABLE sample ADD COLUMN requests INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sample ADD COLUMN signatures BLOB;
ALTER TABLE before ADD COLUMN requests BLOB;
ALTER TABLE ordinary ADD COLUMN requests BLOB;
CREATE TABLE alarm(application TEXT PRIMARY KEY, deployment INTEGER NOT NULL, release INTEGER NOT NULL,
  text BLOB NOT NULL);
CREATE TABLE message(application TEXT, signature INTEGER, rule BLOB NOT NULL, text BLOB NOT NULL,
  first_wall_ms INTEGER NOT NULL, last_wall_ms INTEGER NOT NULL, ordinary_wall_ms INTEGER NOT NULL,
  PRIMARY KEY(application, signature)) WITHOUT ROWID;
)";
}

SQLite::Statement& StateTables::prepared(const char* sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) found = statements_.emplace(sql, SQLite::Statement(database_, sql)).first;
  found->second.tryReset();
  found->second.clearBindings();
  return found->second;
}

void StateTables::end_reads() noexcept {
  for (auto& [sql, statement] : statements_) static_cast<void>(statement.tryReset());
}

void StateTables::store(const Record& record) {
  std::visit([this](const auto& row) { put(row); }, record);
}

void StateTables::put(const StoreHost& row) {
  auto& insert = prepared("INSERT OR REPLACE INTO host VALUES(?,?,?,?,?)");
  insert.bind(1, row.record.name);
  bind_bytes(insert, 2, row.record.public_key);
  insert.bind(3, join(row.record.labels));
  bind_bytes(insert, 4, row.record.accepted_by);
  insert.bind(5, row.record.accepted_wall_ms);
  insert.exec();
}

void StateTables::put(const RemoveHost& row) {
  auto& remove = prepared("DELETE FROM host WHERE name=?");
  remove.bind(1, row.name);
  remove.exec();
  auto& forget = prepared("DELETE FROM host_release WHERE host=?");
  forget.bind(1, row.name);
  forget.exec();
}

void StateTables::put(const StoreRelease& row) {
  auto& insert = prepared("INSERT OR REPLACE INTO release VALUES(?,?,?,?,?,0)");
  insert.bind(1, row.release.application);
  insert.bind(2, number(row.release.number));
  bind_bytes(insert, 3, row.signed_release.record);
  bind_bytes(insert, 4, row.signed_release.signature);
  insert.bind(5, static_cast<int>(Trust::untried));
  insert.exec();
}

void StateTables::put(const StoreTrust& row) {
  auto& update = prepared("UPDATE release SET trust=? WHERE application=? AND number=?");
  update.bind(1, static_cast<int>(row.trust));
  update.bind(2, row.application);
  update.bind(3, number(row.release));
  update.exec();
}

void StateTables::put(const StoreWanted& row) {
  auto& insert = prepared("INSERT OR REPLACE INTO wanted VALUES(?,?)");
  insert.bind(1, row.application);
  insert.bind(2, number(row.release));
  insert.exec();
}

void StateTables::put(const StoreDeployment& row) {
  const rollout::Rollout& rollout = row.rollout;
  auto& insert = prepared("INSERT OR REPLACE INTO deployment VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  insert.bind(1, number(rollout.id));
  insert.bind(2, rollout.application);
  insert.bind(3, number(rollout.release));
  bind_bytes(insert, 4, rollout.owner);
  bind_bytes(insert, 5, rollout.message);
  insert.bind(6, rollout.force ? 1 : 0);
  insert.bind(7, rollout.rollback ? 1 : 0);
  insert.bind(8, rollout.first_release ? 1 : 0);
  insert.bind(9, ms_of(rollout.started_wall));
  insert.bind(10, ms_of(rollout.started_at));
  insert.bind(11, rollout_settings_json(rollout));
  insert.bind(12, static_cast<int>(rollout.phase));
  insert.bind(13, rollout.stage);
  insert.bind(14, ms_of(rollout.phase_since));
  if (rollout.soak_from) insert.bind(15, ms_of(*rollout.soak_from));
  insert.bind(16, rollout.forced_on ? 1 : 0);
  bind_bytes(insert, 17, rollout.reason);
  insert.bind(18, static_cast<int>(rollout.ending));
  insert.bind(19, ms_of(rollout.ended_wall));
  insert.exec();
  if (rollout.phase == rollout::Phase::finished) prune_samples();
}

std::int64_t StateTables::next_position(DeploymentId deployment) {
  // Counted once for each plan. After a transaction that failed there is a hole: only their order matters.
  if (positions_.deployment != deployment) {
    auto& count = prepared("SELECT count(*) FROM plan_host WHERE deployment=?");
    count.bind(1, number(deployment));
    count.executeStep();
    positions_ = {.deployment = deployment, .next = count.getColumn(0).getInt64()};
  }
  return positions_.next++;
}

void StateTables::put(const StorePlanHost& row) {
  const rollout::PlanHost& host = row.host;
  auto& before = prepared("SELECT step FROM plan_host WHERE deployment=? AND host=?");
  before.bind(1, number(row.deployment));
  before.bind(2, host.host);
  const bool known = before.executeStep();
  const bool moved = known && before.getColumn(0).getInt() != static_cast<int>(host.step);
  before.tryReset();

  auto& insert = prepared(
      "INSERT INTO plan_host VALUES(?1,?12,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11) "
      "ON CONFLICT DO UPDATE SET stage=?3, former=?4, step=?5, sequence=?6, ordered=?7, touched=?8, ordered_at_ms=?9, "
      "loaded_at_ms=?10, detail=?11");
  insert.bind(1, number(row.deployment));
  insert.bind(2, host.host);
  insert.bind(3, host.stage);
  insert.bind(4, number(host.former));
  insert.bind(5, static_cast<int>(host.step));
  insert.bind(6, host.sequence);
  insert.bind(7, static_cast<int>(host.ordered));
  insert.bind(8, host.touched ? 1 : 0);
  insert.bind(9, ms_of(host.ordered_at));
  if (host.loaded_at) insert.bind(10, ms_of(*host.loaded_at));
  bind_bytes(insert, 11, host.detail);
  insert.bind(12, known ? 0 : next_position(row.deployment));
  insert.exec();
  if (!moved) return;
  auto& line = prepared("INSERT INTO timeline VALUES(?,?,?,?,?,?)");
  line.bind(1, ms_of(row.at));
  line.bind(2, number(row.deployment));
  line.bind(3, host.host);
  line.bind(4, static_cast<int>(host.step));
  line.bind(5, host.sequence);
  bind_bytes(line, 6, host.detail);
  line.exec();
}

void StateTables::put(const StoreBaseline& row) {
  auto& insert = prepared("INSERT OR REPLACE INTO baseline VALUES(?,?,?,?,?)");
  insert.bind(1, number(row.deployment));
  insert.bind(2, row.host);
  insert.bind(3, number(row.tally.errors));
  insert.bind(4, number(row.tally.lines));
  insert.bind(5, number(row.tally.seconds));
  insert.exec();
}

void StateTables::put(const StoreBefore& row) {
  for (const fleet::HostSeconds& host : row.hosts) {
    auto& insert = prepared("INSERT OR REPLACE INTO before VALUES(?,?,?,?,?,?)");
    insert.bind(1, number(row.deployment));
    insert.bind(2, host.host);
    insert.bind(3, host.first);
    bind_bytes(insert, 4, host.rules_hash);
    bind_bytes(insert, 5, seconds_to_bytes(host.seconds));
    bind_bytes(insert, 6, requests_to_bytes(host.seconds));
    insert.exec();
  }
}

void StateTables::put(const StoreSamples& row) {
  for (const fleet::Sample& sample : row.samples) {
    auto& insert = prepared("INSERT OR REPLACE INTO sample VALUES(?,?,?,?,?,?,?,?)");
    insert.bind(1, number(row.deployment));
    insert.bind(2, sample.second);
    insert.bind(3, sample.host);
    insert.bind(4, sample.errors);
    insert.bind(5, sample.lines);
    insert.bind(6, sample.trusted ? 1 : 0);
    insert.bind(7, sample.requests);
    if (!sample.signatures.empty()) bind_bytes(insert, 8, signatures_to_bytes(sample.signatures));
    insert.exec();
  }
}

void StateTables::put(const StoreOrdinary& row) {
  for (const fleet::HostSeconds& host : row.hosts) {
    auto& insert = prepared("INSERT OR REPLACE INTO ordinary VALUES(?,?,?,?,?,?,?)");
    insert.bind(1, row.application);
    insert.bind(2, ms_of(row.at));
    insert.bind(3, host.host);
    const bool canary = std::find(row.canaries.begin(), row.canaries.end(), host.host) != row.canaries.end();
    insert.bind(4, canary ? 1 : 0);
    insert.bind(5, host.first);
    bind_bytes(insert, 6, seconds_to_bytes(host.seconds));
    bind_bytes(insert, 7, requests_to_bytes(host.seconds));
    insert.exec();
  }
  auto& prune = prepared("DELETE FROM ordinary WHERE application=? AND at_wall_ms<?");
  prune.bind(1, row.application);
  prune.bind(2, ms_of(row.at) - kOrdinaryKept.count());
  prune.exec();
}

void StateTables::put(const StoreBurst& row) {
  auto& insert = prepared("INSERT OR REPLACE INTO burst VALUES(?,?,?)");
  insert.bind(1, number(row.deployment));
  insert.bind(2, row.application);
  insert.bind(3, static_cast<std::int64_t>(row.burst.count()));
  insert.exec();
}

void StateTables::put(const StoreMessage& row) {
  auto& insert = prepared("INSERT OR REPLACE INTO message VALUES(?,?,?,?,?,?,?)");
  insert.bind(1, row.application);
  insert.bind(2, number(row.id));
  bind_bytes(insert, 3, row.message.rule);
  bind_bytes(insert, 4, row.message.text);
  insert.bind(5, row.message.first_wall_ms);
  insert.bind(6, row.message.last_wall_ms);
  insert.bind(7, row.message.ordinary_wall_ms);
  insert.exec();
  if (++messages_stored_ % kPruneMessagesEvery == 0) prune_messages(row.application);
}

/// As MessageBook lets them go.
void StateTables::prune_messages(const ApplicationName& application) {
  auto& prune = prepared(
      "DELETE FROM message WHERE application=?1 AND (last_wall_ms < (SELECT max(last_wall_ms) FROM message) - ?2 OR "
      "last_wall_ms + (ordinary_wall_ms>0)*?2 < (SELECT last_wall_ms + (ordinary_wall_ms>0)*?2 FROM message WHERE "
      "application=?1 ORDER BY last_wall_ms + (ordinary_wall_ms>0)*?2 DESC LIMIT 1 OFFSET ?3))");
  prune.bind(1, application);
  prune.bind(2, static_cast<std::int64_t>(std::chrono::milliseconds{fleet::kMessagesKept}.count()));
  prune.bind(3, static_cast<std::int64_t>(limits::kMessagesPerApplication));
  prune.exec();
}

void StateTables::put(const StoreAlarm& row) {
  if (row.alarm.text.empty()) {
    auto& remove = prepared("DELETE FROM alarm WHERE application=?");
    remove.bind(1, row.application);
    remove.exec();
    return;
  }
  auto& insert = prepared("INSERT OR REPLACE INTO alarm VALUES(?,?,?,?)");
  insert.bind(1, row.application);
  insert.bind(2, number(row.alarm.deployment));
  insert.bind(3, number(row.alarm.release));
  bind_bytes(insert, 4, row.alarm.text);
  insert.exec();
}

void StateTables::put(const StoreAction& row) {
  auto& insert = prepared("INSERT INTO action VALUES(?,?,?,?,?,?)");
  insert.bind(1, ms_of(row.at));
  insert.bind(2, row.uid);
  bind_bytes(insert, 3, row.who);
  bind_bytes(insert, 4, row.verb);
  bind_bytes(insert, 5, row.application);
  bind_bytes(insert, 6, row.detail);
  insert.exec();
}

void StateTables::prune_samples() {
  for (const char* sql : {"DELETE FROM sample WHERE deployment <= (SELECT max(id) FROM deployment) - ?",
                          "DELETE FROM before WHERE deployment <= (SELECT max(id) FROM deployment) - ?",
                          "DELETE FROM remote WHERE deployment <= (SELECT max(id) FROM deployment) - ?",
                          "DELETE FROM baseline WHERE deployment <= (SELECT max(id) FROM deployment) - ?"}) {
    auto& prune = prepared(sql);
    prune.bind(1, number(kSamplesKeptDeployments));
    prune.exec();
  }
}

std::string StateTables::setting(const std::string& name) {
  auto& row = prepared("SELECT value FROM setting WHERE name=?");
  row.bind(1, name);
  return row.executeStep() ? row.getColumn(0).getString() : std::string{};
}

void StateTables::set_setting(const std::string& name, const std::string& value) {
  auto& insert = prepared("INSERT OR REPLACE INTO setting VALUES(?,?)");
  insert.bind(1, name);
  insert.bind(2, value);
  insert.exec();
}

posix::ClockAnchor StateTables::clock_anchor() {
  const std::string offset = setting("clock_offset_ms");
  std::int64_t ms = 0;
  std::from_chars(offset.data(), offset.data() + offset.size(), ms);
  return {.boot_id = setting("clock_boot_id"), .offset = Duration{ms}};
}

void StateTables::store_clock_anchor(const posix::ClockAnchor& anchor) {
  SQLite::Transaction transaction(database_);
  set_setting("clock_boot_id", anchor.boot_id);
  set_setting("clock_offset_ms", std::to_string(anchor.offset.count()));
  transaction.commit();
}

SteadyTime StateTables::newest_time() {
  auto& row = prepared(
      "SELECT max(coalesce((SELECT max(phase_since_ms) FROM deployment), 0), "
      "coalesce((SELECT max(ordered_at_ms) FROM plan_host), 0), coalesce((SELECT max(loaded_at_ms) FROM plan_host), "
      "0), "
      "1000 * (1 + coalesce((SELECT max(second) FROM sample), -1)))");
  row.executeStep();
  return SteadyTime{Duration{row.getColumn(0).getInt64()}};
}

}  // namespace serin::controller
