#pragma once

#include <string>
#include <vector>

#include "controller/controller_state.h"

/// Which releases' objects the controller keeps. Pure.
namespace serin::controller {

struct KeptRelease {
  ApplicationName application;
  ReleaseNumber release = 0;
  ObjectId root;
  std::string why;  ///< for operators
  friend bool operator==(const KeptRelease&, const KeptRelease&) = default;
};
struct RetentionPlan {
  std::vector<KeptRelease> kept;
  std::vector<std::pair<ApplicationName, ReleaseNumber>> collected;  ///< to be marked, their objects go
};

/// A release is kept while it is wanted, while a deployment that runs needs it (its own, and what its hosts go back
/// to), while it is one of the last keep_releases of its application that were released, while a host that was heard of
/// within keep_for_hosts runs it or has it in a slot, and for an hour after it was built. One that was collected before
/// is in neither list.
RetentionPlan plan_retention(const ControllerState& state, Now now);

/// Remembers which releases a host has, and when it was heard of; stored when they change, and once an hour.
void note_host_releases(ControllerState& state, const HostName& host, Now now, Turn& turn);

}  // namespace serin::controller
