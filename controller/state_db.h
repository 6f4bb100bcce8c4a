#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "controller/evidence/deployment_trace.h"
#include "controller/records.h"
#include "protocol/posix/system_clock.h"

namespace serin::controller {

/// The controller's durable state: one SQLite file in WAL mode, synchronous=FULL, embedded. One thread at a time.
/// Opening refuses, by name and with the remedy: a file that is locked by another process (`busy`), not a database or
/// damaged (`corrupt`), written by a newer Serin (`unsupported`), unreadable (`refused`).
class StateDb {
 public:
  static Result<StateDb> open(const std::filesystem::path& file);
  /// A further connection to the same file, for another thread. Its pages are not checked once more.
  [[nodiscard]] Result<StateDb> another() const;
  StateDb(StateDb&&) noexcept;
  StateDb& operator=(StateDb&&) noexcept;
  ~StateDb();

  Result<StoredState> load();
  /// All or nothing, in one transaction; durable when it returns. `no_space` on a full disk: nothing was written.
  Result<void> commit(const std::vector<Record>& records);
  /// Newest first.
  Result<std::vector<HistoryLine>> history(const ApplicationName& application, std::size_t most);
  /// A deployment with all that was counted; `not_found` when there is none of this number.
  Result<evidence::StoredTrace> deployment(DeploymentId id);
  /// Deployments that passed and were released, not by hand, with their counts still stored; the newest first.
  Result<std::vector<DeploymentId>> good_deployments(const ApplicationName& application, std::size_t most);
  /// The newest stored hours of the last 30 days, the oldest of them first; no more than fit into so many cells (hosts
  /// x seconds), but for the last one.
  Result<std::vector<StoreOrdinary>> ordinary_hours(const ApplicationName& application, std::size_t cells_most);
  /// The clock's anchor (posix/system_clock.h), stored when it changed.
  Result<posix::ClockAnchor> clock_anchor();
  Result<void> store_clock_anchor(const posix::ClockAnchor& anchor);
  /// The newest time of the controller's clock found in any row; 0 when there is none.
  Result<SteadyTime> newest_time();

 private:
  struct Parts;
  static Result<StateDb> open(const std::filesystem::path& file, bool check);
  explicit StateDb(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::controller
