#pragma once

#include <string>
#include <vector>

#include "controller/controller_config.h"
#include "controller/rollout/rollout.h"

namespace serin::rollout {

/// What the plan needs to know of a host.
struct Candidate {
  HostName host;
  std::vector<std::string> labels;
  bool connected = false;
  bool reports_application = false;  ///< it has the application in its configuration
  ReleaseNumber live = 0;            ///< or kAdopted
};

/// True when the group names the host.
bool belongs(const controller::HostGroup& group, const HostName& host, const std::vector<std::string>& labels);

/// Fewer controls tell the judge nothing.
inline constexpr std::size_t kControlsKept = 3;

struct PlanRequest {
  bool force = false;
  ReleaseNumber release = 0;
};

/// The hosts and stages of a new deployment. A host in several groups goes with the first stage; one that is not
/// connected is `absent`. `refused`, by name: no host at all, a group that matches no host, fewer connected canaries
/// than min_canaries, no canary group (unless force). With force there is one stage "fleet". Hosts that are connected
/// but do not have the application configured are named in the refusal when they are canaries, else left out as absent.
/// Under the sequential judge the share `hold_back` of all hosts, at least kControlsKept and evenly spread over the
/// fleet's stage, makes a stage of its own, "last"; none when the fleet's stage has fewer.
struct Plan {
  std::vector<Stage> stages;
  std::vector<PlanHost> hosts;
};
Result<Plan> make_plan(const controller::ApplicationSettings& settings, const std::vector<Candidate>& candidates,
                       const PlanRequest& request);

}  // namespace serin::rollout
