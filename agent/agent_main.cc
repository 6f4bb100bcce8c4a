#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "agent/agent_config.h"
#include "agent/agent_loop.h"
#include "protocol/digest.h"
#include "protocol/posix/files.h"
#include "protocol/posix/key_file.h"
#include "protocol/posix/service_log.h"

namespace {

constexpr std::size_t kConfigBytesMax = 1U << 20;
/// EX_CONFIG of sysexits.h: the unit does not start again what cannot mend itself.
constexpr int kBadConfiguration = 78;

int fail(const std::string& text) {
  fmt::print(stderr, "serin-agent: {}\n", text);
  return 1;
}

/// A configuration that cannot be used. The mistakes in it name the file themselves, as compilers do.
void refuse(const serin::Error& error) {
  if (error.kind == serin::ErrorKind::invalid) {
    fmt::print(stderr, "{}\n", error.text);
  } else {
    fail(error.text);
  }
}

serin::Result<serin::agent::AgentSettings> read_settings(const std::string& file) {
  const auto text = serin::posix::read_file(file, kConfigBytesMax);
  if (!text) return std::unexpected(text.error());
  return serin::agent::parse_agent_settings(*text, file);
}

/// --check: what the agent would run with, or every mistake.
int check(const std::string& file) {
  const auto settings = read_settings(file);
  if (!settings) {
    refuse(settings.error());
    return 1;
  }
  std::string names;
  for (const auto& [name, application] : settings->applications) names += (names.empty() ? ": " : ", ") + name;
  const std::size_t count = settings->applications.size();
  fmt::print("{}: good ({} application{}{})\n", file, count, count == 1 ? "" : "s", names);
  return 0;
}

int print_key(const serin::agent::AgentSettings& settings) {
  const auto keys = serin::posix::load_or_make_curve_keys(std::filesystem::path(settings.state_dir) / "keys" / "agent");
  if (!keys) return fail(keys.error().text);
  fmt::print("{}\n", serin::to_hex(keys->public_key));
  return 0;
}

int run_daemon(const serin::agent::AgentSettings& settings) {
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

  if (only_check) return check(config);
  const auto settings = read_settings(config);
  if (!settings) {
    refuse(settings.error());
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
