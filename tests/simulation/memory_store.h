#pragma once

#include <vector>

#include "controller/records.h"

namespace serin::simulation {

/// What the database would hold: rows applied to a StoredState, as state_db loads it. A crash of the controller keeps
/// it.
class MemoryStore {
 public:
  void commit(const std::vector<controller::Record>& records);
  [[nodiscard]] const controller::StoredState& state() const { return state_; }

 private:
  void apply(const controller::StoreHost& row);
  void apply(const controller::RemoveHost& row);
  void apply(const controller::StoreRelease& row);
  void apply(const controller::StoreTrust& row);
  void apply(const controller::StoreWanted& row);
  void apply(const controller::StoreDeployment& row);
  void apply(const controller::StorePlanHost& row);
  void apply(const controller::StoreBaseline& row);
  void apply(const controller::StoreSamples& row);
  void apply(const controller::StoreAction&) {}

  controller::StoredState state_;
};

}  // namespace serin::simulation
