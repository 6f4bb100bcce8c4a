#include "controller/rollout/evidence_window.h"

#include <algorithm>

#include "protocol/text.h"

namespace serin::rollout {

namespace {

judge::CanaryEvidence evidence_of(const evidence::Source& source, const Rollout& rollout, std::size_t host,
                                  const Window& window) {
  judge::CanaryEvidence evidence{.host = rollout.hosts[host].host,
                                 .before = source.before(host),
                                 .after = source.after(host, window.from, window.until),
                                 .longest_silence_s = source.longest_silence(host, window.from, window.until),
                                 .gap = {},
                                 .lines_known = source.knows_lines()};
  if (auto unknown = source.unknown(host, window.from, window.until)) {
    evidence.gap = std::move(unknown->text);
    evidence.gap_reason = std::move(unknown->reason);
  }
  return evidence;
}

}  // namespace

Window window_of_seconds(const Rollout& rollout, Duration wait) {
  const SteadyTime ends = *rollout.soak_from + wait;
  const std::int64_t until = second_of(ends) + 1;
  return {.from = std::min(second_of(*rollout.soak_from) + 2, until - 1), .until = until, .ends = ends};
}

Window window_of_steps(const Rollout& rollout, Duration wait, std::chrono::seconds step, std::chrono::seconds lead) {
  const std::int64_t from = second_of(*rollout.soak_from) + 2 + lead.count();
  const std::int64_t steps = std::max<std::int64_t>(1, (wait + step - Duration{1}) / step);
  const std::int64_t until = from + steps * step.count();
  return {.from = from, .until = until, .ends = start_of(until)};
}

judge::Verdict judge_window(const evidence::Source& source, const Rollout& rollout, judge::FixedJudgeSettings settings,
                            const Window& window, Now now) {
  if (now.steady < window.ends) return {};
  bool heard = true;
  std::vector<judge::CanaryEvidence> canaries;
  for (std::size_t i = 0; i < rollout.hosts.size(); ++i) {
    const PlanHost& host = rollout.hosts[i];
    if (!rollout.stages[host.stage].judged || host.step != HostStep::loaded) continue;
    canaries.push_back(evidence_of(source, rollout, i, window));
    heard = heard && source.heard(i, window.until - 1);
  }
  if (!heard && now.steady < window.ends + source.patience()) return {};
  settings.wait = window.ends - *rollout.soak_from;
  // What it looks at ends with the wait, however long the answer took.
  judge::Verdict verdict = judge::judge_fixed(settings, canaries, settings.wait);
  verdict.seconds = std::chrono::duration<double>(std::max(now.steady - *rollout.soak_from, settings.wait)).count();
  const auto trouble = source.unknown();
  const bool of_all =
      trouble && std::any_of(canaries.begin(), canaries.end(),
                             [&](const judge::CanaryEvidence& canary) { return canary.gap == trouble->text; });
  if (verdict.answer == judge::Answer::inconclusive && of_all) {
    verdict.reason = trouble->reason;
    verdict.text = "cannot tell: " + printable(trouble->text, 600);
  }
  if (const std::string messages = source.top_messages(); !messages.empty() && verdict.answer == judge::Answer::fail) {
    verdict.text += "; " + messages;
  }
  return verdict;
}

}  // namespace serin::rollout
