#include "controller/judge_command_file.h"

#include <fmt/format.h>

#include "controller/judge/replay.h"
#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::controller {

namespace {

/// Those of the trace, then what was typed.
Result<judge::JudgeSettings> settings_of(const JudgeCommand& command, const judge::Trace& trace) {
  judge::JudgeSettings settings;
  const std::string of_trace = trace.judge.empty() ? "sequential" : trace.judge;
  const std::string chosen = command.judge.empty() ? of_trace : command.judge;
  if (chosen == "fixed") {
    settings.kind = judge::JudgeKind::fixed;
  } else if (chosen != "sequential") {
    return failure(ErrorKind::invalid,
                   fmt::format("--judge: '{}' is no judge: write sequential or fixed", printable(chosen, 40)));
  }
  if (chosen == of_trace) {
    for (const std::string& assignment : trace.settings) {
      if (auto set = judge::set_by_name(settings, assignment); !set) return failure(set.error(), "#set");
    }
  }
  std::vector<std::string> assignments = command.settings;
  if (!command.horizon.empty()) {
    assignments.push_back((settings.kind == judge::JudgeKind::fixed ? "wait=" : "horizon=") + command.horizon);
  }
  for (const std::string& assignment : assignments) {
    if (auto set = judge::set_by_name(settings, assignment); !set) return std::unexpected(set.error());
  }
  return settings;
}

}  // namespace

Result<std::string> run_judge(const JudgeCommand& command) {
  // What was typed wrong is told before anything is read; whose numbers it names, the trace may have to say.
  JudgeCommand as_fixed = command;
  as_fixed.judge = "fixed";
  const auto typed = settings_of(command, {});
  if (!typed && (!command.judge.empty() || !settings_of(as_fixed, {}))) return std::unexpected(typed.error());
  const bool piped = command.file == "-";
  const auto csv = posix::read_file(piped ? "/dev/stdin" : command.file, limits::kTraceBytesMax);
  if (!csv) return std::unexpected(csv.error());
  const std::string name = piped ? "standard input" : printable(command.file);
  const auto trace = judge::parse_trace(*csv);
  if (!trace) return failure(trace.error(), name);
  const auto settings = settings_of(command, *trace);
  if (!settings) return failure(settings.error(), name);
  const auto replayed = judge::replay(*trace, *settings, command.explain);
  if (!replayed) return failure(replayed.error(), name);
  return command.json ? judge::replay_json(*replayed) : judge::replay_text(*replayed);
}

}  // namespace serin::controller
