#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "controller/controller_config.h"
#include "controller/daemon_loop.h"
#include "controller/operate/announce_process.h"
#include "protocol/posix/folder_owner.h"
#include "protocol/posix/link_socket.h"
#include "protocol/posix/service_log.h"
#include "protocol/posix/settings_file.h"

namespace {

/// EX_CONFIG of sysexits.h: the unit does not start again what cannot mend itself.
constexpr int kBadConfiguration = 78;

int fail(const std::string& text) {
  fmt::print(stderr, "serin-controller: {}\n", text);
  return 1;
}

/// --print-keys: keys that are made now are the daemon's, not root's.
int print_public_keys(const std::string& state_dir) {
  if (const auto became = serin::posix::become_owner_of(state_dir); !became) return fail(became.error().text);
  const auto text = serin::controller::public_keys_text(state_dir);
  if (!text) return fail(text.error().text);
  fmt::print("{}", *text);
  return 0;
}

int run_daemon(const serin::controller::ControllerSettings& settings) {
  serin::posix::tune_malloc_for_bulk();
  serin::operate::ignore_children();
  serin::posix::begin_log(settings.log_level);
  if (const auto own = serin::posix::check_own_folder(settings.state_dir, "serin-controller"); !own) {
    return fail(own.error().text);
  }
  auto daemon = serin::controller::DaemonLoop::open(settings);
  if (!daemon) return fail(daemon.error().text);
  daemon->run();
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app{"The daemon on the deploy host: builds releases, rolls them out, judges them. See serin-controller(8)."};
  std::string config = "/etc/serin/controller.toml";
  bool print_keys = false;
  bool only_check = false;
  app.add_option("--config", config, "configuration file")->capture_default_str();
  app.add_flag("--print-keys", print_keys,
               "print the public keys as lines of agent.toml, make them if missing, and end");
  app.add_flag("--check", only_check, "say whether the configuration is good, or every mistake in it, and end");
  app.set_version_flag("--version", SERIN_VERSION);
  CLI11_PARSE(app, argc, argv);

  const auto settings = serin::posix::read_settings(config, serin::controller::parse_controller_settings);
  if (only_check) return serin::posix::check_settings("serin-controller", config, settings);
  if (!settings) {
    serin::posix::print_settings_error("serin-controller", settings.error());
    return kBadConfiguration;
  }
  if (print_keys) return print_public_keys(settings->state_dir);
  return run_daemon(*settings);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "serin-controller: %s\n", error.what());
    return 1;
  }
}
