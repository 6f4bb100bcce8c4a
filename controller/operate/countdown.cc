#include "controller/operate/countdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace serin::operate {

namespace {

using Waits = rollout::Progress::Waits;

/// Of the agents, if the verdict still waits for theirs.
const Waits* agents_of(const rollout::Rollout& rollout) {
  const auto& waits = rollout.progress.waits;
  const auto found = std::ranges::find(waits, name_of(evidence::SourceKind::agents), &Waits::source);
  return found == waits.end() ? nullptr : &*found;
}

/// The server that the verdict waits for longest.
const Waits* last_server(const rollout::Rollout& rollout) {
  const Waits* last = nullptr;
  for (const Waits& waits : rollout.progress.waits) {
    if (&waits != agents_of(rollout) && (last == nullptr || last->ends < waits.ends)) last = &waits;
  }
  return last;
}

}  // namespace

std::string countdown_text(const rollout::Rollout& rollout, Now now) {
  if (rollout.phase != rollout::Phase::soaking || !rollout.soak_from) return {};
  const auto seconds_to = [&](SteadyTime at) {
    return std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::seconds>(at - now.steady).count());
  };
  const Waits* server = last_server(rollout);
  const SteadyTime ends = *rollout.soak_from + rollout.wait;
  const bool late = server != nullptr && !server->why.empty();
  const std::string why = late ? fmt::format(": {} {}", server->source, server->why) : "";
  if (server == nullptr || (agents_of(rollout) != nullptr && server->ends <= ends)) {
    if (ends <= now.steady) return ", waiting for the last reports";
    const bool ends_early = rollout.judge == controller::JudgeKind::sequential;
    return fmt::format(", verdict {} {} s{}", ends_early ? "within" : "in", seconds_to(ends), why);
  }
  const std::int64_t at_most = seconds_to(server->at_most);
  if (server->ends > now.steady) {
    return fmt::format(", verdict in {} s{}{}", seconds_to(server->ends), why,
                       late ? fmt::format(", {} s at most", at_most) : "");
  }
  return fmt::format(", waiting for {}{}, {} s at most", server->source,
                     late ? fmt::format(", which {}", server->why) : "", at_most);
}

}  // namespace serin::operate
