#include <fmt/format.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "agent/agent_config.h"
#include "agent/agent_loop.h"
#include "protocol/digest.h"
#include "protocol/posix/key_file.h"
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

int run_daemon(const serin::agent::AgentSettings& settings) {
  // Threads that share one arena can give back what a large step needed (see StepWorker): of arenas of their own
  // malloc_trim() leaves the end as it is, which may be all of it.
  ::mallopt(M_ARENA_MAX, 1);
  serin::posix::begin_log(settings.log_level);
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
  CLI11_PARSE(app, argc, argv);

  const auto settings = serin::posix::read_settings(config, serin::agent::parse_agent_settings);
  if (only_check) return serin::posix::check_settings("serin-agent", config, settings);
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
