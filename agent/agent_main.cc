#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent_config.h"
#include "agent/agent_loop.h"
#include "agent/count/count_command_file.h"
#include "agent/count/source_matcher.h"
#include "protocol/digest.h"
#include "protocol/posix/key_file.h"
#include "protocol/posix/link_socket.h"
#include "protocol/posix/service_log.h"
#include "protocol/posix/settings_file.h"

namespace {

/// EX_CONFIG of sysexits.h: the unit does not start again what cannot mend itself.
constexpr int kBadConfiguration = 78;

int fail(const std::string& text) {
  fmt::print(stderr, "serin-agent: {}\n", text);
  return 1;
}

int print_key(const serin::agent::AgentSettings& settings) {
  const auto keys = serin::posix::load_or_make_curve_keys(std::filesystem::path(settings.state_dir) / "keys" / "agent");
  if (!keys) return fail(keys.error().text);
  fmt::print("{}\n", serin::to_hex(keys->public_key));
  return 0;
}

std::vector<std::string> slow_rules(const serin::agent::AgentSettings& settings) {
  std::vector<std::string> all;
  for (const auto& [name, application] : settings.applications) {
    for (auto& line : serin::count::slow_rules_of(application)) all.push_back(std::move(line));
  }
  return all;
}

int check(const std::string& config, const serin::Result<serin::agent::AgentSettings>& settings) {
  const int status = serin::posix::check_settings("serin-agent", config, settings);
  if (settings) {
    for (const auto& slow : slow_rules(*settings)) fmt::print(stderr, "{}: {}\n", config, slow);
  }
  return status;
}

void offer_count(CLI::App& app, serin::count::CountCommand& count) {
  CLI::App& command = *app.add_subcommand("count", "count errors in logs as the agent does, once: to try rules");
  command.add_option("--rules", count.rules, "agent.toml, or a file with a source's keys and [[rule]] tables")
      ->required();
  command.add_option("--application", count.application, "whose rules, when FILE has several applications");
  command.add_option("--source", count.source, "path of the source as which the logs are counted");
  command.add_option("--top", count.top, "how many messages are shown")->capture_default_str();
  command.add_flag("--json", count.json, "one line of JSON");
  command.add_option("LOG", count.logs, "log files; - is standard input")->required();
}

int run_daemon(const serin::agent::AgentSettings& settings) {
  // Threads that share one arena can give back what a large step needed (see StepWorker): of arenas of their own
  // malloc_trim() leaves the end as it is, which may be all of it.
  ::mallopt(M_ARENA_MAX, 1);
  if (settings.proxy.port != 0) serin::posix::tune_malloc_for_bulk();
  serin::posix::begin_log(settings.log_level);
  for (const auto& slow : slow_rules(settings)) spdlog::warn("{}", slow);
  auto agent = serin::agent::AgentLoop::open(settings);
  if (!agent) return fail(agent.error().text);
  agent->run();
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app{
      "The agent on every app server: pulls releases, switches to them, counts error lines. See serin-agent(8)."};
  std::string config = "/etc/serin/agent.toml";
  bool print = false;
  bool only_check = false;
  app.add_option("--config", config, "configuration file")->capture_default_str();
  app.add_flag("--print-key", print,
               "print this host's public key (for `serin hosts accept`), make it if missing, and end");
  app.add_flag("--check", only_check, "say whether the configuration is good, or every mistake in it, and end");
  app.set_version_flag("--version", SERIN_VERSION);
  serin::count::CountCommand count;
  offer_count(app, count);
  CLI11_PARSE(app, argc, argv);
  if (app.got_subcommand("count")) return serin::count::run_count(count);

  const auto settings = serin::posix::read_settings(config, serin::agent::parse_agent_settings);
  if (only_check) return check(config, settings);
  if (!settings) {
    serin::posix::print_settings_error("serin-agent", settings.error());
    return kBadConfiguration;
  }
  return print ? print_key(*settings) : run_daemon(*settings);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "serin-agent: %s\n", error.what());
    return 1;
  }
}
