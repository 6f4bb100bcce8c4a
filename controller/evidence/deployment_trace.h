#pragma once

#include <set>
#include <vector>

#include "controller/judge/trace.h"
#include "controller/records.h"

namespace serin::evidence {

/// A deployment and what its hosts counted: what a verdict can be replayed from.
struct StoredTrace {
  rollout::Rollout rollout;
  std::vector<fleet::HostSeconds> before;  ///< in the plan's order
  std::vector<fleet::Sample> samples;      ///< since it began
  std::set<SignatureId> known;             ///< messages that were history when it began
};

/// The trace of it. Second 0 is the first of the baseline; of the seconds before the deployment only the trusted ones
/// are in it, as the judge saw them. Without #deploy when the canaries never loaded the release. `not_found` when
/// nothing was counted. Pure.
Result<judge::Trace> deployment_trace(const StoredTrace& stored);

/// An ordinary hour as a trace, without #deploy. Pure.
judge::Trace ordinary_trace(const controller::StoreOrdinary& hour);

}  // namespace serin::evidence
