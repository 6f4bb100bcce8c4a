#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/agent_config.h"
#include "agent/apply/host_step.h"
#include "protocol/error.h"

namespace serin::apply {

/// Fetches what a release needs over what the host has. The applier calls it from its worker thread.
struct PullResult {
  std::uint64_t bytes = 0, objects = 0;
};
class SlotDir;
struct MendJob;
struct MendResult;
/// Brings every object of `release` that slots.base() and what was pulled before lack into the slots, verified.
using PullFunction =
    std::function<Result<PullResult>(const Release& release, SlotDir& slots, const std::stop_token& stop)>;

/// Carries out host steps of one application: owns its journal, its slots and its hooks. One thread; the calls block
/// (disk, network, hooks), so the agent runs it in a worker and tells it to stop through `stop`.
class Applier {
 public:
  struct Options {
    agent::ApplicationSettings settings;
    std::filesystem::path state_dir;  ///< of the agent; the journal is state_dir/journal/APPLICATION
    PullFunction pull;
    std::function<Now()> now;
    std::function<void(const ApplicationStatus&)> on_status;  ///< called whenever the status changes, in this thread
  };
  /// Opens journal and slots. Errors name the path and the remedy: parent of the live path missing, live path a mount
  /// point or a file, a dangling link or one to a place outside the slots.
  /// A journal that is damaged is set aside: see warning().
  static Result<Applier> open(Options options);
  Applier(Applier&&) noexcept;
  Applier& operator=(Applier&&) noexcept;
  ~Applier();

  /// Ends what a crash interrupted. Call once, before the first order.
  void recover();
  /// Carries the order out, or answers a repeated one from the journal. `release` was verified by the caller.
  /// `superseded` ends a staging step (`unchanged`), `leaving` leaves it without an end, to be begun anew after the
  /// agent's restart. From the switch on a step always runs to its end.
  void run(const Order& order, const Release& release, const std::stop_token& superseded,
           const std::stop_token& leaving = {});
  void acknowledge(const OrderId& order);
  /// Brings the live tree back to its release (tree_mend_dir.h); the caller stops it for an order.
  MendResult mend(const MendJob& job, const std::stop_token& stop);
  /// Work for quiet moments: a spare tree for the next release, surplus slots. Call after the outcome was reported.
  /// When to call it again; nothing: when another step has ended.
  std::optional<Duration> tidy();

  /// The last outcome while it is not acknowledged.
  [[nodiscard]] std::optional<Outcome> unacknowledged() const;
  [[nodiscard]] ApplicationStatus status() const;
  /// For the agent's log: what was found wrong and is no reason to stop. Empty: nothing.
  [[nodiscard]] const std::string& warning() const;

 private:
  struct Parts;
  explicit Applier(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::apply
