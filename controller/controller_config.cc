#include "controller/controller_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/evidence/source_config.h"
#include "protocol/limits.h"
#include "protocol/settings_reader.h"
#include "protocol/text.h"

namespace serin::controller {

namespace {

using namespace std::chrono_literals;
using settings::Key;
using settings::quoted;
using settings::Setting;

constexpr std::string_view kLabel = "label:";
constexpr auto kDay = 24h;
constexpr auto kWeek = 7 * kDay;

/// What matches_pattern() would not take as it is meant; empty: it is good.
std::string mistake_of_pattern(std::string_view pattern) {
  for (std::size_t at = pattern.find('['); at != std::string_view::npos; at = pattern.find('[', at)) {
    const std::size_t end = pattern.find(']', at + 2);
    if (end == std::string_view::npos) return "has a [ without its ]";
    if (pattern[at + 1] == '!' || pattern[at + 1] == '^') return "leaves characters out with [! or [^";
    at = end;
  }
  return {};
}

/// Likewise, of a host's name.
std::string mistake_of_host_pattern(std::string_view pattern) {
  std::string outside;  // of sets
  bool in_set = false;
  for (const char c : pattern) {
    if (!in_set && c != '[' && c != '*' && c != '?') outside += c;
    in_set = c == '[' || (in_set && c != ']');
  }
  for (const char c : outside) {
    // Behind another letter '.' and '-' are good too.
    if (!is_plain_name(std::string{'a', c})) {
      return fmt::format("holds {}, which no host's name does", quoted(std::string_view{&c, 1}));
    }
  }
  return mistake_of_pattern(pattern);
}

void read_group(const Setting& setting, HostGroup& to) {
  const auto items = setting.items();
  if (!items) return;
  std::vector<std::string> members;
  for (const Setting& item : *items) {
    const auto member = item.text();
    if (!member) continue;
    if (member->starts_with(kLabel)) {
      if (!is_plain_name(std::string_view{*member}.substr(kLabel.size()))) {
        item.refuse(quoted(*member) + " names no label", "label: and a whole label, such as \"label:canary\"");
      }
    } else if (const auto mistake = mistake_of_host_pattern(*member); !mistake.empty()) {
      item.refuse(fmt::format("{} {}", quoted(*member), mistake),
                  "a host's name, a pattern with *, ? and [0-9], or \"label:LABEL\"");
    }
    members.push_back(*member);
  }
  to.members = std::move(members);
}

/// As ExcludePatterns takes them: name by name.
std::string mistake_of_path_pattern(std::string_view pattern) {
  bool has_name = false;
  while (!pattern.empty()) {
    const std::string_view name = pattern.substr(0, pattern.find('/'));
    if (name == "." || name == "..") return "goes through . or ..";
    if (auto mistake = mistake_of_pattern(name); !mistake.empty()) return mistake;
    has_name = has_name || !name.empty();
    pattern.remove_prefix(std::min(name.size() + 1, pattern.size()));
  }
  return has_name ? "" : "names nothing";
}

void read_exclude(const Setting& setting, std::vector<std::string>& to) {
  const auto items = setting.items();
  if (!items) return;
  std::vector<std::string> patterns;
  for (const Setting& item : *items) {
    const auto pattern = item.text();
    if (!pattern) continue;
    if (const auto mistake = mistake_of_path_pattern(*pattern); !mistake.empty()) {
      item.refuse(fmt::format("{} {}", quoted(*pattern), mistake),
                  "a name at any depth, such as \"*.swp\", or a path from source, such as \"/cache/[0-9]*\"");
    }
    patterns.push_back(*pattern);
  }
  to = std::move(patterns);
}

using Application = ApplicationSettings;

/// Of both judges.
void read_baseline_min(const Setting& setting, Application& to) {
  setting.read_seconds(to.sequential.baseline_min, 1s, limits::kLedgerCoarse);
  to.fixed.baseline_min = to.sequential.baseline_min;
}

/// Of the application, as far as they stand above this table.
void read_source(const Setting& table, Application& application, evidence::SourceSettings& to,
                 void (*read)(const Setting&, evidence::SourceSettings&)) {
  to.fixed = application.fixed;
  read(table, to);
}

// The sources' tables come last: they begin with the application's own numbers.
constexpr Key<Application> kApplicationKeys[] = {
    {"source", R"("/srv/staging/shop")", [](const Setting& at, Application& to) { at.read_path(to.source); }, true},
    {"exclude", R"(["*.swp", ".git"])", [](const Setting& at, Application& to) { read_exclude(at, to.exclude); }},
    {"hosts", R"(["web-*"])", [](const Setting& at, Application& to) { read_group(at, to.hosts); }},
    {"canary", R"(["label:canary"])", [](const Setting& at, Application& to) { read_group(at, to.canary); }},
    {"proxies", R"(["label:proxy"])", [](const Setting& at, Application& to) { read_group(at, to.proxies); }},
    {"judge", R"("sequential")",
     [](const Setting& at, Application& to) {
       at.read_choice(to.judge, {{"sequential", JudgeKind::sequential}, {"fixed", JudgeKind::fixed}});
     }},
    {"baseline_min", R"("60s")", read_baseline_min},
    {"horizon", R"("60s")",
     [](const Setting& at, Application& to) {
       at.read_seconds(to.sequential.horizon, limits::kHorizonMin, limits::kWaitMax);
     }},
    {"settle", R"("3s")",
     [](const Setting& at, Application& to) {
       if (at.says("auto")) return;
       at.read_seconds(to.sequential.settle, 0s, limits::kSettleMax);
       to.settle_is_set = true;
     }},
    {"baseline", R"("300s")",
     [](const Setting& at, Application& to) { at.read_seconds(to.sequential.baseline, 10s, limits::kBaselineMax); }},
    {"tolerated", "1.5", [](const Setting& at, Application& to) { at.read_number(to.sequential.tolerated, 1, 100); }},
    {"bad", "2.0", [](const Setting& at, Application& to) { at.read_number(to.sequential.bad, 1.05, 1'000); }},
    {"excess_fail", "0.02",
     [](const Setting& at, Application& to) { at.read_number(to.sequential.excess_fail, 0, 1e6); }},
    {"excess_pass", "0.08",
     [](const Setting& at, Application& to) { at.read_number(to.sequential.excess_pass, 0.001, 1e6); }},
    {"hold_back", R"("10%")",
     [](const Setting& at, Application& to) { at.read_share(to.hold_back.count, to.hold_back.percent, 0); }},
    {"hold_back_until", R"("20s")",
     [](const Setting& at, Application& to) { at.read_duration(to.hold_back_until, 0s, limits::kWaitMax); }},
    {"wait", R"("20s")",
     [](const Setting& at, Application& to) { at.read_duration(to.fixed.wait, limits::kWaitMin, limits::kWaitMax); }},
    {"threshold", "10.0", [](const Setting& at, Application& to) { at.read_number(to.fixed.threshold, 1, 1e6); }},
    {"floor", "0.1", [](const Setting& at, Application& to) { at.read_number(to.fixed.floor, 0, 1e6); }},
    {"hosts_over", "2", [](const Setting& at, Application& to) { at.read_whole(to.fixed.hosts_over, 0, 1'000'000); }},
    {"silence_max", R"("3s")",
     [](const Setting& at, Application& to) {
       at.read_duration(to.fixed.silence_max, 1s, limits::kReportedSecondsKept);
     }},
    {"min_canaries", "2", [](const Setting& at, Application& to) { at.read_whole(to.min_canaries, 0, 1'000'000); }},
    {"max_in_flight", R"("10%")",
     [](const Setting& at, Application& to) { at.read_share(to.max_in_flight.count, to.max_in_flight.percent); }},
    {"prefetch", R"("staged")",
     [](const Setting& at, Application& to) { at.read_choice<bool>(to.prefetch, {{"staged", true}, {"off", false}}); }},
    {"failure_limit", R"("5%")",
     [](const Setting& at, Application& to) { at.read_share(to.failure_limit.count, to.failure_limit.percent); }},
    {"step_deadline", R"("5m")",
     [](const Setting& at, Application& to) { at.read_duration(to.step_deadline, 1s, kDay); }},
    {"hold_limit", R"("30m")", [](const Setting& at, Application& to) { at.read_duration(to.hold_limit, 1s, kWeek); }},
    {"on_inconclusive", R"("hold")",
     [](const Setting& at, Application& to) {
       at.read_choice(
           to.on_inconclusive,
           {{"hold", OnInconclusive::hold}, {"abort", OnInconclusive::abort}, {"extend", OnInconclusive::extend}});
     }},
    {"extend", R"("60s")",
     [](const Setting& at, Application& to) { at.read_duration(to.extend, 1s, limits::kWaitMax); }},
    {"on_hold_end", R"("abort")",
     [](const Setting& at, Application& to) {
       at.read_choice(to.on_hold_end, {{"abort", OnHoldEnd::abort}, {"keep", OnHoldEnd::keep}});
     }},
    {"on_canary_lost", R"("fail")",
     [](const Setting& at, Application& to) {
       at.read_choice(to.on_canary_lost, {{"fail", OnCanaryLost::fail}, {"hold", OnCanaryLost::hold}});
     }},
    {"trust_after", R"("10m")",
     [](const Setting& at, Application& to) { at.read_duration(to.trust_after, 0s, kWeek); }},
    {"watch", R"("10m")", [](const Setting& at, Application& to) { at.read_duration(to.watch, 0s, 24h); }},
    {"on_alarm", R"("tell")",
     [](const Setting& at, Application& to) {
       at.read_choice(to.on_alarm, {{"tell", OnAlarm::tell}, {"take-back", OnAlarm::take_back}});
     }},
    {"delete_limit_percent", "30",
     [](const Setting& at, Application& to) { at.read_number(to.delete_limit_percent, 0, 100); }},
    {"sources", R"(["agents", "logstash"])",
     [](const Setting& at, Application& to) { evidence::read_sources(at, to.sources); }},
    {"advisory", R"(["prometheus"])",
     [](const Setting& at, Application& to) { evidence::read_advisory(at, to.sources); }},
    {"logstash", "[application.NAME.logstash]",
     [](const Setting& at, Application& to) { read_source(at, to, to.logstash, evidence::read_logstash); }},
    {"prometheus", "[application.NAME.prometheus]",
     [](const Setting& at, Application& to) { read_source(at, to, to.prometheus, evidence::read_prometheus); }},
};

void check_judge(const Setting& table, const Application& application) {
  const judge::SequentialSettings& judge = application.sequential;
  if (judge.bad <= judge.tolerated) {
    table.refuse_keys(
        {"bad", "tolerated"},
        fmt::format("bad = {} is not more than tolerated = {}: nothing could be decided", judge.bad, judge.tolerated),
        "bad = 2.0, tolerated = 1.5");
  }
  if (judge.horizon < judge.settle + judge.min_pass) {
    table.refuse_keys({"horizon", "settle"},
                      fmt::format("a horizon of {} is less than settle and the {} that a pass needs",
                                  duration_text(judge.horizon), duration_text(judge.min_pass)),
                      fmt::format("horizon = \"{}\" or more", duration_text(judge.settle + judge.min_pass)));
  }
  if (application.judge == JudgeKind::sequential && judge.baseline_min > judge.baseline) {
    table.refuse_keys({"baseline_min", "baseline"},
                      fmt::format("baseline_min = \"{}\" is more than the {} that the sequential judge looks at",
                                  duration_text(judge.baseline_min), duration_text(judge.baseline)),
                      "baseline = \"300s\", baseline_min = \"60s\"");
  }
}

void read_applications(const Setting& setting, ControllerSettings& to) {
  const auto entries = setting.entries();
  if (!entries) return;
  for (const auto& [name, table] : *entries) {
    if (!is_plain_name(name, limits::kApplicationNameBytesMax)) {
      table.refuse("is no application's name",
                   fmt::format("letters, digits, '.', '-' and '_', not first '.' or '-', at most {} bytes",
                               limits::kApplicationNameBytesMax));
      continue;
    }
    Application& application = to.applications[name];
    application.name = name;
    read_keys(table, kApplicationKeys, application);
    if (application.hosts.members.empty()) {
      table.refuse_keys({"hosts"}, "is empty: the application runs nowhere", "leave the key out for every host");
    }
    check_judge(table, application);
    evidence::check_sources(table, application.sources, application.logstash, application.prometheus);
    if (!application.source.empty() && settings::lies_in(to.state_dir, application.source)) {
      table.refuse_keys({"source"},
                        fmt::format("state_dir {} lies in {}: releases would hold the daemon's keys",
                                    quoted(to.state_dir), quoted(application.source)),
                        "name a folder of the application alone");
    }
  }
}

/// "" is for the daemon's user alone.
void read_operators_group(const Setting& setting, ControllerSettings& to) {
  const auto group = setting.any_text();
  if (!group) return;
  if (!group->empty() && !is_plain_name(*group, 32)) {
    setting.refuse(quoted(*group) + " is no group's name",
                   "a group of this machine, or \"\" for the daemon's user only");
  }
  to.operators_group = *group;
}

void read_listen(const Setting& setting, ControllerSettings& to) {
  const auto address = setting.text();
  if (!address) return;
  if (!is_bind_address(*address)) {
    setting.refuse(quoted(*address) + " is no address",
                   "\"*\" for all, or an address or a network interface of this machine");
  }
  to.listen = *address;
}

void read_content_rate(const Setting& setting, ControllerSettings& to) {
  constexpr std::uint64_t kLeast = 1'000'000;
  std::uint64_t rate = 0;
  setting.read_bytes(rate, 0, kLeast * kLeast);
  if (rate > 0 && rate < kLeast) {
    return setting.refuse("so few bytes for all hosts would never end", "from 1MB, or \"0B\" for no bound");
  }
  to.content_rate = rate;
}

using Daemon = ControllerSettings;

// The applications come last: they are checked against what stands above them.
constexpr Key<Daemon> kKeys[] = {
    {"state_dir", R"("/var/lib/serin")", [](const Setting& at, Daemon& to) { at.read_path(to.state_dir); }},
    {"run_dir", R"("/run/serin")", [](const Setting& at, Daemon& to) { at.read_path(to.run_dir); }},
    {"operators_group", R"("serin-operators")", read_operators_group},
    {"listen", R"("*")", read_listen},
    {"orders_port", "4700", [](const Setting& at, Daemon& to) { at.read_whole(to.orders_port, 1, 65'535); }},
    {"content_port", "4701", [](const Setting& at, Daemon& to) { at.read_whole(to.content_port, 1, 65'535); }},
    {"content_rate", R"("100MB")", read_content_rate},
    {"pack_cache", R"("4GB")",
     [](const Setting& at, Daemon& to) { at.read_bytes(to.pack_cache_bytes, 64'000'000, 100'000'000'000'000); }},
    {"heartbeat", R"("2s")", [](const Setting& at, Daemon& to) { at.read_duration(to.heartbeat, 100ms, 1min); }},
    {"lease", R"("30s")", [](const Setting& at, Daemon& to) { at.read_duration(to.lease, 300ms, 1h); }},
    {"announce", R"(["/usr/local/bin/tell-chat", "--room", "ops"])",
     [](const Setting& at, Daemon& to) { at.read_argv(to.announce); }},
    {"log_level", R"("info")",
     [](const Setting& at, Daemon& to) {
       at.read_choice<std::string>(
           to.log_level,
           {{"trace", "trace"}, {"debug", "debug"}, {"info", "info"}, {"warning", "warning"}, {"error", "error"}});
     }},
    {"keep_releases", "10", [](const Setting& at, Daemon& to) { at.read_whole(to.keep_releases, 1, 100'000); }},
    {"keep_for_hosts", R"("720h")",
     [](const Setting& at, Daemon& to) { at.read_duration(to.keep_for_hosts, 0s, 10 * 365 * kDay); }},
    {"application", "[application.NAME]", read_applications},
};

void check_daemon(const Setting& file, const Daemon& daemon) {
  if (daemon.orders_port == daemon.content_port) {
    file.refuse_keys({"content_port", "orders_port"},
                     fmt::format("{} is the port of both sockets", daemon.content_port), "two different ports");
  }
  if (daemon.lease < 3 * daemon.heartbeat) {
    file.refuse_keys({"lease", "heartbeat"},
                     fmt::format("a lease of {} is less than 3 heartbeats of {}: one lost message makes a host silent",
                                 duration_text(daemon.lease), duration_text(daemon.heartbeat)),
                     fmt::format("lease = \"{}\" or more", duration_text(3 * daemon.heartbeat)));
  }
}

}  // namespace

bool is_compared(const ApplicationSettings& settings) {
  return std::ranges::any_of(settings.sources, [&](const evidence::SourceChoice& choice) {
    switch (choice.source) {
      case evidence::SourceKind::agents:
        return settings.judge == JudgeKind::sequential;
      case evidence::SourceKind::logstash:
        return settings.logstash.judge == JudgeKind::sequential;
      case evidence::SourceKind::prometheus:
        return settings.prometheus.judge == JudgeKind::sequential;
    }
    return false;
  });
}

std::vector<std::string> known_controller_keys() {
  std::vector<std::string> keys;
  for (const auto& key : kKeys) {
    if (key.name != "application") keys.emplace_back(key.name);
  }
  for (const auto& key : kApplicationKeys) {
    const auto source = evidence::source_of_name(key.name);
    if (!source) keys.push_back(fmt::format("application.NAME.{}", key.name));
    if (!source) continue;
    for (const std::string& of_source : evidence::source_keys(*source)) {
      keys.push_back(fmt::format("application.NAME.{}.{}", key.name, of_source));
    }
  }
  return keys;
}

Result<ControllerSettings> parse_controller_settings(std::string_view toml, const std::string& file) {
  auto table = settings::parse_toml(toml, file);
  if (!table) return std::unexpected(table.error());
  const settings::Value value{.line = 1, .data = std::move(*table)};
  settings::Mistakes mistakes(file, known_controller_keys());
  const Setting top(value, mistakes);
  ControllerSettings daemon;
  settings::read_keys(top, kKeys, daemon);
  check_daemon(top, daemon);
  if (!mistakes.empty()) return std::unexpected(mistakes.error());
  return daemon;
}

}  // namespace serin::controller
