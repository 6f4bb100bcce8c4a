#include "tests/simulation/memory_store.h"

#include <algorithm>

namespace serin::simulation {

using rollout::Phase;
using rollout::Rollout;

void MemoryStore::commit(const std::vector<controller::Record>& records) {
  for (const controller::Record& record : records) {
    std::visit([this](const auto& row) { apply(row); }, record);
  }
}

void MemoryStore::apply(const controller::StoreHost& row) {
  hosts_[row.record.name] = row.record;
}

void MemoryStore::apply(const controller::RemoveHost& row) {
  hosts_.erase(row.name);
  std::erase_if(host_releases_, [&](const auto& each) { return each.first.first == row.name; });
}

void MemoryStore::apply(const controller::StoreRelease& row) {
  releases_[row.release.application][row.release.number] = {row.release, row.signed_release,
                                                            controller::Trust::untried};
}

void MemoryStore::apply(const controller::StoreTrust& row) {
  releases_[row.application][row.release].trust = row.trust;
}

void MemoryStore::apply(const controller::StoreWanted& row) {
  wanted_[row.application] = row.release;
}

void MemoryStore::apply(const controller::StoreDeployment& row) {
  Rollout& stored = deployments_[row.rollout.id];
  auto hosts = std::move(stored.hosts);
  stored = row.rollout;
  stored.hosts = std::move(hosts);
  stored.progress = {};
}

void MemoryStore::apply(const controller::StorePlanHost& row) {
  rollout::PlanHost stored = row.host;
  stored.connected = false;
  stored.sent_at = {};
  auto& hosts = deployments_[row.deployment].hosts;
  const auto found =
      std::find_if(hosts.begin(), hosts.end(), [&](const rollout::PlanHost& host) { return host.host == stored.host; });
  if (found == hosts.end()) {
    hosts.push_back(std::move(stored));
  } else {
    *found = std::move(stored);
  }
}

void MemoryStore::apply(const controller::StoreBaseline& row) {
  baselines_[row.deployment][row.host] = row.tally;
}

void MemoryStore::apply(const controller::StoreBefore& row) {
  before_[row.deployment] = row.hosts;
}

/// Nothing that runs reads it back.
void MemoryStore::apply(const controller::StoreOrdinary& /*row*/) {}

void MemoryStore::apply(const controller::StoreBurst& row) {
  bursts_[row.application].push_back(row.burst);
}

void MemoryStore::apply(const controller::StoreSamples& row) {
  for (const fleet::Sample& sample : row.samples) samples_[row.deployment][{sample.second, sample.host}] = sample;
}

void MemoryStore::apply(const controller::StoreRemote& row) {
  remote_[row.deployment][{row.source, row.host.before.host}] = row;
}

void MemoryStore::apply(const controller::StoreAlarm& row) {
  alarms_.erase(row.application);
  if (!row.alarm.text.empty()) alarms_[row.application] = row.alarm;
}

void MemoryStore::apply(const controller::StoreMessage& row) {
  messages_[{row.application, row.id}] = row;
}

void MemoryStore::apply(const controller::StoreCollected& row) {
  releases_[row.application][row.release].collected = true;
}

void MemoryStore::apply(const controller::StoreHostReleases& row) {
  host_releases_[{row.host, row.application}] = {
      .releases = row.releases, .heard_wall_ms = row.heard_wall_ms, .stored_wall_ms = row.heard_wall_ms};
}

controller::StoredState MemoryStore::load() const {
  controller::StoredState state;
  for (const auto& [name, record] : hosts_) state.hosts.push_back(record);
  state.releases = releases_;
  state.wanted = wanted_;
  state.bursts = bursts_;
  state.alarms = alarms_;
  state.host_releases = host_releases_;
  for (const auto& [key, row] : messages_) state.messages.push_back(row);
  for (const auto& [id, rollout] : deployments_) {
    state.newest_deployment = id;
    if (rollout.phase == Phase::finished) {
      state.latest[rollout.application] = rollout;
      continue;
    }
    state.running.push_back(rollout);
    if (const auto found = baselines_.find(id); found != baselines_.end()) state.baselines[id] = found->second;
    if (const auto found = before_.find(id); found != before_.end()) state.before[id] = found->second;
    if (const auto found = remote_.find(id); found != remote_.end()) {
      for (const auto& [key, row] : found->second) state.remote[id].push_back(row);
    }
    if (const auto found = samples_.find(id); found != samples_.end()) {
      for (const auto& [key, sample] : found->second) state.samples[id].push_back(sample);
    }
  }
  return state;
}

const Rollout* MemoryStore::deployment(DeploymentId id) const {
  const auto found = deployments_.find(id);
  return found == deployments_.end() ? nullptr : &found->second;
}

const Rollout* MemoryStore::running(const ApplicationName& application) const {
  for (const auto& [id, rollout] : deployments_) {
    if (rollout.application == application && rollout.phase != Phase::finished) return &rollout;
  }
  return nullptr;
}

const Rollout* MemoryStore::latest_ended(const ApplicationName& application) const {
  const Rollout* latest = nullptr;
  for (const auto& [id, rollout] : deployments_) {
    if (rollout.application == application && rollout.phase == Phase::finished) latest = &rollout;
  }
  return latest;
}

ReleaseNumber MemoryStore::wanted(const ApplicationName& application) const {
  const auto found = wanted_.find(application);
  return found == wanted_.end() ? 0 : found->second;
}

bool MemoryStore::knows(const ApplicationName& application, ReleaseNumber release) const {
  const auto found = releases_.find(application);
  return found != releases_.end() && found->second.contains(release);
}

controller::Trust MemoryStore::trust(const ApplicationName& application, ReleaseNumber release) const {
  return knows(application, release) ? releases_.at(application).at(release).trust : controller::Trust::untried;
}

}  // namespace serin::simulation
