#pragma once

#include <vector>

#include "controller/evidence/deployment_trace.h"
#include "controller/judge/tune.h"
#include "protocol/clock.h"
#include "protocol/operator_messages.h"

namespace serin::operate {

/// One deployment in full: what it was, its verdict with its numbers, how each host fared. Final. Safe for a terminal.
OperatorEvent render_show(const evidence::StoredTrace& stored, Now now);

/// What `serin tune` found.
OperatorEvent render_tune(const ApplicationName& application, const judge::TuneReport& report);

/// Its trace as CSV (judge/trace.h) in "trace" events of at most kTraceChunkBytes, the last one final; an error when
/// nothing was counted. The comments in front name the deployment and what its judge was set to.
inline constexpr std::size_t kTraceChunkBytes = 1U << 20;
std::vector<OperatorEvent> render_trace(const evidence::StoredTrace& stored,
                                        evidence::SourceKind source = evidence::SourceKind::agents);

}  // namespace serin::operate
