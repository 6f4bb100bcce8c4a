#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/simulated_controller.h"
#include "tests/simulation/simulated_host.h"

namespace serin::simulation {

/// What Serin promises, looked at from outside: what is committed, what goes out, what is live. The first breach is
/// kept.
class Promises {
 public:
  using IsCanary = std::function<bool(std::size_t host)>;
  Promises(const SimulatedController& controller, const std::vector<SimulatedHost>& hosts, IsCanary is_canary)
      : controller_(controller), hosts_(hosts), is_canary_(std::move(is_canary)) {}

  /// Effects never precede their records: call before each is carried out.
  void order_goes_out(const HostName& host, const Order& order);
  void acknowledgement_goes_out(const HostName& host, const OutcomeReply& reply);
  void operator_is_told(const OperatorEvent& event);

  /// After every step: invariants of each active rollout; nobody but a canary runs a release before its committed
  /// deployment has a pass, or was forced, continued or the first; what is committed of a finished deployment is true
  /// of each of its hosts; no host does what it may not.
  void look();
  /// A second that counts as trusted was one of a trusted release.
  void look_at_evidence(const ApplicationName& application, Now now);

  [[nodiscard]] const std::string& breach() const { return breach_; }
  void broken(const std::string& what) {
    if (breach_.empty()) breach_ = what;
  }

 private:
  void look_at_commits();
  void look_at_end(const rollout::Rollout& rollout);
  [[nodiscard]] bool ran_trusted(const SimulatedHost& host, std::int64_t second) const;

  const SimulatedController& controller_;
  const std::vector<SimulatedHost>& hosts_;
  IsCanary is_canary_;
  std::set<ReleaseNumber> cleared_;       ///< may be live beyond the canaries
  std::set<ReleaseNumber> trusted_once_;  ///< whose seconds may have been a baseline
  std::set<DeploymentId> ended_;
  std::uint64_t commits_seen_ = 0;
  std::string breach_;
};

}  // namespace serin::simulation
