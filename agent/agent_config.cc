#include "agent/agent_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/counting_config.h"
#include "protocol/digest.h"
#include "protocol/limits.h"
#include "protocol/settings_reader.h"
#include "protocol/text.h"
#include "protocol/tree.h"

namespace serin::agent {

namespace {

using namespace std::chrono_literals;
using settings::Key;
using settings::quoted;
using settings::Setting;
using Application = ApplicationSettings;

constexpr std::size_t kKeyBytes = 32;
constexpr std::uint64_t kReadRateMin = 100'000;
constexpr std::uint64_t kReadRateMax = 100'000'000'000;
constexpr Duration kScrubEveryMax = 365 * 24h;
constexpr std::string_view kNameForm = "letters, digits, '.', '-' and '_', not first '.' or '-', at most 64 bytes";

/// Public keys as `serin-controller --print-keys` prints them. What stands there is not shown: it may be a secret one.
void read_keys_list(const Setting& setting, std::vector<std::string>& to) {
  const auto items = setting.items();
  if (!items) return;
  if (items->empty()) {
    setting.refuse("is an empty list: nobody would be trusted",
                   "at least one key, as serin-controller --print-keys says");
  }
  std::vector<std::string> keys;
  for (const Setting& item : *items) {
    const auto digits = item.text();
    if (!digits) continue;
    auto key = from_hex(*digits);
    if (!key || key->size() != kKeyBytes) {
      item.refuse(fmt::format("{} characters that are no key", digits->size()),
                  "64 hexadecimal digits, as serin-controller --print-keys says");
    } else if (key->find_first_not_of(key->front()) == std::string::npos) {
      // Anybody can sign for an Ed25519 key of zeros.
      item.refuse("a placeholder stands where a key must", "the key that serin-controller --print-keys says");
    } else if (std::ranges::find(keys, *key) != keys.end()) {
      item.refuse("the same key stands here twice", "each key once");
    } else {
      keys.push_back(std::move(*key));
    }
  }
  to = std::move(keys);
}

/// HOST:PORT with a name or an address; IPv6 in brackets.
bool is_endpoint(std::string_view text) {
  constexpr std::string_view kScheme = "tcp://";
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
  if (!text.starts_with(kScheme)) return false;
  text.remove_prefix(kScheme.size());
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view port = text.substr(colon + 1);
  std::string_view host = text.substr(0, colon);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos) return false;
  if (const int number = std::stoi(std::string{port}); number < 1 || number > 65'535) return false;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    return !host.empty() && host.find_first_not_of("0123456789abcdefABCDEF:.%") == std::string_view::npos;
  }
  return !host.empty() && host.find_first_not_of(kLetters) == std::string_view::npos;
}

void read_proxy_listen(const Setting& setting, AgentSettings& to) {
  const auto address = setting.text();
  if (!address) return;
  if (!is_bind_address(*address)) {
    setting.refuse(quoted(*address) + " is no address",
                   "\"*\" for all, or an address or a network interface of this machine");
  }
  to.proxy.listen = *address;
}

void read_proxy_address(const Setting& setting, AgentSettings& to) {
  const auto address = setting.any_text();
  if (!address) return;
  if (!address->empty() && !is_endpoint("tcp://" + *address + ":1")) {
    setting.refuse(quoted(*address) + " is no host",
                   "a name or an address (IPv6 in brackets), or \"\" for the one that the controller sees");
  }
  to.proxy.address = *address;
}

void read_controller(const Setting& setting, AgentSettings& to) {
  const auto endpoint = setting.text();
  if (!endpoint) return;
  if (!is_endpoint(*endpoint)) {
    setting.refuse(quoted(*endpoint) + " is no address of a controller",
                   "tcp://HOST:PORT with a port from 1 to 65535, such as \"tcp://deploy1.example.org:4700\"");
  }
  to.controller = *endpoint;
}

/// Paths in the tree. One that ends with a slash is a folder.
void read_keep(const Setting& setting, Application& to) {
  const auto items = setting.items();
  if (!items) return;
  if (items->size() > limits::kKeptPathsMax) {
    setting.refuse(fmt::format("has {} paths", items->size()), fmt::format("at most {}", limits::kKeptPathsMax));
    return;
  }
  for (const Setting& item : *items) {
    const auto text = item.text();
    if (!text) continue;
    KeptPath kept{.path = *text};
    if (kept.folder = kept.path.ends_with('/'); kept.folder) kept.path.pop_back();
    if (kept.path.empty() || !check_path(kept.path)) {
      item.refuse(quoted(*text) + " is no path in a release",
                  "relative, without . and .., such as \"uploads/\" or \"config/local.php\"");
      continue;
    }
    const auto other = std::ranges::find_if(to.keep, [&](const KeptPath& each) {
      return settings::lies_in(kept.path, each.path) || settings::lies_in(each.path, kept.path);
    });
    if (other != to.keep.end()) {
      item.refuse(kept.path == other->path
                      ? quoted(*text) + " stands here twice"
                      : fmt::format("{} and {}: one lies in the other", quoted(*text), quoted(other->path)),
                  "each path once, and not what lies in a kept folder");
      continue;
    }
    to.keep.push_back(std::move(kept));
  }
}

constexpr Key<Application> kApplicationKeys[] = {
    {"live", R"("/srv/shop/current")", [](const Setting& at, Application& to) { at.read_path(to.live); }, true},
    {"slots_dir", R"("/srv/shop/current.slots")",
     [](const Setting& at, Application& to) { at.read_path(to.slots_dir); }},
    {"slots", "3", [](const Setting& at, Application& to) { at.read_whole(to.slots, 2, 100); }},
    {"idle_grace", R"("5m")", [](const Setting& at, Application& to) { at.read_duration(to.idle_grace, 0s, 24h); }},
    {"keep", R"(["uploads/", "config/local.php"])", read_keep},
    {"keep_dir", R"("/srv/shop/current.kept")", [](const Setting& at, Application& to) { at.read_path(to.keep_dir); }},
    {"share", R"("auto")",
     [](const Setting& at, Application& to) {
       at.read_choice<Share>(to.share, {{"auto", Share::automatic},
                                        {"reflink", Share::reflink},
                                        {"hardlink", Share::hardlink},
                                        {"copy", Share::copy}});
     }},
    {"adopt", R"("refuse")",
     [](const Setting& at, Application& to) {
       at.read_choice<Adopt>(to.adopt, {{"refuse", Adopt::refuse}, {"set-aside", Adopt::set_aside}});
     }},
    {"reload", R"(["/usr/bin/systemctl", "reload", "php8.2-fpm"])",
     [](const Setting& at, Application& to) { at.read_argv(to.reload.argv); }},
    {"reload_timeout", R"("30s")",
     [](const Setting& at, Application& to) { at.read_duration(to.reload.timeout, 1s, 1h); }},
    {"check", R"(["/usr/bin/curl", "-fsS", "http://127.0.0.1/health"])",
     [](const Setting& at, Application& to) { at.read_argv(to.check.argv); }},
    {"check_timeout", R"("30s")",
     [](const Setting& at, Application& to) { at.read_duration(to.check.timeout, 1s, 1h); }},
    {"rule", "[[application.NAME.rule]]", read_rules},
    {"source", "[[application.NAME.source]]", read_sources},
};

void check_application(const Setting& table, Application& application) {
  check_counting(table, application);
  if (application.live.empty()) return;
  if (application.live == "/") {
    table.refuse_keys({"live"}, "\"/\" cannot be a link", "the path of a link that Serin makes");
    return;
  }
  if (application.slots_dir.empty()) application.slots_dir = application.live + ".slots";
  if (settings::lies_in(application.live, application.slots_dir)) {
    table.refuse_keys(
        {"slots_dir", "live"},
        fmt::format("live {} lies in slots_dir {}", quoted(application.live), quoted(application.slots_dir)),
        "a folder beside the live path, on the same filesystem; or leave slots_dir out");
  } else if (settings::lies_in(application.slots_dir, application.live)) {
    table.refuse_keys({"slots_dir", "live"},
                      fmt::format("slots_dir {} lies in live {}, which is a link into it",
                                  quoted(application.slots_dir), quoted(application.live)),
                      "a folder beside the live path, on the same filesystem; or leave slots_dir out");
  }
}

/// What is kept must not lie where trees come and go.
void check_keep(const Setting& table, Application& application) {
  if (application.live.empty() || application.live == "/") return;
  if (application.keep_dir.empty()) application.keep_dir = application.live + ".kept";
  if (application.keep.empty()) return;
  const std::string home = fmt::format("{}/{}", application.keep_dir, application.name);
  for (const auto& [key, folder] :
       {std::pair{"live", application.live}, std::pair{"slots_dir", application.slots_dir}}) {
    if (settings::lies_in(home, folder)) {
      table.refuse_keys({"keep_dir", key},
                        fmt::format("keep_dir {} lies in {} {}", quoted(application.keep_dir), key, quoted(folder)),
                        "a folder beside the live path, on the same filesystem; or leave keep_dir out");
    }
    for (const KeptPath& kept : application.keep) {
      if (!settings::lies_in(folder, fmt::format("{}/{}", home, kept.path))) continue;
      table.refuse_keys({"keep_dir", key},
                        fmt::format("{} {} lies in {}/{}, which is kept", key, quoted(folder), home, kept.path),
                        "a folder beside the live path, on the same filesystem; or leave keep_dir out");
    }
  }
}

/// Two applications must not write into one another's trees.
void check_apart(const Setting& table, const Application& application, const Application& other) {
  if (application.live.empty() || other.live.empty()) return;
  const std::string own_folder = "a folder of its own for each application";
  if (application.live == other.live) {
    table.refuse_keys({"live"}, fmt::format("{} is the live path of {} too", quoted(other.live), other.name),
                      "a path of its own for each application");
  } else if (application.slots_dir == other.slots_dir) {
    table.refuse_keys({"slots_dir", "live"},
                      fmt::format("{} holds the slots of {} too", quoted(other.slots_dir), other.name), own_folder);
  } else if (settings::lies_in(application.live, other.slots_dir)) {
    table.refuse_keys({"live"}, fmt::format("{} lies in the slots of {}", quoted(application.live), other.name),
                      "a path outside of them: slots are overwritten");
  } else if (settings::lies_in(other.live, application.slots_dir)) {
    table.refuse_keys({"slots_dir", "live"},
                      fmt::format("{} holds the live path of {}", quoted(application.slots_dir), other.name),
                      own_folder);
  }
}

void read_applications(const Setting& setting, AgentSettings& to) {
  const auto entries = setting.entries();
  if (!entries) return;
  if (entries->size() > limits::kApplicationsPerHostMax) {
    setting.refuse(fmt::format("has {} applications", entries->size()),
                   fmt::format("at most {} on one host", limits::kApplicationsPerHostMax));
  }
  for (const auto& [name, table] : *entries) {
    if (!is_plain_name(name, limits::kApplicationNameBytesMax)) {
      table.refuse("is no application's name", kNameForm);
      continue;
    }
    Application application;
    application.name = name;
    read_keys(table, kApplicationKeys, application);
    check_application(table, application);
    check_keep(table, application);
    for (const auto& [other_name, other] : to.applications) check_apart(table, application, other);
    to.applications.emplace(name, std::move(application));
  }
}

void read_proxy_rate(const Setting& setting, AgentSettings& to) {
  constexpr std::uint64_t kLeast = 200'000;  // more than hosts take for slow
  std::uint64_t rate = 0;
  setting.read_bytes(rate, 0, 1'000'000'000'000);
  if (rate > 0 && rate < kLeast) {
    return setting.refuse("hosts would do without a proxy that is so slow", "from 200kB, or \"0B\" for no bound");
  }
  to.proxy.bytes_per_s = rate;
}

constexpr Key<AgentSettings> kKeys[] = {
    {"state_dir", R"("/var/lib/serin-agent")",
     [](const Setting& at, AgentSettings& to) { at.read_path(to.state_dir); }},
    {"controller", R"("tcp://deploy1.example.org:4700")", read_controller, true},
    {"controller_keys", R"(["64 HEXADECIMAL DIGITS"])",
     [](const Setting& at, AgentSettings& to) { read_keys_list(at, to.controller_keys); }, true},
    {"release_keys", R"(["64 HEXADECIMAL DIGITS"])",
     [](const Setting& at, AgentSettings& to) { read_keys_list(at, to.release_keys); }, true},
    {"prefetch_rate", R"("20MB")",
     [](const Setting& at, AgentSettings& to) { at.read_bytes(to.prefetch_rate, 0, 1'000'000'000'000); }},
    {"proxy_port", "0", [](const Setting& at, AgentSettings& to) { at.read_whole(to.proxy.port, 0, 65'535); }},
    {"proxy_listen", R"("*")", read_proxy_listen},
    {"proxy_address", R"("")", read_proxy_address},
    {"proxy_cache", R"("4GB")",
     [](const Setting& at, AgentSettings& to) {
       at.read_bytes(to.proxy.cache_bytes, 64'000'000, 100'000'000'000'000);
     }},
    {"proxy_rate", R"("20MB")", read_proxy_rate},
    {"log_level", R"("info")",
     [](const Setting& at, AgentSettings& to) {
       at.read_choice<std::string>(
           to.log_level,
           {{"trace", "trace"}, {"debug", "debug"}, {"info", "info"}, {"warning", "warning"}, {"error", "error"}});
     }},
    {"scrub_rate", R"("2MB")",
     [](const Setting& at, AgentSettings& to) { at.read_bytes(to.scrub_bytes_per_s, 0, kReadRateMax); }},
    {"scrub_every", R"("24h")",
     [](const Setting& at, AgentSettings& to) { at.read_duration(to.scrub_every, 1s, kScrubEveryMax); }},
    {"verify_rate", R"("50MB")",
     [](const Setting& at, AgentSettings& to) { at.read_bytes(to.verify_bytes_per_s, kReadRateMin, kReadRateMax); }},
    {"application", "[application.NAME]", read_applications},
};

}  // namespace

std::vector<std::string> known_agent_keys() {
  std::vector<std::string> keys;
  for (const auto& key : kKeys) {
    if (key.name != "application") keys.emplace_back(key.name);
  }
  for (const auto& key : kApplicationKeys) {
    if (key.name != "source" && key.name != "rule") keys.push_back(fmt::format("application.NAME.{}", key.name));
  }
  for (const auto name : source_keys()) keys.push_back(fmt::format("application.NAME.source[].{}", name));
  for (const auto name : rule_keys()) keys.push_back(fmt::format("application.NAME.rule[].{}", name));
  return keys;
}

Result<AgentSettings> parse_agent_settings(std::string_view toml, const std::string& file) {
  auto table = settings::parse_toml(toml, file);
  if (!table) return std::unexpected(table.error());
  const settings::Value value{.line = 1, .data = std::move(*table)};
  settings::Mistakes mistakes(file, known_agent_keys());
  const Setting top(value, mistakes);
  AgentSettings agent;
  settings::read_keys(top, kKeys, agent);
  if (!mistakes.empty()) return std::unexpected(mistakes.error());
  return agent;
}

}  // namespace serin::agent
