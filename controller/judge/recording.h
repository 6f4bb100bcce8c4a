#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "controller/judge/trace_window.h"
#include "controller/judge/verdict.h"

namespace serin::judge {

/// The seconds of a recorded deploy, one after the other, as the live judge would have got them. A control that loads
/// the release itself (#loaded) leaves; when fewer than three are left by that, or such a trace has no more seconds,
/// the recording is over: what would have been seen then, had the fleet stayed on the old release, nobody knows. A
/// trace whose controls never load is never over: behind its end nothing is heard from anybody. The trace and the
/// window must live as long. Pure.
class Recording {
 public:
  Recording(const Trace& trace, const TraceWindow& window);

  struct Second {
    std::int64_t second = 0;
    std::vector<Counts> counts;        ///< in the window's order
    std::vector<std::size_t> leaving;  ///< controls that are none any more from this second on
  };
  /// Nothing when the recording is over.
  std::optional<Second> next();

 private:
  const Trace& trace_;
  const TraceWindow& window_;
  std::int64_t second_;
  std::size_t controls_ = 0;
  bool controls_load_ = false;
  bool first_ = true;
};

inline constexpr std::string_view kTraceEnded = "trace-ended";

/// Inconclusive, kTraceEnded: the judge was undecided when the recording was over.
Verdict trace_ended(Verdict undecided);

}  // namespace serin::judge
