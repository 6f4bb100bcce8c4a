// A rollout in words: names, counts, the last line.
#include <fmt/format.h>

#include <chrono>

#include "controller/rollout/move.h"
#include "protocol/text.h"

namespace serin::rollout {

namespace {

/// Where a host stands when the deployment goes back, and when it goes on.
enum class Standing { ok, failed, in_flight, left, absent };

bool goes_back(const Rollout& rollout) {
  return rollout.ending == Ending::taken_back || rollout.ending == Ending::aborted;
}

Standing standing_forward(HostStep step) {
  switch (step) {
    case HostStep::loaded:
      return Standing::ok;
    case HostStep::unchanged:
    case HostStep::taken_back:
    case HostStep::broken:
    case HostStep::overdue:
      return Standing::failed;
    case HostStep::staging:
    case HostStep::activating:
    case HostStep::returning:
    case HostStep::returned:
      return Standing::in_flight;
    case HostStep::waiting:
    case HostStep::staged:
      return Standing::left;
    case HostStep::absent:
      return Standing::absent;
  }
  return Standing::left;
}

Standing standing_back(HostStep step) {
  switch (step) {
    case HostStep::waiting:
    case HostStep::staging:
    case HostStep::staged:
    case HostStep::unchanged:
    case HostStep::taken_back:
    case HostStep::returned:
      return Standing::ok;
    case HostStep::loaded:  // nothing to go back to
    case HostStep::broken:
    case HostStep::overdue:
      return Standing::failed;
    case HostStep::activating:
    case HostStep::returning:
      return Standing::in_flight;
    case HostStep::absent:
      return Standing::absent;
  }
  return Standing::left;
}

Standing standing(const Rollout& rollout, const PlanHost& host) {
  if (goes_back(rollout)) return standing_back(host.step);
  const bool ahead = host.step == HostStep::staging && host.stage > rollout.stage;
  return ahead ? Standing::left : standing_forward(host.step);
}

/// "; 2 lack it: web-03 (absent), ..."; broken ones first: they need a person.
std::string lacking_text(const Rollout& rollout, std::string_view what) {
  constexpr std::size_t kShown = 10;
  std::vector<const PlanHost*> lacking;
  for (const PlanHost& host : rollout.hosts) {
    const Standing where = standing(rollout, host);
    if (where == Standing::ok || (goes_back(rollout) && where == Standing::absent)) continue;
    lacking.insert(host.step == HostStep::broken ? lacking.begin() : lacking.end(), &host);
  }
  if (lacking.empty()) return {};
  std::string text = fmt::format("; {} {}: ", lacking.size(), what);
  for (std::size_t i = 0; i < lacking.size() && i < kShown; ++i) {
    text += (i == 0 ? "" : ", ") + host_text(*lacking[i]);
  }
  if (lacking.size() > kShown) text += fmt::format(" and {} more", lacking.size() - kShown);
  return text;
}

std::string released_text(const Rollout& rollout, const Counts& counts) {
  std::string text = fmt::format("released r{} on {} of {} hosts", rollout.release, counts.ok, counts.total);
  if (rollout.started_at != SteadyTime{}) {
    const auto seconds = std::chrono::duration<double>(rollout.phase_since - rollout.started_at).count();
    text += seconds < 10 ? fmt::format(" in {:.1f} s", seconds) : fmt::format(" in {:.0f} s", seconds);
  }
  if (rollout.rollback) {
    text += rollout.force ? " (rollback, forced)" : " (rollback)";
  } else if (rollout.force) {
    text += " (forced: no checks, no verdict)";
  } else if (rollout.first_release) {
    text += " (no verdict: first release)";
  } else if (rollout.forced_on) {
    text += fmt::format(" ({})", rollout.reason);
  }
  return text + lacking_text(rollout, "lack it and catch up");
}

std::string back_text(const Rollout& rollout) {
  std::size_t touched = 0;
  std::size_t back = 0;
  for (const PlanHost& host : rollout.hosts) {
    if (!host.touched) continue;
    ++touched;
    if (standing(rollout, host) == Standing::ok) ++back;
  }
  const std::string what =
      rollout.ending == Ending::aborted
          ? rollout.reason
          : fmt::format("{}: {}", rollout.phase == Phase::finished ? "taken back" : "going back", rollout.reason);
  if (touched == 0) return fmt::format("{}; r{} was not live on any host", what, rollout.release);
  return fmt::format("{}; {} of {} hosts that had r{} are on their former release, {} never had it{}", what, back,
                     touched, rollout.release, rollout.hosts.size() - touched,
                     lacking_text(rollout, rollout.phase == Phase::finished ? "may still run it" : "are on their way"));
}

}  // namespace

std::string_view name_of(HostStep step) {
  switch (step) {
    case HostStep::waiting:
      return "waiting";
    case HostStep::staging:
      return "staging";
    case HostStep::staged:
      return "staged";
    case HostStep::activating:
      return "activating";
    case HostStep::loaded:
      return "loaded";
    case HostStep::unchanged:
      return "unchanged";
    case HostStep::taken_back:
      return "taken back";
    case HostStep::broken:
      return "broken";
    case HostStep::overdue:
      return "overdue";
    case HostStep::returning:
      return "returning";
    case HostStep::returned:
      return "returned";
    case HostStep::absent:
      return "absent";
  }
  return "unknown";
}

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::rolling:
      return "rolling";
    case Phase::soaking:
      return "soaking";
    case Phase::held:
      return "held";
    case Phase::going_back:
      return "going_back";
    case Phase::finished:
      return "finished";
  }
  return "unknown";
}

