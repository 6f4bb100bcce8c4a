#include "controller/judge/tune.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/judge/recording.h"
#include "controller/judge/sequential_judge.h"
#include "controller/judge/settings_by_name.h"
#include "controller/judge/settle_estimate.h"
#include "controller/judge/trace_window.h"

namespace serin::judge {

namespace {

constexpr std::int64_t kStride = 30;
constexpr double kManyHolds = 0.2;  ///< of the good releases

/// A deploy that could have been in a trace.
struct Window {
  const Trace* trace = nullptr;
  std::int64_t deploy = 0;
  std::vector<std::size_t> canaries;  ///< empty: those of the trace
};

std::vector<Window> windows_of(std::span<const Trace> releases) {
  std::vector<Window> windows;
  for (const Trace& trace : releases) {
    if (trace.deploy && !trace.hosts.empty()) windows.push_back({&trace, *trace.deploy, {}});
  }
  return windows;
}

/// The trace's canaries, or every tenth host when it has none.
std::vector<std::size_t> stand_ins(const Trace& trace) {
  std::vector<std::size_t> hosts;
  for (std::size_t i = 0; i < trace.hosts.size(); ++i) {
    if (trace.hosts[i].role == Role::canary) return {};
    if (i % 10 == 0) hosts.push_back(i);
  }
  return hosts;
}

std::vector<Window> ordinary_windows(std::span<const Trace> ordinary, const SequentialSettings& settings) {
  std::vector<Window> windows;
  for (const Trace& trace : ordinary) {
    const auto canaries = stand_ins(trace);
    const std::int64_t last =
        trace.first + static_cast<std::int64_t>(trace.length()) - static_cast<std::int64_t>(settings.horizon.count());
    for (std::int64_t deploy = trace.first + settings.baseline_min.count(); deploy <= last; deploy += kStride) {
      if (windows.size() == kTuneWindowsMax) return windows;
      windows.push_back({&trace, deploy, canaries});
    }
  }
  return windows;
}

Verdict verdict_of(const Window& at, const SequentialSettings& settings) {
  const TraceWindow window = window_at(*at.trace, at.deploy, settings, at.canaries);
  SequentialJudge judge(settings, window.baseline);
  Recording recording(*at.trace, window);
  while (judge.verdict().answer == Answer::undecided) {
    const auto second = recording.next();
    if (!second) return trace_ended(judge.verdict());
    judge.leave_controls(second->leaving);
    judge.add_second(second->counts);
  }
  return judge.verdict();
}

TuneCounts count(const std::vector<Window>& windows, const SequentialSettings& settings) {
  TuneCounts counts;
  std::vector<std::size_t> passed;
  for (const Window& window : windows) {
    const Verdict verdict = verdict_of(window, settings);
    ++counts.windows;
    if (verdict.reason == kTraceEnded) {
      ++counts.unknown;
      continue;
    }
    if (verdict.answer == Answer::fail) ++counts.fails;
    if (verdict.answer == Answer::pass) passed.push_back(static_cast<std::size_t>(verdict.seconds));
    if (verdict.answer == Answer::inconclusive) ++counts.holds[verdict.reason];
  }
  counts.passes = passed.size();
  if (passed.empty()) return counts;
  std::sort(passed.begin(), passed.end());
  counts.pass_median = passed[(passed.size() - 1) / 2];
  counts.pass_p95 = passed[(passed.size() * 95 + 99) / 100 - 1];
  return counts;
}

/// More careful settings, the gentlest first.
std::vector<Suggestion> careful(std::span<const Trace> releases, const SequentialSettings& settings) {
  std::vector<Suggestion> changes;
  std::vector<std::chrono::seconds> bursts;
  for (const Trace& trace : releases) {
    if (const auto burst = restart_burst(trace, settings)) bursts.push_back(*burst);
  }
  const auto settle = settle_from(bursts);
  if (settle > settings.settle) {
    changes.push_back({.key = "settle", .value = fmt::format("{}", settle.count()), .why = "restarts take that long"});
  }
  for (const double odds : {100.0, 1'000.0}) {
    if (odds > settings.fail_odds) changes.push_back({.key = "fail_odds", .value = fmt::format("{:g}", odds)});
  }
  for (const double factor : {2.0, 3.0}) {
    if (factor > settings.tolerated) changes.push_back({.key = "tolerated", .value = fmt::format("{:g}", factor)});
  }
  for (Suggestion& change : changes) {
    if (change.why.empty()) change.why = "good releases would have failed";
  }
  return changes;
}

struct History {
  std::span<const Trace> releases, ordinary;
};

/// What the change would have done; the ordinary windows are those of the settings as they are.
void try_out(Suggestion& change, const History& history, const SequentialSettings& settings) {
  JudgeSettings changed{.kind = JudgeKind::sequential, .sequential = settings};
  if (!set_by_name(changed, change.key + "=" + change.value)) return;
  change.releases = count(windows_of(history.releases), changed.sequential);
  change.ordinary = count(ordinary_windows(history.ordinary, changed.sequential), changed.sequential);
}

std::string counts_text(const TuneCounts& counts) {
  if (counts.windows == 0) return "none";
  const auto share = [&](std::size_t of) {
    return 100 * static_cast<double>(of) / static_cast<double>(counts.windows);
  };
  std::string text = fmt::format("{} judged: {} failed ({:.1f} %), {} passed ({:.1f} %", counts.windows, counts.fails,
                                 share(counts.fails), counts.passes, share(counts.passes));
  if (counts.passes > 0) text += fmt::format("; median {} s, 95 % within {} s", counts.pass_median, counts.pass_p95);
  text += fmt::format("), {} held ({:.1f} %)", counts.held(), share(counts.held()));
  if (counts.unknown > 0) {
    text += fmt::format(", {} cannot be told (the fleet went on before that)", counts.unknown);
  }
  for (const auto& [reason, times] : counts.holds) text += fmt::format(", {} {}", times, reason);
  return text;
}

}  // namespace

TuneReport tune(std::span<const Trace> releases, std::span<const Trace> ordinary, const SequentialSettings& settings) {
  TuneReport report{.releases = count(windows_of(releases), settings),
                    .ordinary = count(ordinary_windows(ordinary, settings), settings),
                    .suggestions = {}};
  const History history{releases, ordinary};
  if (report.releases.fails + report.ordinary.fails > 0) {
    for (Suggestion& change : careful(releases, settings)) {
      try_out(change, history, settings);
      if (change.releases.fails + change.ordinary.fails > 0) continue;
      report.suggestions.push_back(std::move(change));
      break;
    }
  }
  const TuneCounts& now = report.releases;
  if (static_cast<double>(now.held()) > kManyHolds * static_cast<double>(now.windows)) {
    Suggestion longer{.key = "horizon",
                      .value = fmt::format("{}", 2 * settings.horizon.count()),
                      .why = "good releases were held for want of evidence"};
    try_out(longer, history, settings);
    if (2 * longer.releases.held() <= now.held() && longer.releases.fails <= now.fails) {
      report.suggestions.push_back(std::move(longer));
    }
  }
  return report;
}

std::string tune_text(const TuneReport& report) {
  std::string text = "good releases: " + counts_text(report.releases) + "\n";
  text += "ordinary hours: " + counts_text(report.ordinary) + "\n";
  if (report.releases.windows + report.ordinary.windows == 0) return text + "nothing is stored to learn from yet\n";
  for (const Suggestion& change : report.suggestions) {
    text += fmt::format("suggested: {} = {} ({})\n  good releases then: {}\n  ordinary hours then: {}\n", change.key,
                        change.value, change.why, counts_text(change.releases), counts_text(change.ordinary));
  }
  if (!report.suggestions.empty()) return text;
  const bool false_fails = report.releases.fails + report.ordinary.fails > 0;
  return text + (false_fails ? "no single change would have avoided the false fails: look at those traces\n"
                             : "keep the settings as they are\n");
}

}  // namespace serin::judge
