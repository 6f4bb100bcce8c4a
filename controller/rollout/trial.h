#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controller/fleet/report_ledger.h"
#include "controller/judge/cohort_watch.h"
#include "controller/judge/sequential_judge.h"
#include "controller/judge/signature_judge.h"
#include "controller/rollout/rollout_state.h"
#include "protocol/clock.h"

namespace serin::controller {
struct ControllerState;
struct ActiveDeployment;
}  // namespace serin::controller

namespace serin::rollout {

/// The sequential judge at work on one deployment: who is on which side, which second is next, what it said. It begins
/// when the canaries have loaded, looks at each second once that all its hosts have reported it (or kLate after it;
/// after a restart, hosts are waited for), and after the verdict goes on with the later stages, batch by batch, against
/// the hosts still on the old release. Made anew after a restart, it takes in the stored seconds and stands where it
/// stood. Pure; O(hosts) memory and time a second.
class Trial {
 public:
  /// A report that comes later than this is not waited for.
  static constexpr auto kLate = std::chrono::seconds{3};
  /// So long after a restart hosts that are not back yet are waited for.
  static constexpr auto kReturn = std::chrono::seconds{15};

  /// `active.rollout` has soak_from; its loaded canaries are on one side, all others that ran a trusted release before
  /// it on the other.
  Trial(const controller::ControllerState& state, const controller::ActiveDeployment& active);

  /// Takes in the seconds that are complete by now; the newest answer.
  judge::Verdict advance(const controller::ControllerState& state, const controller::ActiveDeployment& active, Now now);

  /// Hosts that are on neither side, and why; for the trace and the verdict.
  [[nodiscard]] const std::vector<judge::SetAside>& set_aside() const { return set_aside_; }

 private:
  struct Member {
    std::size_t index = 0;  ///< into Rollout::hosts
    bool canary = false;
    std::string rules_hash;  ///< of its baseline
    bool left = false;       ///< it is no control any more
    bool in_cohort = false;  ///< it has loaded, and is watched since
  };
  void set_aside(const HostName& host, judge::Role role, std::string why);
  [[nodiscard]] bool complete(const controller::ControllerState& state, const controller::ActiveDeployment& active,
                              std::int64_t second, Now now) const;
  [[nodiscard]] std::vector<judge::Counts> counts_of(const controller::ControllerState& state,
                                                     const controller::ActiveDeployment& active,
                                                     std::int64_t second) const;
  void feed(const controller::ControllerState& state, const controller::ActiveDeployment& active, std::int64_t second);
  void watch(const Rollout& rollout, std::int64_t second, const std::vector<judge::Counts>& counts);
  [[nodiscard]] std::vector<judge::SignatureCount> messages_of(const controller::ControllerState& state,
                                                               const controller::ActiveDeployment& active,
                                                               std::int64_t second,
                                                               const std::vector<judge::Counts>& counts) const;
  void open_windows(const Rollout& rollout, std::int64_t second);
  [[nodiscard]] judge::Verdict with_gaps(judge::Verdict verdict, const controller::ControllerState& state,
                                         const controller::ActiveDeployment& active) const;

  std::vector<Member> members_;  ///< in the judge's order
  std::vector<judge::SetAside> set_aside_;
  std::vector<HostName> rules_differ_;  ///< canaries that count by other rules than the others
  std::optional<judge::SequentialJudge> judge_;
  std::optional<judge::SignatureJudge> messages_;
  std::optional<judge::CohortWatch> watch_;
  std::chrono::seconds horizon_{};
  std::int64_t from_ = 0;  ///< second 0 of the judge
  std::int64_t next_ = 0;  ///< second to be taken in
};

}  // namespace serin::rollout
