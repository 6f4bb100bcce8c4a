#pragma once

#include <span>
#include <string>
#include <vector>

#include "controller/judge/sequential_settings.h"
#include "controller/judge/trace.h"
#include "controller/judge/verdict.h"

namespace serin::judge {

/// A trace as a judgement sees it: the seconds before a deploy, and the hosts on either side.
struct TraceWindow {
  std::int64_t deploy = 0;
  Baseline baseline;
  std::vector<std::size_t> hosts;  ///< of the trace, in the baseline's order
  std::vector<SetAside> set_aside;
  std::vector<HostName> rules_differ;  ///< canaries that count other errors than most hosts
};

/// The window of a deploy in the second `deploy`. A canary's seconds from its `loaded` to the deploy count as not seen,
/// as do a control's from its own on. A control that was never seen before the deploy joined later and is on neither
/// side; so is one whose rules are not the majority's (of those that say theirs; the first in a tie). With `canaries`
/// (indices in the trace) these are the canaries instead of those of the trace.
TraceWindow window_at(const Trace& trace, std::int64_t deploy, const SequentialSettings& settings,
                      std::span<const std::size_t> canaries = {});

/// Second `second` of the trace, for the window's hosts; before the trace and behind it nothing was seen.
std::vector<Counts> counts_at(const Trace& trace, const TraceWindow& window, std::int64_t second);

}  // namespace serin::judge
