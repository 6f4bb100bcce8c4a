#pragma once

#include "controller/evidence/source.h"
#include "controller/judge/verdict.h"
#include "controller/rollout/rollout_state.h"

namespace serin::rollout {

/// The seconds that the fixed judge looks at.
struct Window {
  std::int64_t from = 0, until = 0;  ///< of the controller's clock
  SteadyTime ends{};                 ///< of the wait
  friend bool operator==(const Window&, const Window&) = default;
};

/// Of counts second by second: the wait, without its first seconds (soak_from is set). They are partly the old
/// release's: a host's seconds are aligned to within one. A window has its last second at least.
Window window_of_seconds(const Rollout& rollout, Duration wait);
/// Of counts in steps, which can be asked for from any second on: as many whole ones as the wait takes, at least one,
/// from `lead` after the load on.
Window window_of_steps(const Rollout& rollout, Duration wait, std::chrono::seconds step, std::chrono::seconds lead);

/// What the fixed judge says now of the canaries that have loaded. Undecided before the wait is over. Waits for the
/// evidence of the window to arrive from every canary, but no longer than the source's patience after its end; what is
/// missing then is unknown.
judge::Verdict judge_window(const evidence::Source& source, const Rollout& rollout, judge::FixedJudgeSettings settings,
                            const Window& window, Now now);

}  // namespace serin::rollout
