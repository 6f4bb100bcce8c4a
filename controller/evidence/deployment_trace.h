#pragma once

#include <set>
#include <vector>

#include "controller/judge/trace.h"
#include "controller/records.h"

namespace serin::evidence {

/// A deployment and what its hosts counted: what a verdict can be replayed from.
struct StoredTrace {
  rollout::Rollout rollout;
  std::vector<fleet::HostSeconds> before;       ///< in the plan's order
  std::vector<fleet::Sample> samples;           ///< since it began
  std::set<SignatureId> known;                  ///< messages that were history when it began
  std::vector<controller::StoreRemote> remote;  ///< what servers said
};

/// The trace of it. Second 0 is the first of the baseline; of the seconds before the deployment only the trusted ones
/// are in it, as the judge saw them. Without #deploy when the canaries never loaded the release. `not_found` when
/// nothing was counted. Pure.
Result<judge::Trace> deployment_trace(const StoredTrace& stored);

/// What a server said of it, as its judge saw it: `#deploy` is where the judge's window begins. `not_found` when the
/// deployment did not ask it, or it never answered. Pure.
Result<judge::Trace> remote_trace(const StoredTrace& stored, SourceKind source);

/// An ordinary hour as a trace, without #deploy. Pure.
judge::Trace ordinary_trace(const controller::StoreOrdinary& hour);

}  // namespace serin::evidence
