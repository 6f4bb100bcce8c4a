#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controller/judge/fleet_watch.h"
#include "protocol/clock.h"

namespace serin::rollout {

/// The watch of one released deployment: see after_release.h. A plain value.
struct ReleaseWatch {
  DeploymentId deployment = 0;
  ReleaseNumber release = 0;
  ReleaseNumber former = 0;  ///< what a take-back returns to; 0: nothing
  judge::FleetWatch fleet;
  std::vector<HostName> hosts;            ///< in the judge's order
  std::vector<std::string> rules_hashes;  ///< of their baselines
  std::int64_t from = 0;                  ///< second in which the deployment began
  std::int64_t next = 0;                  ///< second to be taken in
  SteadyTime until{};
};

/// What a watch found. It stands until another deployment has gone out to the fleet.
struct Alarm {
  DeploymentId deployment = 0;
  ReleaseNumber release = 0;
  std::string text;  ///< for people
  friend bool operator==(const Alarm&, const Alarm&) = default;
};

}  // namespace serin::rollout
