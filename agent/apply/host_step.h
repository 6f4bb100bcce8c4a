#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/messages.h"

/// One host step as a pure state machine: what an order does to one application, and what a crash at any point leads
/// to.
namespace serin::apply {

/// In the place of a slot's name: the folder that stood at the live path before Serin, there still or set aside.
inline constexpr auto kAdoptedSlot = "adopted";

/// Where a step stands. Each is on disk before what follows it is begun.
enum class StepPhase : std::uint8_t {
  idle,       ///< nothing to do; `outcome` tells of the last step
  staging,    ///< pulling and building the slot
  switching,  ///< about to point the live path at `target_slot`
  loading,    ///< the live path points at it: reload hook and check
  reverting,  ///< loading failed: about to point the live path back at `former_slot`
  reloading,  ///< it points back: reload hook
};

/// The journal's record of one application: the whole durable state of its step.
struct StepJournal {
  StepPhase phase = StepPhase::idle;
  Order order;              ///< the last accepted one
  Release release;          ///< of that order, opened and verified
  std::string former_slot;  ///< live before the switch; empty: nothing was
  std::string target_slot;
  std::uint32_t restarts = 0;  ///< of the agent within this step, counted anew on the way back
  std::string failed_step;     ///< first failure of this step, kept through the way back
  std::int32_t exit_status = 0;
  std::string output;
  std::uint64_t bytes_pulled = 0;        ///< by this step
  std::optional<Outcome> outcome;        ///< of `order`, once it ended
  bool acknowledged = false;             ///< the controller has the outcome
  HostState state = HostState::unknown;  ///< what status shows
  bool live_broken = false;              ///< the last switch ended broken, and none ended well since
  friend bool operator==(const StepJournal&, const StepJournal&) = default;
};

// ---- events ----
struct OrderCame {
  Order order;
  Release release;
};  ///< signature and recipient are good, it is not old
struct Staged {
  std::string slot;
  std::uint64_t bytes_pulled;
};
struct StageFailed {
  std::string step;
  std::string reason;
};  ///< "pull", "build", "verify", "space", "keep", "not-adoptable"
struct Linked {};  ///< the live path points where the last LinkTo said
struct LinkFailed {
  std::string reason;
};
struct HookEnded {
  bool ok;
  std::string step;
  std::int32_t exit_status;
  std::string output;
};  ///< "reload hook", "check"
struct Discarded {};
/// First event after a start of the agent: where the live path points (slot name; empty: nowhere or not ours).
struct AgentRestarted {
  std::string live_slot;
};
struct OutcomeAcknowledged {
  OrderId order;
};
using Event = std::variant<OrderCame, Staged, StageFailed, Linked, LinkFailed, HookEnded, Discarded, AgentRestarted,
                           OutcomeAcknowledged>;

// ---- effects, in order ----
struct SaveJournal {};  ///< durable before the next effect
struct Stage {
  Release release;
};  ///< answered by Staged or StageFailed
struct LinkTo {
  std::string slot;
};  ///< answered by Linked or LinkFailed
struct RunHooks {};   ///< reload hook, then check; answered by one HookEnded
struct RunReload {};  ///< the way back: reload hook only; answered by HookEnded
struct DiscardStaged {
  std::string slot;
};  ///< answered by Discarded
struct ReportOutcome {};  ///< journal.outcome is to be sent until acknowledged
using Effect = std::variant<SaveJournal, Stage, LinkTo, RunHooks, RunReload, DiscardStaged, ReportOutcome>;

struct Advance {
  StepJournal next;
  std::vector<Effect> effects;
};

/// What the host has live, for outcomes.
struct LiveFacts {
  std::string slot;
  ReleaseNumber release = 0;
  ObjectId root;
};

/// Moves one application's step by one event. Pure. An event that does not fit is ignored. An order equal to the last
/// one reports its outcome again (or goes on); an older one is ignored, and so is any while a step is under way: the
/// caller ends a staging one by StageFailed, waits for the end of every other, and then gives the newer order.
///
/// `restore` makes the adopted folder live, without staging; what was live then is what a failure goes back to. An
/// `activate` whose release is not staged stages first. Failure before the switch: `unchanged`. After it: the link
/// goes back and the reload hook runs again: `taken_back`, or `broken` when that fails or there is nothing to go back
/// to. A restart while staging forgets the order, so that the controller's repetition begins it anew. Any other restart
/// compares the link with what the journal says and goes on from there, running the hooks again; the third one within
/// one step goes back instead (`unchanged` when nothing was switched yet), and the third on the way back is `broken`.
Advance advance(StepJournal journal, const Event& event, const LiveFacts& live, Now now);

}  // namespace serin::apply
