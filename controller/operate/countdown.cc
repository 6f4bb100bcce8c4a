#include "controller/operate/countdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace serin::operate {

namespace {

/// The source that the verdict waits for longest.
const rollout::Progress::Waits* last_source(const rollout::Rollout& rollout) {
  const auto& waits = rollout.progress.waits;
  const auto last =
      std::max_element(waits.begin(), waits.end(), [](const auto& a, const auto& b) { return a.ends < b.ends; });
  return last == waits.end() ? nullptr : &*last;
}

}  // namespace

std::string countdown_text(const rollout::Rollout& rollout, Now now) {
  if (rollout.phase != rollout::Phase::soaking || !rollout.soak_from) return {};
  const auto seconds_to = [&](SteadyTime at) {
    return std::chrono::ceil<std::chrono::seconds>(at - now.steady).count();
  };
  const SteadyTime ends = *rollout.soak_from + rollout.wait;
  const auto* source = last_source(rollout);
  if (source == nullptr || source->ends <= ends) {
    if (ends <= now.steady) return ", waiting for the last reports";
    const bool ends_early = rollout.judge == controller::JudgeKind::sequential;
    return fmt::format(", verdict {} {} s", ends_early ? "within" : "in", seconds_to(ends));
  }
  const std::string why = source->why.empty() ? "" : fmt::format(": {} {}", source->source, source->why);
  if (source->ends > now.steady) {
    return fmt::format(", verdict in {} s{}{}", seconds_to(source->ends), why,
                       why.empty() ? "" : fmt::format(", {} s at most", seconds_to(source->at_most)));
  }
  return fmt::format(", waiting for {}{}, {} s at most", source->source,
                     source->why.empty() ? "" : fmt::format(", which {}", source->why),
                     std::max<std::int64_t>(0, seconds_to(source->at_most)));
}

}  // namespace serin::operate
