#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "controller/rollout/rollout_state.h"

/// The rollout of one deployment as a pure state machine; README.md has its diagram and rules. Recorded, then acted:
/// the caller writes the changed rows of a step to the database before it carries out the step's effects.
namespace serin::rollout {

// ---- events ----
struct Started {};   ///< first event of a new rollout, whose rows the caller has stored
struct Restored {};  ///< first event after a restart of the daemon
/// Hello. `status.application` is empty when the host does not report the application: it then stays out.
struct HostConnected {
  HostName host;
  ApplicationStatus status;
};
/// Heartbeat. Each one counts: a canary that has sent none for kSilentAfter is silent. Also connects a host that was
/// gone.
struct HostReported {
  HostName host;
  ApplicationStatus status;
};
/// It fell silent, its lease ran out, or it was revoked. Saying it twice does no harm.
struct HostGone {
  HostName host;
};
struct HostFinished {
  HostName host;
  Outcome outcome;
};
/// To be given once a second while the phase is soaking, and as often as the judge looks in the later stages and while
/// held: an answer that cannot be acted on yet is dropped, and a `fail` counts to the end.
struct JudgeAnswered {
  judge::Verdict verdict;
};
struct AbortAsked {
  std::string by;
};
struct ContinueAsked {
  std::string by;
};
/// A rollback or forced deploy takes over: ends at once, and its hosts go straight to the new target.
struct Superseded {
  std::string by;
};
struct TimePassed {};
using Event = std::variant<Started, Restored, HostConnected, HostReported, HostGone, HostFinished, JudgeAnswered,
                           AbortAsked, ContinueAsked, Superseded, TimePassed>;

// ---- effects, to be carried out in order after the rows are committed; all Record* come first, Finish comes last ----
/// This row of `hosts` changed.
struct RecordHost {
  std::size_t index;
};
struct RecordDeployment {};  ///< the deployment's own row changed
/// Its id is {Rollout::id, hosts[index].sequence}.
struct SendOrder {
  std::size_t index;
  std::uint32_t sequence;  ///< of this order; the row may have moved on by the time it is sent
  OrderAction action;
  ReleaseNumber release;  ///< kAdopted: the adopted folder is to be restored
  bool take_back;
};
/// The canaries' evidence begins; not repeated after a restart: soak_from is in the row.
struct StartClock {
  SteadyTime from;
};
/// A line for whoever watches; may hold host output: escape.
struct TellOperator {
  std::string text;
};
struct Finish {};  ///< phase is `finished`, `ending` says how: summary() is the last line, not told before
using Effect = std::variant<RecordHost, RecordDeployment, SendOrder, StartClock, TellOperator, Finish>;

struct Step {
  Rollout next;
  std::vector<Effect> effects;
};

inline constexpr auto kResendAfter = std::chrono::seconds{3};  ///< an order that the host has not seen
inline constexpr auto kSilentAfter = std::chrono::seconds{6};  ///< without a word a canary may be lost
inline constexpr auto kRecovery = std::chrono::seconds{60};    ///< for the hosts to come back after a restart
inline constexpr auto kMassLossWithin = std::chrono::seconds{10};
inline constexpr std::size_t kMassLossHosts = 3;  ///< at least so many,
inline constexpr double kMassLossShare = 0.2;     ///< and more than this share, freeze a rollout

/// Moves a rollout by one event. Pure: same inputs, same step. An event that does not fit the phase leaves the rollout
/// as it is (operator requests then get a TellOperator); it is never an error. O(log n)
/// for each host event.
Step advance(Rollout rollout, const Event& event, Now now);

/// What must hold after every step; a text naming the breach, or nothing. Called in simulation and debug builds.
std::optional<std::string> broken_invariant(const Rollout& rollout);

/// Counts for progress lines and status.
struct Counts {
  std::size_t total = 0;      ///< of the plan
  std::size_t ok = 0;         ///< loaded (going back: not on the release, nor ever or no more)
  std::size_t failed = 0;     ///< unchanged, taken_back, broken, overdue (going back: may still run it)
  std::size_t in_flight = 0;  ///< staging, activating, returning
  std::size_t left = 0;       ///< waiting, staged
  std::size_t absent = 0;
  friend bool operator==(const Counts&, const Counts&) = default;
};
Counts count_hosts(const Rollout& rollout);

/// The CLI's exit code of a finished rollout: 0, 3, 6 or 7, and 1 when another deployment took over; 4 while held.
int exit_code(const Rollout& rollout);

/// The final line: "released r12 on 12 of 12 hosts in 34 s", "taken back: ..."; names hosts that
/// lack it. Of a rollout that goes on: where it stands.
std::string summary(const Rollout& rollout);

/// What a host goes back to: "r11", "the adopted folder", "-".
std::string former_text(ReleaseNumber former);

}  // namespace serin::rollout
