#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controller/evidence/source.h"
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
/// when the canaries have loaded, looks at each second once that it is complete for all its hosts, and after the
/// verdict goes on with the later stages, batch by batch, against the hosts still on the old release. Its source has a
/// step of one second. Made anew after a restart, it takes in the stored seconds and stands where it stood. Pure;
/// O(hosts) memory and time a second.
class Trial {
 public:
  /// Which numbers of the judge are not the usual ones ("key=value"), and until when it answers.
  struct Terms {
    std::vector<std::string> settings;
    Duration wait{};
  };

  /// `active.rollout` has soak_from; its loaded canaries are on one side, all others that ran a trusted release before
  /// it on the other.
  Trial(const evidence::Source& source, const controller::ControllerState& state,
        const controller::ActiveDeployment& active, const Terms& terms);

  /// Takes in the seconds that are complete by now; the newest answer. `wait` may have grown.
  judge::Verdict advance(const evidence::Source& source, const controller::ControllerState& state,
                         const controller::ActiveDeployment& active, Duration wait, Now now);

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
  [[nodiscard]] std::vector<judge::Counts> counts_of(const evidence::Source& source, std::int64_t second) const;
  void feed(const evidence::Source& source, const controller::ControllerState& state, const Rollout& rollout,
            std::int64_t second);
  void watch(const Rollout& rollout, std::int64_t second, const std::vector<judge::Counts>& counts);
  [[nodiscard]] std::vector<judge::SignatureCount> messages_of(const evidence::Source& source, std::int64_t second,
                                                               const std::vector<judge::Counts>& counts) const;
  void open_windows(const Rollout& rollout, std::int64_t second);
  [[nodiscard]] judge::Verdict with_gaps(judge::Verdict verdict, const evidence::Source& source,
                                         const Rollout& rollout) const;

  std::vector<Member> members_;     ///< in the judge's order
  std::vector<std::size_t> hosts_;  ///< their indices into Rollout::hosts
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
