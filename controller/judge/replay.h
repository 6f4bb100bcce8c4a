#pragma once

#include <string>
#include <vector>

#include "controller/judge/sequential_rule.h"
#include "controller/judge/settings_by_name.h"
#include "controller/judge/trace.h"
#include "controller/judge/verdict.h"

namespace serin::judge {

/// One second of a judgement, for people.
struct ReplayedSecond {
  RuleState state;
  std::size_t fail_seconds = 0;
  Verdict verdict;
};

struct Replay {
  JudgeSettings settings;
  Verdict verdict;
  std::vector<HostName> hosts;          ///< what the states' host numbers mean
  std::vector<ReplayedSecond> seconds;  ///< of the sequential judge, when asked for
};

/// Judges a recorded deploy again, with the code and the second-by-second order of the live judge. After the trace's
/// end nothing is heard from anybody. `invalid` for a trace without #deploy or without any host.
Result<Replay> replay(const Trace& trace, const JudgeSettings& settings, bool explain);

/// "FAIL 5", "INCONCLUSIVE 60 no-traffic": the answer, the whole seconds after the deploy, and why there is none.
std::string verdict_line(const Verdict& verdict);

/// The verdict line, its words, and when asked for every second with what each safeguard said.
std::string replay_text(const Replay& replay);
/// The same as one line of JSON.
std::string replay_json(const Replay& replay);

}  // namespace serin::judge
