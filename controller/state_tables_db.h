#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/state_db.h"

namespace serin::controller {

/// The tables of state_db.h and their rows, over an open database. Throws SQLite::Exception; the caller holds the
/// transaction. What each column means stands in README.md, "What is stored".
class StateTables {
 public:
  explicit StateTables(SQLite::Database& database) : database_(database) {}
  static const char* schema();          ///< version 1
  static const char* schema_since_1();  ///< what version 2 has beside that
  static const char* schema_since_2();  ///< likewise version 3
  static const char* schema_since_3();  ///< likewise version 4
  static const char* schema_since_4();  ///< likewise version 5

  void store(const Record& record);
  StoredState load();
  std::vector<HistoryLine> history(const ApplicationName& application, std::size_t most);
  std::optional<evidence::StoredTrace> deployment(DeploymentId id);
  std::vector<DeploymentId> good_deployments(const ApplicationName& application, std::size_t most);
  std::vector<StoreOrdinary> ordinary_hours(const ApplicationName& application, std::size_t cells_most);
  posix::ClockAnchor clock_anchor();
  void store_clock_anchor(const posix::ClockAnchor& anchor);
  SteadyTime newest_time();
  /// After each use: no statement goes on reading. Never throws.
  void end_reads() noexcept;

 private:
  void put(const StoreHost& row);
  void put(const RemoveHost& row);
  void put(const StoreRelease& row);
  void put(const StoreTrust& row);
  void put(const StoreWanted& row);
  void put(const StoreDeployment& row);
  void put(const StorePlanHost& row);
  void put(const StoreBaseline& row);
  void put(const StoreBefore& row);
  void put(const StoreSamples& row);
  void put(const StoreRemote& row);
  void put(const StoreOrdinary& row);
  void put(const StoreBurst& row);
  void put(const StoreMessage& row);
  void put(const StoreAlarm& row);
  void put(const StoreAction& row);
  void put(const StoreCollected& row);
  void put(const StoreHostReleases& row);
  void prune_samples();
  void prune_messages(const ApplicationName& application);
  /// Of a host that is new in the plan.
  std::int64_t next_position(DeploymentId deployment);

  void load_hosts(StoredState& state);
  void load_releases(StoredState& state);
  void load_messages(StoredState& state);
  void load_host_releases(StoredState& state);
  void load_deployments(StoredState& state);
  std::vector<rollout::PlanHost> load_plan(DeploymentId deployment);
  void load_baselines(StoredState& state, DeploymentId deployment);
  std::vector<fleet::HostSeconds> load_before(DeploymentId deployment);
  std::vector<StoreRemote> load_remote(DeploymentId deployment);
  std::vector<fleet::Sample> load_samples(DeploymentId deployment, std::int64_t newest_seconds);

  /// A statement that is prepared once, ready for its values.
  SQLite::Statement& prepared(const char* sql);
  std::string setting(const std::string& name);
  void set_setting(const std::string& name, const std::string& value);

  SQLite::Database& database_;
  std::size_t messages_stored_ = 0;
  std::map<const char*, SQLite::Statement> statements_;
  struct {
    DeploymentId deployment = 0;
    std::int64_t next = 0;
  } positions_;
};

/// The parts of a rollout that are stored as one JSON document: settings, stages, verdict.
std::string rollout_settings_json(const rollout::Rollout& rollout);
void read_rollout_settings(const std::string& json, rollout::Rollout& rollout);

}  // namespace serin::controller
