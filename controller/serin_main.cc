#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>

#include "controller/controller_config.h"
#include "controller/judge_command_file.h"
#include "controller/operate/operator_session_socket.h"
#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/posix/settings_file.h"
#include "protocol/text.h"

namespace {

using serin::OperatorRequest;

constexpr std::size_t kFileBytesMax = 1U << 20;
constexpr int kError = 1;
constexpr int kUsage = 2;
constexpr std::chrono::seconds kWatchEvery{2};

/// What the commands have in common, and where each leaves its request.
struct Line {
  OperatorRequest request;
  std::string run_dir = "/run/serin";
  bool json = false;
  bool follows = false;  ///< it begins or moves a deployment and shows it
  std::string wait;
  std::string since;
  bool watch = false;
  std::string path;  ///< of sync-file
  std::string import_file;
  std::string check_file = "/etc/serin/controller.toml";
  bool check = false;
  serin::controller::JudgeCommand judge;
};

int fail(const std::string& text, int code) {
  fmt::print(stderr, "serin: {}\n", text);
  return code;
}

/// A command of this verb; `-a` chooses the application.
CLI::App* add_verb(CLI::App& app, Line& line, const std::string& name, const std::string& verb,
                   const std::string& what) {
  CLI::App* command = app.add_subcommand(name, what);
  command->add_option("-a,--application", line.request.application, "which application (when there are several)");
  command->add_flag("--json", line.json, "one JSON document a line");
  command->parse_complete_callback([&line, verb, command] {
    if (command->get_subcommands().empty()) line.request.verb = verb;
  });
  return command;
}

void add_deploying(CLI::App* command, Line& line) {
  command->add_flag("--force", line.request.force, "no checks and no verdict: all hosts at once");
  command->add_option("--wait", line.wait, "how long the canaries are watched, e.g. 20s (default: as configured)");
  command->add_flag("--dry-run", line.request.dry_run, "show what would change, deploy nothing");
  command->add_flag("--detach", line.request.detach, "do not wait for the end");
  command->add_flag("--yes", line.request.yes, "end a running deployment without asking");
  command->add_flag("--yes-delete", line.request.yes_delete, "the source may delete more than delete_limit_percent");
  command->final_callback([&line] { line.follows = true; });
}

void add_deploys(CLI::App& app, Line& line) {
  CLI::App* deploy = add_verb(app, line, "deploy", "deploy", "release the source tree, or only the PATHs of it");
  deploy->add_option("PATH", line.request.arguments, "only these; a path that is gone is removed");
  deploy->add_option("-m,--message", line.request.message, "what and why, for the others");
  add_deploying(deploy, line);

  CLI::App* file = add_verb(app, line, "sync-file", "deploy", "deploy PATH -m MESSAGE, as in Scap");
  file->add_option("PATH", line.path)->required();
  file->add_option("MESSAGE", line.request.message)->required();
  add_deploying(file, line);

  CLI::App* world = add_verb(app, line, "sync-world", "deploy", "deploy -m MESSAGE, as in Scap");
  world->add_option("MESSAGE", line.request.message)->required();
  add_deploying(world, line);

  CLI::App* rollback = add_verb(app, line, "rollback", "rollback", "go back to an older release (default: the former)");
  rollback->add_option("RELEASE", line.request.arguments, "such as r12")->expected(0, 1);
  rollback->add_option("-m,--message", line.request.message, "why");
  rollback->add_flag("--force", line.request.force, "also to a release that never passed");
  rollback->add_flag("--detach", line.request.detach, "do not wait for the end");
  rollback->add_flag("--yes", line.request.yes, "end a running deployment without asking");
  rollback->final_callback([&line] { line.follows = true; });
}

void add_others(CLI::App& app, Line& line) {
  add_verb(app, line, "status", "status", "the fleet and the running deployment");
  CLI::App* errors = add_verb(app, line, "errors", "errors", "what the fleet logs now: counts and messages");
  errors->add_option("APPLICATION", line.request.application, "the same as -a");
  errors->add_option("--since", line.since, "how far back, e.g. 30s (default: 10m, the most that is kept)");
  errors->add_option("--group", line.request.group, "only canary, proxy, fleet, or hosts with this label");
  errors->add_flag("--watch", line.watch, "again every two seconds, until Ctrl-C");
  CLI::App* abort = add_verb(app, line, "abort", "abort", "take the running or held deployment back");
  abort->add_flag("--detach", line.request.detach, "do not wait for the end");
  CLI::App* resume = add_verb(app, line, "continue", "continue", "let a held deployment go on (recorded like a force)");
  resume->add_flag("--detach", line.request.detach, "do not wait for the end");
  CLI::App* attach = add_verb(app, line, "attach", "attach", "show the running deployment again");
  attach->add_option("DEPLOYMENT", line.request.arguments, "its number")->expected(0, 1);
  CLI::App* show = add_verb(app, line, "show", "show", "one deployment: its verdict, its hosts");
  show->add_option("DEPLOYMENT", line.request.arguments, "its number (default: the newest)")->expected(0, 1);
  show->add_flag("--trace", line.request.trace, "what its hosts counted, as CSV for `serin judge`");
  show->add_option("--source", line.request.name, "of the trace: agents (the default), logstash or prometheus");
  CLI::App* tune = add_verb(app, line, "tune", "tune", "what the judge would have said of the past; better settings");
  tune->add_option("APPLICATION", line.request.application, "the same as -a");
  CLI::App* history = add_verb(app, line, "history", "history", "the newest deployments");
  history->add_option("COUNT", line.request.arguments, "how many (20)")->expected(0, 1);
}

void add_upkeep(CLI::App& app, Line& line) {
  CLI::App* verify =
      add_verb(app, line, "verify", "verify", "compare hosts' live trees, byte by byte, with their releases");
  verify->add_flag("--repair", line.request.repair, "restore what differs, and remove what does not belong there");
  verify->add_option("APPLICATION_OR_HOST", line.request.arguments,
                     "the application, then hosts or patterns (default: all that are connected)");

  CLI::App* collect = add_verb(app, line, "gc", "gc", "remove what no kept release needs (it runs by itself, too)");
  collect->add_flag("--dry-run", line.request.dry_run, "say what would go, and why each release is kept");
}

void add_hosts(CLI::App& app, Line& line) {
  CLI::App* hosts = add_verb(app, line, "hosts", "hosts list", "who is there and which keys wait");
  hosts->require_subcommand(0, 1);
  add_verb(*hosts, line, "list", "hosts list", "the same");
  CLI::App* accept = add_verb(*hosts, line, "accept", "hosts accept", "admit a key under a name");
  accept->add_option("KEY", line.request.arguments, "as `serin hosts` shows it, or its first digits")
      ->required()
      ->expected(1);
  accept->add_option("--name", line.request.name, "the host's name")->required();
  accept->add_option("--label", line.request.labels, "for groups, such as canary; may be repeated")->take_all();
  CLI::App* import =
      add_verb(*hosts, line, "import", "hosts import", "admit many: a line KEY NAME [LABEL...] for each");
  import->add_option("FILE", line.import_file)->required();
  CLI::App* revoke = add_verb(*hosts, line, "revoke", "hosts revoke", "refuse a host from now on");
  revoke->add_option("NAME", line.request.arguments)->required()->expected(1);
}

void add_evidence(CLI::App& app, Line& line) {
  CLI::App* evidence = app.add_subcommand("evidence", "where the judges' counts come from");
  evidence->require_subcommand(1);
  CLI::App* test =
      add_verb(*evidence, line, "test", "evidence test", "ask each source now: what matches, and what not");
  test->add_option("APPLICATION", line.request.application, "the same as -a");
}

void add_config(CLI::App& app, Line& line) {
  CLI::App* config = app.add_subcommand("config", "the controller's configuration");
  config->require_subcommand(1);
  CLI::App* check = config->add_subcommand("check", "read it and tell what is wrong (agents: serin-agent --check)");
  check->add_option("FILE", line.check_file)->capture_default_str();
  check->parse_complete_callback([&line] { line.check = true; });
}

void add_judge(CLI::App& app, Line& line) {
  CLI::App* judge = app.add_subcommand("judge", "judge a recorded trace again, without the daemon");
  judge->add_option("TRACE", line.judge.file, "second,host,role,errors,lines and #deploy=SECOND; - is standard input")
      ->required();
  judge->add_option("--judge", line.judge.judge, "sequential or fixed (default: as the trace says, else sequential)");
  judge->add_option("--horizon", line.judge.horizon, "seconds until it must answer (default: 60)");
  judge->add_option("--set", line.judge.settings, "KEY=VALUE, another number of the judge; may be repeated")
      ->take_all();
  judge->add_flag("--explain", line.judge.explain, "every second, and what each safeguard said");
  judge->add_flag("--json", line.judge.json, "one JSON document");
}

int judge_trace(const serin::controller::JudgeCommand& command) {
  const auto text = serin::controller::run_judge(command);
  if (!text) return fail(text.error().text, kError);
  fmt::print("{}", *text);
  return std::fflush(stdout) == 0 ? 0 : fail("cannot write to standard output", kError);
}

/// What was typed after `option`; untouched when nothing was.
serin::Result<void> read_duration(const std::string& option, const std::string& typed, std::int64_t& to) {
  if (typed.empty()) return {};
  const auto duration = serin::parse_duration(typed);
  if (!duration) {
    return serin::failure(serin::ErrorKind::invalid, fmt::format("{}: '{}' is no length of time: write 20s or 1m30s",
                                                                 option, serin::printable(typed, 40)));
  }
  to = duration->count();
  return {};
}

/// What only this process knows.
serin::Result<void> complete(Line& line) {
  std::error_code error;
  line.request.cwd = std::filesystem::current_path(error).string();
  if (const char* sudo = std::getenv("SUDO_USER"); sudo != nullptr) line.request.sudo_user = sudo;
  if (!line.path.empty()) line.request.arguments = {line.path};
  if (auto wait = read_duration("--wait", line.wait, line.request.wait_ms); !wait) return wait;
  if (auto since = read_duration("--since", line.since, line.request.since_ms); !since) return since;
  if (line.request.message.size() > serin::limits::kMessageBytesMax) {
    return serin::failure(serin::ErrorKind::invalid, fmt::format("the message has {}: {} is the most",
                                                                 serin::bytes_text(line.request.message.size()),
                                                                 serin::bytes_text(serin::limits::kMessageBytesMax)));
  }
  if (line.import_file.empty()) return {};
  auto text = serin::posix::read_file(line.import_file, kFileBytesMax);
  if (!text) return std::unexpected(text.error());
  line.request.message = std::move(*text);
  return {};
}

int run(int argc, char** argv) {
  CLI::App app{"Deploys an application to a fleet, canaries first, and takes it back when they fail. See serin(1)."};
  Line line;
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--run-dir", line.run_dir, "where the daemon's operator.sock is")->capture_default_str();
  app.set_version_flag("--version", SERIN_VERSION);
  add_deploys(app, line);
  add_others(app, line);
  add_upkeep(app, line);
  add_hosts(app, line);
  add_evidence(app, line);
  add_config(app, line);
  add_judge(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (line.check) {
    const auto settings = serin::posix::read_settings(line.check_file, serin::controller::parse_controller_settings);
    return serin::posix::check_settings("serin", line.check_file, settings);
  }
  if (!line.judge.file.empty()) return judge_trace(line.judge);
  if (auto completed = complete(line); !completed) return fail(completed.error().text, kUsage);
  return serin::operate::run_request({.run_dir = line.run_dir,
                                      .json = line.json,
                                      .interrupt_takes_back = line.follows,
                                      .again_after = line.watch ? kWatchEvery : std::chrono::milliseconds{0}},
                                     std::move(line.request));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "serin: %s\n", error.what());
    return kError;
  }
}
