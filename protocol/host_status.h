#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/digest.h"
#include "protocol/release.h"

/// Names, and where a host and one of its applications stand: what several messages carry. See messages.h.
namespace serin {

using HostName = std::string;  ///< given by the operator at accept, bound to the host's CURVE key
using ApplicationName = std::string;
using DeploymentId = std::uint64_t;  ///< counts from 1 over all applications; 0 means none

/// Of one application on one host.
enum class HostState : std::uint8_t { unknown, pulling, staged, switching, loaded, taken_back, broken };
std::string_view name_of(HostState state);

/// What an order asks for.
enum class OrderAction : std::uint8_t {
  unknown,
  stage,     ///< pull and build the idle slot; nothing live changes
  activate,  ///< make the release live and load it (hooks, checks); stages first when it must
  discard,   ///< drop what was staged; the live tree stays
  prefetch,  ///< as stage, but there is time: at idle priority and under the host's prefetch_rate
  restore,   ///< make the adopted folder live again and load it; the order's release is the one that failed
};
std::string_view name_of(OrderAction action);

/// How a host step ended: exactly one of these, decided by the agent alone.
enum class StepResult : std::uint8_t {
  unknown,
  staged,      ///< a stage order: everything is there and verified
  loaded,      ///< switched, hooks and checks done
  unchanged,   ///< failed or refused before the switch: the old release is live
  taken_back,  ///< something failed after the switch: the agent put the link back and ran the hooks again
  broken,      ///< that failed too (or there was nothing to go back to): for a person
  discarded,   ///< a discard order: done
};
std::string_view name_of(StepResult result);

/// One order's identity on one host: the same pair again is answered with the same outcome and not carried out twice;
/// a smaller pair than the last accepted one is ignored.
struct OrderId {
  DeploymentId deployment = 0;
  std::uint32_t sequence = 0;  ///< grows within the deployment for this host and application
  friend auto operator<=>(const OrderId&, const OrderId&) = default;
};

/// A process that still uses a slot which should have gone: it runs old code.
struct SlotUse {
  std::string slot;       ///< "r12-9f86d081884c"
  std::uint32_t pid = 0;  ///< on the host
  std::string command;    ///< the kernel's name of it: at most 15 bytes of any kind
  friend bool operator==(const SlotUse&, const SlotUse&) = default;
};

/// What a host says of one application.
struct ApplicationStatus {
  ApplicationName application;
  HostState state = HostState::unknown;
  ReleaseNumber live_release = 0;  ///< 0: nothing live, or not Serin's
  ObjectId live_root;
  std::int64_t live_for_ms = 0;      ///< how long that has been loaded, as far as this run of the agent knows
  std::vector<ReleaseNumber> slots;  ///< releases that are complete on the host
  OrderId last_order;
  std::string rules_hash;         ///< of the rules that count errors; only equal ones are compared
  std::string blind;              ///< why its counts are no evidence ("cannot read /var/log/x: ..."); empty: sees all
  bool adopted = false;           ///< what is live is the folder that was there before Serin: live_release is 0
  std::vector<SlotUse> old_code;  ///< at most limits::kSlotUsesMax, one of each slot
  std::uint64_t drift =
      0;                   ///< paths in which the live tree was found to differ from its release, when it was last seen
  std::string drift_path;  ///< the first of them; any bytes
  std::int64_t verified_ms_ago = -1;  ///< the whole live tree was last looked at; -1: not since the agent's start
  friend bool operator==(const ApplicationStatus&, const ApplicationStatus&) = default;
};

}  // namespace serin
