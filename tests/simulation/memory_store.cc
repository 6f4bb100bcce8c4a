#include "tests/simulation/memory_store.h"

#include <algorithm>

namespace serin::simulation {

void MemoryStore::commit(const std::vector<controller::Record>& records) {
  for (const controller::Record& record : records) {
    std::visit([this](const auto& row) { apply(row); }, record);
  }
}

void MemoryStore::apply(const controller::StoreHost& row) {
  state_.hosts.push_back(row.record);
}

void MemoryStore::apply(const controller::RemoveHost& row) {
  std::erase_if(state_.hosts, [&](const auto& host) { return host.name == row.name; });
}

void MemoryStore::apply(const controller::StoreRelease& row) {
  state_.releases[row.release.application][row.release.number] = {row.release, row.signed_release,
                                                                  controller::Trust::untried};
}

void MemoryStore::apply(const controller::StoreTrust& row) {
  state_.releases[row.application][row.release].trust = row.trust;
}

void MemoryStore::apply(const controller::StoreWanted& row) {
  state_.wanted[row.application] = row.release;
}

void MemoryStore::apply(const controller::StoreDeployment& row) {
  state_.newest_deployment = std::max(state_.newest_deployment, row.rollout.id);
  const auto found = std::find_if(state_.running.begin(), state_.running.end(),
                                  [&](const rollout::Rollout& known) { return known.id == row.rollout.id; });
  rollout::Rollout next = row.rollout;
  next.hosts = found == state_.running.end() ? std::vector<rollout::PlanHost>{} : found->hosts;
  if (found != state_.running.end()) state_.running.erase(found);
  if (next.phase == rollout::Phase::finished) {
    state_.latest[next.application] = next;
  } else {
    state_.running.push_back(std::move(next));
  }
}

void MemoryStore::apply(const controller::StorePlanHost& row) {
  rollout::PlanHost stored = row.host;
  stored.connected = false;
  stored.sent_at = {};
  const auto put = [&](rollout::Rollout& rollout) {
    if (rollout.id != row.deployment) return;
    const auto found = std::find_if(rollout.hosts.begin(), rollout.hosts.end(),
                                    [&](const rollout::PlanHost& host) { return host.host == stored.host; });
    if (found == rollout.hosts.end()) {
      rollout.hosts.push_back(stored);
    } else {
      *found = stored;
    }
  };
  for (rollout::Rollout& rollout : state_.running) put(rollout);
  for (auto& [application, rollout] : state_.latest) put(rollout);
}

void MemoryStore::apply(const controller::StoreBaseline& row) {
  state_.baselines[row.deployment][row.host] = row.tally;
}

void MemoryStore::apply(const controller::StoreSamples& row) {
  auto& samples = state_.samples[row.deployment];
  for (const fleet::Sample& sample : row.samples) {
    const auto found = std::find_if(samples.rbegin(), samples.rend(), [&](const fleet::Sample& known) {
      return known.host == sample.host && known.second == sample.second;
    });
    if (found == samples.rend()) {
      samples.push_back(sample);
    } else {
      *found = sample;
    }
  }
}

}  // namespace serin::simulation
