#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controller/controller_config.h"
#include "controller/evidence/remote_evidence.h"
#include "controller/judge/verdict.h"
#include "controller/rollout/progress.h"
#include "protocol/messages.h"

/// What a deployment is at one moment: plain values. rollout.h moves them.
namespace serin::rollout {

using controller::HostShare;

/// Where one host of the plan stands.
enum class HostStep : std::uint8_t {
  waiting,     ///< nothing is asked of it: its turn has not come, or what it had staged is dropped again
  staging,     ///< a stage order is out
  staged,      ///< may be activated
  activating,  ///< an activate order is out: in flight
  loaded,      ///< runs the new release
  unchanged,   ///< failed before the switch; still on its former release
  taken_back,  ///< failed after the switch and returned by itself
  broken,      ///< for a person
  overdue,     ///< switching, and no outcome by the deadline: what it runs is not known
  returning,   ///< a take-back order is out
  returned,    ///< on its former release again
  absent,      ///< not connected when its turn came: never touched, catches up later
};
static_assert(static_cast<std::size_t>(HostStep::absent) + 1 == kHostSteps);
std::string_view name_of(HostStep step);

/// In the place of a release's number: the folder that was live before Serin.
inline constexpr ReleaseNumber kAdopted = (1ULL << 63U) - 1;

struct PlanHost {
  HostName host;
  std::uint32_t stage = 0;   ///< index into Rollout::stages
  ReleaseNumber former = 0;  ///< what was live when the plan was made, or kAdopted; 0: nothing to go back to
  HostStep step = HostStep::waiting;
  std::uint32_t sequence = 0;                  ///< of the newest order
  OrderAction ordered = OrderAction::unknown;  ///< what the newest order asked for; unknown: none yet
  bool touched = false;                        ///< an activate order went out: it may run the new release
  bool connected = false;                      ///< not stored
  SteadyTime ordered_at{};                     ///< of the newest order (first sending)
  SteadyTime sent_at{};                        ///< of its newest sending; not stored
  std::optional<SteadyTime> loaded_at;
  std::string detail;  ///< step, exit status and output of a failure; any bytes
  friend bool operator==(const PlanHost&, const PlanHost&) = default;
};

struct Stage {
  std::string name;        ///< "canary", "proxies", "fleet", "last"
  bool judged = false;     ///< a wait and a verdict follow
  bool held_back = false;  ///< staged, but not switched before hold_back_until: the judge's last controls
  friend bool operator==(const Stage&, const Stage&) = default;
};

enum class Phase : std::uint8_t {
  rolling,     ///< the hosts of `stage` are being brought to the release
  soaking,     ///< the canaries run it; the judge looks
  held,        ///< inconclusive: waits for an operator
  going_back,  ///< touched hosts return
  finished,
};
std::string_view name_of(Phase phase);

enum class Ending : std::uint8_t { none, released, taken_back, aborted, superseded };
std::string_view name_of(Ending ending);

/// One deployment. A value: moved in, moved out. Rows of the database mirror it: one for the deployment, one a host.
struct Rollout {
  DeploymentId id = 0;
  ApplicationName application;
  ReleaseNumber release = 0;
  std::string owner;  ///< login name of who started it
  std::string message;
  bool force = false;  ///< the operator said --force
  bool rollback = false;
  bool first_release = false;  ///< nothing was live on any host: no verdict
  controller::JudgeKind judge{};
  WallTime started_wall{};
  SteadyTime started_at{};  ///< set by Started; 0: not known, and summary() leaves the length of time out

  // Settings as they were when it started
  Duration wait{};                                  ///< the judge's wait or horizon: until then there is an answer
  Duration hold_back_until{};                       ///< after soak_from
  std::chrono::seconds settle{};                    ///< of the sequential judge
  std::vector<std::string> judge_settings;          ///< its other numbers that are not the usual ones: "key=value"
  std::vector<evidence::DeploymentSource> sources;  ///< of evidence; none: the agents alone, and the above is theirs
  std::uint32_t min_canaries = 0;
  HostShare max_in_flight;
  HostShare failure_limit;
  Duration step_deadline{};
  Duration hold_limit{};
  bool prefetch = false;  ///< later stages pull and build while the canaries soak
  Duration extend{};      ///< by which an inconclusive judgement is made longer, once
  controller::OnInconclusive on_inconclusive{};
  controller::OnHoldEnd on_hold_end{};
  controller::OnCanaryLost on_canary_lost{};

  std::vector<Stage> stages;
  std::vector<PlanHost> hosts;  ///< in the plan's order; does not change after the start (but for its fields)

  Phase phase = Phase::rolling;
  Ending ending = Ending::none;  ///< taken_back and aborted stand from the beginning of going_back
  bool extended = false;         ///< `wait` holds `extend` already
  bool forced_on = false;        ///< an operator let a held one continue
  std::uint32_t stage = 0;
  SteadyTime phase_since{};
  std::optional<SteadyTime> soak_from;  ///< the last canary loaded: t0 of the evidence
  std::optional<judge::Verdict> verdict;
  std::string reason;  ///< why it goes back, is held or ended: one line
  WallTime ended_wall{};
  Progress progress;  ///< not stored

  /// Goes to everyone at once, without checks and without a verdict.
  [[nodiscard]] bool unchecked() const { return force || rollback; }
  friend bool operator==(const Rollout&, const Rollout&) = default;
};

}  // namespace serin::rollout
