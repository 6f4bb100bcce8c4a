#pragma once

#include <map>
#include <vector>

#include "controller/records.h"

namespace serin::simulation {

/// What the database would hold: rows go in as state_db puts them, and come out as it loads them. A crash of the
/// controller keeps it.
class MemoryStore {
 public:
  void commit(const std::vector<controller::Record>& records);
  /// As a new start of the daemon finds it.
  [[nodiscard]] controller::StoredState load() const;

  /// With its hosts; nullptr: never committed.
  [[nodiscard]] const rollout::Rollout* deployment(DeploymentId id) const;
  /// The application's deployment that has not finished, if there is one.
  [[nodiscard]] const rollout::Rollout* running(const ApplicationName& application) const;
  [[nodiscard]] const rollout::Rollout* latest_ended(const ApplicationName& application) const;
  /// 0: none.
  [[nodiscard]] ReleaseNumber wanted(const ApplicationName& application) const;
  [[nodiscard]] bool knows(const ApplicationName& application, ReleaseNumber release) const;
  [[nodiscard]] controller::Trust trust(const ApplicationName& application, ReleaseNumber release) const;
  [[nodiscard]] const std::map<DeploymentId, rollout::Rollout>& deployments() const { return deployments_; }

 private:
  void apply(const controller::StoreHost& row);
  void apply(const controller::RemoveHost& row);
  void apply(const controller::StoreRelease& row);
  void apply(const controller::StoreTrust& row);
  void apply(const controller::StoreWanted& row);
  void apply(const controller::StoreDeployment& row);
  void apply(const controller::StorePlanHost& row);
  void apply(const controller::StoreBaseline& row);
  void apply(const controller::StoreBefore& row);
  void apply(const controller::StoreBurst& row);
  static void apply(const controller::StoreOrdinary& row);
  void apply(const controller::StoreSamples& row);
  void apply(const controller::StoreRemote& row);
  void apply(const controller::StoreMessage& row);
  void apply(const controller::StoreCollected& row);
  void apply(const controller::StoreHostReleases& row);
  void apply(const controller::StoreAlarm& row);
  void apply(const controller::StoreAction&) {}

  std::map<HostName, fleet::HostRecord> hosts_;
  std::map<ApplicationName, std::map<ReleaseNumber, controller::KnownRelease>> releases_;
  std::map<ApplicationName, ReleaseNumber> wanted_;
  std::map<DeploymentId, rollout::Rollout> deployments_;
  std::map<DeploymentId, std::map<HostName, judge::Tally>> baselines_;
  std::map<DeploymentId, std::vector<fleet::HostSeconds>> before_;
  std::map<ApplicationName, std::vector<std::chrono::seconds>> bursts_;
  std::map<std::pair<ApplicationName, SignatureId>, controller::StoreMessage> messages_;
  std::map<std::pair<HostName, ApplicationName>, controller::HostReleases> host_releases_;
  std::map<ApplicationName, rollout::Alarm> alarms_;
  std::map<DeploymentId, std::map<std::pair<std::int64_t, HostName>, fleet::Sample>> samples_;
  std::map<DeploymentId, std::map<std::pair<evidence::SourceKind, HostName>, controller::StoreRemote>> remote_;
};

}  // namespace serin::simulation