std::string_view name_of(Ending ending) {
  switch (ending) {
    case Ending::none:
      return "none";
    case Ending::released:
      return "released";
    case Ending::taken_back:
      return "taken_back";
    case Ending::aborted:
      return "aborted";
    case Ending::superseded:
      return "superseded";
  }
  return "unknown";
}

std::string names_text(const std::vector<HostName>& names) {
  constexpr std::size_t kShown = 10;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

std::string failure_text(const Outcome& outcome) {
  constexpr std::size_t kOutputBytes = 1'000;
  std::string text = printable(outcome.step, 100);
  if (outcome.exit_status != 0) text += fmt::format("{}exit {}", text.empty() ? "" : ", ", outcome.exit_status);
  if (outcome.result == StepResult::unknown) text += text.empty() ? "an outcome of a newer agent" : "";
  std::string_view output = outcome.output;
  // A program says at the end what went wrong.
  const bool cut = output.size() > kOutputBytes;
  if (cut) output.remove_prefix(output.size() - kOutputBytes);
  while (!output.empty() && output.back() == '\n') output.remove_suffix(1);
  if (!output.empty()) {
    text += fmt::format("{}{}{}", text.empty() ? "" : ": ", cut ? "… " : "", printable(output, 2 * kOutputBytes));
  }
  return text.empty() ? "no reason given" : text;
}

std::string host_text(const PlanHost& host) {
  constexpr std::size_t kDetailBytes = 300;
  if (host.detail.empty()) return fmt::format("{} ({})", host.host, name_of(host.step));
  return fmt::format("{} ({}: {})", host.host, name_of(host.step), printable(host.detail, kDetailBytes));
}

Counts count_hosts(const Rollout& rollout) {
  Counts counts{.total = rollout.hosts.size()};
  for (const PlanHost& host : rollout.hosts) {
    switch (standing(rollout, host)) {
      case Standing::ok:
        ++counts.ok;
        break;
      case Standing::failed:
        ++counts.failed;
        break;
      case Standing::in_flight:
        ++counts.in_flight;
        break;
      case Standing::left:
        ++counts.left;
        break;
      case Standing::absent:
        ++counts.absent;
        break;
    }
  }
  return counts;
}

std::string former_text(ReleaseNumber former) {
  if (former == kAdopted) return "the adopted folder";
  return former == 0 ? "-" : fmt::format("r{}", former);
}

int exit_code(const Rollout& rollout) {
  if (rollout.phase == Phase::held) return 4;
  const Counts counts = count_hosts(rollout);
  switch (rollout.ending) {
    case Ending::released:
      return counts.ok == counts.total ? 0 : 6;
    case Ending::taken_back:
    case Ending::aborted:
      return counts.failed + counts.in_flight == 0 ? 3 : 7;
    case Ending::none:
    case Ending::superseded:
      return 1;
  }
  return 1;
}

std::string summary(const Rollout& rollout) {
  const Counts counts = count_hosts(rollout);
  switch (rollout.phase) {
    case Phase::held:
      return fmt::format("held: {}; `serin continue` goes on, `serin abort` takes it back", rollout.reason);
    case Phase::going_back:
      return back_text(rollout);
    case Phase::rolling:
    case Phase::soaking:
      return fmt::format("r{} is {}, stage {}: {} of {} hosts run it", rollout.release, name_of(rollout.phase),
                         rollout.stages[rollout.stage].name, counts.ok, counts.total);
    case Phase::finished:
      break;
  }
  if (rollout.ending == Ending::released) return released_text(rollout, counts);
  if (goes_back(rollout)) return back_text(rollout);
  return fmt::format("ended: {}; {} of {} hosts ran r{}", rollout.reason, counts.ok, counts.total, rollout.release);
}

}  // namespace serin::rollout
