#include "controller/judge/recording.h"

#include <fmt/format.h>

namespace serin::judge {

namespace {

constexpr std::size_t kControlsMin = 3;

}  // namespace

Recording::Recording(const Trace& trace, const TraceWindow& window)
    : trace_(trace), window_(window), second_(window.deploy) {
  for (std::size_t i = 0; i < window.hosts.size(); ++i) {
    if (window.baseline.hosts[i].role == Role::canary) continue;
    ++controls_;
    controls_load_ = controls_load_ || trace.hosts[window.hosts[i]].loaded.has_value();
  }
}

std::optional<Recording::Second> Recording::next() {
  const std::int64_t end = trace_.first + static_cast<std::int64_t>(trace_.length());
  if (controls_load_ && second_ >= end) return std::nullopt;
  Second next{.second = second_, .counts = {}, .leaving = {}};
  for (std::size_t i = 0; i < window_.hosts.size(); ++i) {
    const auto& loaded = trace_.hosts[window_.hosts[i]].loaded;
    if (window_.baseline.hosts[i].role == Role::canary || !loaded) continue;
    if (*loaded == second_ || (first_ && *loaded < second_)) next.leaving.push_back(i);
  }
  first_ = false;
  controls_ -= next.leaving.size();
  if (controls_load_ && controls_ < kControlsMin) return std::nullopt;
  next.counts = counts_at(trace_, window_, second_);
  ++second_;
  return next;
}

Verdict trace_ended(Verdict undecided) {
  undecided.answer = Answer::inconclusive;
  undecided.reason = kTraceEnded;
  undecided.text = fmt::format(
      "cannot tell: after {:.0f} s the release went on to the other hosts, so that nothing more was recorded to "
      "compare "
      "the canaries with",
      undecided.seconds);
  return undecided;
}

}  // namespace serin::judge
