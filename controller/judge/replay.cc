#include "controller/judge/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "controller/judge/fixed_judge.h"
#include "controller/judge/recording.h"
#include "controller/judge/sequential_judge.h"
#include "controller/judge/signature_judge.h"
#include "controller/judge/trace_window.h"

namespace serin::judge {

namespace {

constexpr std::int64_t kFixedBaseline = 3'600;

void add_to(Tally& tally, const Counts& counts, std::int64_t step) {
  tally.errors += counts.errors;
  tally.lines += counts.lines;
  tally.seconds += static_cast<std::uint64_t>(step);
}

Verdict rules_differ(const TraceWindow& window) {
  Verdict verdict{.answer = Answer::inconclusive, .judge = "sequential", .reason = "rules-differ"};
  verdict.text = fmt::format(
      "cannot tell: {} of the canaries, {} first, count other errors than most hosts; give all hosts the same rules",
      window.rules_differ.size(), window.rules_differ.front());
  return verdict;
}

/// The history that a trace has: what it says is known, and what its seconds before the deploy show.
std::set<std::string> seen_before(const Trace& trace) {
  std::set<std::string> ids(trace.known.begin(), trace.known.end());
  for (const SignatureCount& at : trace.signatures) {
    if (at.second < *trace.deploy) ids.insert(at.id);
  }
  return ids;
}

/// Those of one second, with the window's host numbers.
std::vector<SignatureCount> signatures_at(const Trace& trace, const TraceWindow& window, std::int64_t second) {
  std::vector<SignatureCount> found;
  auto at =
      std::lower_bound(trace.signatures.begin(), trace.signatures.end(), second,
                       [](const SignatureCount& signature, std::int64_t from) { return signature.second < from; });
  for (; at != trace.signatures.end() && at->second == second; ++at) {
    const auto host = std::find(window.hosts.begin(), window.hosts.end(), at->host);
    if (host == window.hosts.end()) continue;
    const TraceHost& logged = trace.hosts[at->host];
    if (logged.role == Role::control && logged.loaded && *logged.loaded <= second) continue;
    found.push_back(*at);
    found.back().host = static_cast<std::size_t>(host - window.hosts.begin());
  }
  return found;
}

void replay_sequential(const Trace& trace, Replay& to, bool explain) {
  const TraceWindow window = window_at(trace, *trace.deploy, to.settings.sequential);
  for (const HostBaseline& host : window.baseline.hosts) to.hosts.push_back(host.host);
  if (!window.rules_differ.empty()) {
    to.verdict = rules_differ(window);
    return;
  }
  SequentialJudge judge(to.settings.sequential, window.baseline);
  SignatureJudge signatures(to.settings.sequential, judge.weights(), seen_before(trace));
  Recording recording(trace, window);
  while (judge.verdict().answer == Answer::undecided) {
    const auto at = recording.next();
    if (!at) break;
    judge.leave_controls(at->leaving);
    if (!trace.signatures.empty()) {
      signatures.add_second(at->counts, signatures_at(trace, window, at->second));
      judge.name_signatures(signatures.found());
    }
    judge.add_second(at->counts);
    if (explain) to.seconds.push_back({judge.state(), judge.fail_seconds(), judge.verdict()});
  }
  to.verdict = judge.verdict().answer == Answer::undecided ? trace_ended(judge.verdict()) : judge.verdict();
  if (!to.verdict.numbers) return;
  to.verdict.numbers->set_aside.insert(to.verdict.numbers->set_aside.end(), window.set_aside.begin(),
                                       window.set_aside.end());
}

CanaryEvidence evidence_of(const Trace& trace, const TraceWindow& window, std::size_t host, std::int64_t wait) {
  CanaryEvidence evidence{.host = window.baseline.hosts[host].host, .lines_known = trace.lines_known};
  for (const Counts& counts : window.baseline.hosts[host].seconds) {
    if (counts.seen) add_to(evidence.before, counts, trace.step);
  }
  std::uint64_t silence = 0;
  for (std::int64_t second = window.deploy; second < window.deploy + wait; second += trace.step) {
    const Counts counts = counts_at(trace, window, second)[host];
    silence = counts.seen ? 0 : silence + static_cast<std::uint64_t>(trace.step);
    evidence.longest_silence_s = std::max(evidence.longest_silence_s, silence);
    if (counts.seen) add_to(evidence.after, counts, trace.step);
  }
  return evidence;
}

void replay_fixed(const Trace& trace, Replay& to) {
  SequentialSettings before;
  // A trace that names its judge begins where that one began.
  const std::int64_t all = std::max<std::int64_t>(1, *trace.deploy - trace.first);
  before.baseline = std::chrono::seconds{trace.judge.empty() ? kFixedBaseline : all};
  const TraceWindow window = window_at(trace, *trace.deploy, before);
  const std::int64_t wait = std::chrono::ceil<std::chrono::seconds>(to.settings.fixed.wait).count();
  std::vector<CanaryEvidence> canaries;
  for (std::size_t h = 0; h < window.hosts.size(); ++h) {
    if (window.baseline.hosts[h].role == Role::canary) canaries.push_back(evidence_of(trace, window, h, wait));
  }
  to.verdict = judge_fixed(to.settings.fixed, canaries, std::chrono::seconds{wait});
}

}  // namespace

Result<Replay> replay(const Trace& trace, const JudgeSettings& settings, bool explain) {
  if (!trace.deploy)
    return failure(ErrorKind::invalid, "the trace has no line #deploy=SECOND: there is nothing to judge");
  if (trace.hosts.empty()) return failure(ErrorKind::invalid, "the trace has no row: there is nothing to judge");
  if (settings.kind == JudgeKind::sequential && trace.step > 1) {
    return failure(ErrorKind::invalid,
                   fmt::format("the trace is in steps of {} s and the sequential judge looks at single seconds: use "
                               "--judge fixed",
                               trace.step));
  }
  Replay result{.settings = settings, .verdict = {}, .hosts = {}, .seconds = {}};
  if (settings.kind == JudgeKind::fixed) {
    replay_fixed(trace, result);
  } else {
    replay_sequential(trace, result, explain);
  }
  return result;
}

std::string verdict_line(const Verdict& verdict) {
  std::string line{name_of(verdict.answer)};
  std::transform(line.begin(), line.end(), line.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
  line += fmt::format(" {:.0f}", verdict.seconds);
  return verdict.answer == Answer::inconclusive ? line + " " + verdict.reason : line;
}

}  // namespace serin::judge
