#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controller/judge/sequential_settings.h"
#include "controller/judge/trace.h"
#include "controller/judge/verdict.h"

namespace serin::judge {

/// What the sequential judge said over many windows.
struct TuneCounts {
  std::size_t windows = 0;
  std::size_t fails = 0;
  std::size_t passes = 0;
  std::size_t unknown = 0;                    ///< the recording is over before an answer
  std::map<std::string, std::size_t> holds;   ///< by reason
  std::size_t pass_median = 0, pass_p95 = 0;  ///< seconds after the deploy; 0 without a pass
  [[nodiscard]] std::size_t held() const { return windows - fails - passes - unknown; }
  friend bool operator==(const TuneCounts&, const TuneCounts&) = default;
};

/// A change of one setting, and what it would have done.
struct Suggestion {
  std::string key, value;  ///< as set_by_name() takes them
  std::string why;
  TuneCounts releases, ordinary;
  friend bool operator==(const Suggestion&, const Suggestion&) = default;
};

struct TuneReport {
  TuneCounts releases;                  ///< deploys that were good: each fail is a false one
  TuneCounts ordinary;                  ///< hours without a deploy, as if one had been in each window
  std::vector<Suggestion> suggestions;  ///< at most one of each kind; empty: keep what is set
  friend bool operator==(const TuneReport&, const TuneReport&) = default;
};

inline constexpr std::size_t kTuneWindowsMax = 5'000;  ///< more ordinary windows are not looked at

/// Judges stored history with `settings`, and with changes of them where it says that one would help. `releases` are
/// traces with #deploy that turned out good; `ordinary` ones are judged at every half minute that has baseline_min
/// before it and the horizon behind it, as long as their canaries, or a tenth of the hosts, were the canaries.
/// Suggestions:
///   false fails   the smallest of some more careful settings that has none; first the settle learnt from the bursts
///   many holds    a longer horizon, where it turns at least half of them into passes without a fail
/// Pure; as long as it takes: windows x hosts x horizon, a few times over.
TuneReport tune(std::span<const Trace> releases, std::span<const Trace> ordinary, const SequentialSettings& settings);

/// For a person: what would have been, and what to change.
std::string tune_text(const TuneReport& report);

}  // namespace serin::judge
