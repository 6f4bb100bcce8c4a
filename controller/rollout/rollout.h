#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "controller/controller_config.h"
#include "controller/judge/verdict.h"
#include "protocol/messages.h"

/// The rollout of one deployment as a pure state machine. Recorded, then acted: the caller writes the changed rows of a
/// step to the database before it carries out the step's effects.
namespace serin::rollout {

using controller::HostShare;

/// Where one host of the plan stands.
enum class HostStep : std::uint8_t {
  waiting,     ///< nothing was ordered yet
  staging,     ///< a stage order is out
  staged,      ///< may be activated
  activating,  ///< an activate order is out: in flight
  loaded,      ///< runs the new release
  unchanged,   ///< failed before the switch; still on its former release
  taken_back,  ///< failed after the switch and returned by itself
  broken,      ///< for a person
  overdue,     ///< no outcome by the deadline: what it runs is not known
  returning,   ///< a take-back order is out
  returned,    ///< on its former release again
  absent,      ///< not connected when its turn came: never touched, catches up later
};
std::string_view name_of(HostStep step);

struct PlanHost {
  HostName host;
  std::uint32_t stage = 0;   ///< index into Rollout::stages
  ReleaseNumber former = 0;  ///< what was live when the plan was made; 0: nothing to go back to
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
  std::string name;     ///< "canary", "proxies", "fleet"
  bool judged = false;  ///< a wait and a verdict follow
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
  bool force = false;
  bool rollback = false;
  bool first_release = false;  ///< nothing was live on any host: no verdict
  WallTime started_wall{};

  // Settings as they were when it started
  Duration wait{};  ///< of the judge, for the countdown
  std::uint32_t min_canaries = 0;
  HostShare max_in_flight;
  HostShare failure_limit;
  Duration step_deadline{};
  Duration hold_limit{};
  controller::OnInconclusive on_inconclusive{};
  controller::OnHoldEnd on_hold_end{};
  controller::OnCanaryLost on_canary_lost{};

  std::vector<Stage> stages;
  std::vector<PlanHost> hosts;  ///< in stage order; does not change after the start (but for its fields)

  Phase phase = Phase::rolling;
  std::uint32_t stage = 0;
  SteadyTime phase_since{};
  std::optional<SteadyTime> soak_from;  ///< the last canary loaded: t0 of the evidence
  std::optional<judge::Verdict> verdict;
  bool forced_on = false;  ///< an operator let a held one continue
  std::string reason;      ///< why it goes back, is held or ended: one line
  Ending ending = Ending::none;
  WallTime ended_wall{};
  friend bool operator==(const Rollout&, const Rollout&) = default;
};

// ---- events ----
struct Started {};   ///< first event of a new rollout
struct Restored {};  ///< first event after a restart of the daemon
struct HostConnected {
  HostName host;
  ApplicationStatus status;
};  ///< hello
struct HostReported {
  HostName host;
  ApplicationStatus status;
};  ///< heartbeat
struct HostGone {
  HostName host;
};  ///< its lease ran out, or it was revoked
struct HostFinished {
  HostName host;
  Outcome outcome;
};
struct JudgeAnswered {
  judge::Verdict verdict;
};
struct AbortAsked {
  std::string by;
};
struct ContinueAsked {
  std::string by;
};
struct Superseded {
  std::string by;
};  ///< a rollback or forced deploy takes over
struct TimePassed {};
using Event = std::variant<Started, Restored, HostConnected, HostReported, HostGone, HostFinished, JudgeAnswered,
                           AbortAsked, ContinueAsked, Superseded, TimePassed>;

// ---- effects, to be carried out in order after the rows are committed ----
struct RecordHost {
  std::size_t index;
};  ///< this row of `hosts` changed
struct RecordDeployment {};  ///< the deployment's own row changed
struct SendOrder {
  std::size_t index;
  OrderAction action;
  ReleaseNumber release;
  bool take_back;
};
struct StartClock {
  SteadyTime from;
};  ///< the canaries' evidence begins
struct TellOperator {
  std::string text;
};  ///< a line for whoever watches; may hold host output: escape
struct Finish {};  ///< phase is `finished`; `ending` says how
using Effect = std::variant<RecordHost, RecordDeployment, SendOrder, StartClock, TellOperator, Finish>;

struct Step {
  Rollout next;
  std::vector<Effect> effects;
};

/// Moves a rollout by one event. Pure: same inputs, same step. An event that does not fit the phase leaves the rollout
/// as it is (operator requests then get a TellOperator); it is never an error. O(1) amortised for each host event.
Step advance(Rollout rollout, const Event& event, Now now);

/// What must hold after every step; a text naming the breach, or nothing. Called in simulation and debug builds.
std::optional<std::string> broken_invariant(const Rollout& rollout);

/// Counts for progress lines and status.
struct Counts {
  std::size_t total = 0;      ///< of the plan
  std::size_t ok = 0;         ///< loaded (going back: returned, taken back, unchanged)
  std::size_t failed = 0;     ///< unchanged, taken_back, broken, overdue (going back: broken, overdue)
  std::size_t in_flight = 0;  ///< staging, activating, returning
  std::size_t left = 0;       ///< waiting, staged
  std::size_t absent = 0;
  friend bool operator==(const Counts&, const Counts&) = default;
};
Counts count_hosts(const Rollout& rollout);

/// The CLI's exit code of a finished rollout: 0, 3, 6 or 7; 4 while held.
int exit_code(const Rollout& rollout);

/// The final line: "released r12 on 12 of 12 hosts in 34 s", "taken back: ..."; names hosts that lack it.
std::string summary(const Rollout& rollout);

}  // namespace serin::rollout
