#include "agent/count/presets.h"

#include <algorithm>
#include <utility>

namespace serin::count {
namespace {

using agent::RuleSettings;

// A record begins with its line, or behind the ": " of a syslog line's "name[pid]: ".

/// One PHP error may reach nginx's error log, Apache's, PHP-FPM's and syslog at once: group "php" counts it in one.
RuleSettings php_fatal() {
  return {.name = "php-fatal", .match = "PHP (?:Fatal|Parse|Recoverable fatal|Core|Compile) error", .group = "php"};
}
/// The first word in capitals, behind a time and what stands in brackets, is a lower level.
constexpr std::string_view kLowerLevel =
    R"(^[^A-SU-Y]*(?:\[[^\]]*\][^A-SU-Y]*)*\b(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|CONFIG|FINE)\b)";

RuleSettings http_5xx() {
  return {.name = "http-5xx", .match = R"(" 5\d\d )"};
}
RuleSettings json_level(std::string name, std::string key, std::string message) {
  return {.name = std::move(name),
          .json = std::move(key),
          .values = {"error", "err", "fatal", "critical", "crit", "alert", "emerg", "emergency", "panic", "severe"},
          .message = std::move(message)};
}

/// Web servers.
void add_servers(std::vector<Preset>& to) {
  to.push_back(
      {.name = "apache",
       .about = "error log of the Apache HTTP server",
       .rules = {php_fatal(), {.name = "apache-error", .match = R"(\[(?:[a-z_0-9]+:)?(?:error|crit|alert|emerg)\])"}}});
  to.push_back(
      {.name = "apache-access",
       .about = "access log of the Apache HTTP server, common or combined: requests, and answers of 500 and above",
       .rules = {http_5xx()},
       .requests = true,
       .multiline = false});
  to.push_back(
      {.name = "nginx",
       .about = "nginx's error log: error, crit, alert, emerg, but not files that do not exist",
       .rules = {
           {.name = "nginx-php",
            .match =
                R"((?:FastCGI sent in stderr: "|(?:^|: )PHP message: ).*PHP (?:Fatal|Parse|Recoverable fatal) error)",
            .group = "php"},
           {.name = "nginx-error",
            .match = R"((?:^|: )\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(?:error|crit|alert|emerg)\])",
            .unless = R"(\(2: No such file or directory\)|FastCGI sent in stderr: "(?:PHP message: )?PHP )"}}});
  to.push_back({.name = "nginx-access",
                .about = "nginx's access log, combined: requests, and answers of 500 and above",
                .rules = {http_5xx()},
                .requests = true,
                .multiline = false});
}

/// Programs and what runs them.
void add_programs(std::vector<Preset>& to) {
  to.push_back({.name = "java",
                .about = "log4j, logback, java.util.logging in their usual patterns: ERROR, FATAL, SEVERE",
                .rules = {{.name = "java-error",
                           .match = R"((?:^|[\s\[])(?:ERROR|FATAL|SEVERE)(?:[\s\]:]|$))",
                           .unless = std::string(kLowerLevel)},
                          {.name = "java-uncaught", .match = R"((?:^|: )Exception in thread ")"}}});
  to.push_back({.name = "php-fpm",
                .about = "PHP's error_log and PHP-FPM's log: fatal and parse errors, children that crash",
                .rules = {php_fatal(),
                          {.name = "fpm-alert", .match = R"((?:^|: )\[[^\]]{20,40}\] (?:ERROR|ALERT): )"},
                          {.name = "fpm-crash", .match = R"(child \d+ exited on signal \d+)"}}});
  to.push_back({.name = "python",
                .about = "the logging module's usual patterns and tracebacks",
                .rules = {{.name = "python-traceback", .match = R"((?:^|: )Traceback \(most recent call last\):)"},
                          {.name = "python-error",
                           .match = R"((?:^|[\s\[:])(?:ERROR|CRITICAL)(?:[\s\]:]|$))",
                           .unless = std::string(kLowerLevel)}}});
  to.push_back(
      {.name = "syslog",
       .about =
           "lines with <PRI> (the journal's too): err and graver; without: what kernels and daemons say of crashes",
       .rules = {{.name = "syslog-err", .severity = 3U},
                 {.name = "crash", .match = R"(segfault at |kernel panic|Out of memory: Kill|I/O error, dev )"}}});
}

/// As MediaWiki's LegacyLogger, its LineFormatter, Monolog's and CeeFormatter write: MWExceptionHandler's "[request id]
/// URL", three blanks, and the exception's class ("… from line 3 of FILE" until 1.36) or "PHP Warning". Its handler
/// gives PHP's own warnings and notices the level of an error, and a lower one to those that somebody triggers and to
/// deprecations.
void add_mediawiki(std::vector<Preset>& to) {
  const std::string below = R"((?: |\.)(?:DEBUG|INFO|NOTICE|WARNING): \[)";
  auto fatal = php_fatal();
  fatal.match = "PHP (?:Fatal|Parse|Recoverable fatal|Core|Compile) [eE]rror";
  to.push_back(
      {.name = "mediawiki",
       .about =
           "MediaWiki's logs of exceptions, errors, fatal errors and queries, as its own loggers and Monolog's line "
           "formatter write them, and JSON behind @cee:",
       .rules = {fatal,
                 {.name = "mediawiki-exception",
                  .match = R"(\[[0-9a-zA-Z@_-]{8,36}\] (?:\[no req\]|\S+)   [A-Z][\w\\]*(?:: | from line \d))",
                  .unless = below,
                  .must = "   "},
                 {.name = "mediawiki-php",
                  .match = R"(\[[0-9a-zA-Z@_-]{8,36}\] (?:\[no req\]|\S+)   PHP (?:Warning|Notice|Unknown error): )",
                  .unless = below,
                  .must = "   PHP "},
                 {.name = "mediawiki-error",
                  .match = R"((?:^|: )\[(?:error|critical|alert|emergency)\]|)"
                           R"(\d\d:\d\d:\d\d (?:\[[^\]]*\] )?(?:[^ :]+ ){3,4}(?:ERROR|CRITICAL|ALERT|EMERGENCY): |)"
                           R"((?:^|: )\[\d{4}-[^\]]*\] [\w.-]+\.(?:ERROR|CRITICAL|ALERT|EMERGENCY): )",
                  .unless = "PHP Deprecated: "},
                 {.name = "mediawiki-query",
                  .match = R"(Error \d+: .*Function: |Error \d+ from |Error connecting to \S+(?: as user \S+)?: )",
                  .unless = below},
                 {.name = "mediawiki-cee",
                  .match = R"re(@cee: \{.*"level":"(?:ERROR|CRITICAL|ALERT|EMERGENCY)")re",
                  .must = "@cee: "}}});
}

/// One JSON object a line.
void add_json(std::vector<Preset>& to) {
  const RuleSettings node{.name = "bunyan", .json = "level", .at_least = 50, .message = "msg"};
  to.push_back({.name = "bunyan",
                .about = "one JSON object a line with a numeric level, as bunyan and pino write: 50 and above",
                .rules = {node},
                .multiline = false});
  to.push_back(
      {.name = "json",
       .about = "one JSON object a line with the level in words, at level, severity, log.level, lvl, level_name or "
                "levelname",
       .rules = {json_level("json-level", "level", "message"), json_level("json-severity", "severity", "message"),
                 json_level("json-log-level", "log.level", "message"), json_level("json-lvl", "lvl", "msg"),
                 json_level("json-level-name", "level_name", "message"),
                 json_level("json-levelname", "levelname", "message")},
       .multiline = false});
  to.push_back({.name = "mongodb",
                .about = "MongoDB's log since 4.4: one JSON object a line, severities E and F",
                .rules = {{.name = "mongodb", .json = "s", .values = {"E", "F"}, .message = "msg"}},
                .multiline = false});
}

std::vector<Preset> all_presets() {
  std::vector<Preset> all;
  add_servers(all);
  add_programs(all);
  add_mediawiki(all);
  add_json(all);
  std::ranges::sort(all, {}, &Preset::name);
  return all;
}

}  // namespace

const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = all_presets();
  return all;
}

const Preset* find_preset(std::string_view name) {
  const auto found = std::ranges::find(presets(), name, &Preset::name);
  return found == presets().end() ? nullptr : &*found;
}

std::vector<RuleSettings> rules_of(const agent::SourceSettings& source, const agent::ApplicationSettings& application) {
  std::vector<RuleSettings> rules;
  const auto* preset = find_preset(source.preset);
  if (preset != nullptr) rules = preset->rules;
  const bool all = source.rules.empty() && preset == nullptr;
  for (const auto& rule : application.rules) {
    if (all || std::ranges::find(source.rules, rule.name) != source.rules.end()) rules.push_back(rule);
  }
  return rules;
}

bool counts_requests(const agent::SourceSettings& source) {
  const auto* preset = find_preset(source.preset);
  return source.requests || (preset != nullptr && preset->requests);
}

bool is_multiline(const agent::SourceSettings& source) {
  const auto* preset = find_preset(source.preset);
  return source.multiline && !counts_requests(source) && (preset == nullptr || preset->multiline);
}

}  // namespace serin::count
