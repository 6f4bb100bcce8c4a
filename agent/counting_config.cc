#include "agent/counting_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "agent/count/presets.h"
#include "agent/count/rule_set.h"
#include "agent/count/source_matcher.h"
#include "agent/journal_config.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::agent {

namespace {

using settings::Key;
using settings::quoted;
using settings::Setting;

constexpr std::string_view kNameForm = "letters, digits, '.', '-' and '_', not first '.' or '-', at most 64 bytes";
constexpr std::string_view kSeverities[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};

void read_any_text(const Setting& at, std::string& to) {
  if (auto text = at.any_text()) to = std::move(*text);
}

void read_texts(const Setting& at, std::vector<std::string>& to) {
  const auto items = at.items();
  if (!items) return;
  std::vector<std::string> texts;
  for (const Setting& item : *items) {
    if (auto text = item.text()) texts.push_back(std::move(*text));
  }
  to = std::move(texts);
}

void read_preset(const Setting& at, SourceSettings& to) {
  const auto name = at.any_text();
  if (!name) return;
  if (!name->empty() && count::find_preset(*name) == nullptr) {
    std::string known;
    for (const auto& preset : count::presets()) known += fmt::format("{}{}", known.empty() ? "" : ", ", preset.name);
    at.refuse(quoted(*name) + " is no preset", "one of " + known);
    return;
  }
  to.preset = *name;
}

void read_record_start(const Setting& at, SourceSettings& to) {
  const auto text = at.any_text();
  if (!text) return;
  if (const auto mistake = count::mistake_in_record_start(*text)) {
    at.refuse(printable(mistake->wrong), mistake->remedy);
    return;
  }
  to.record_start = *text;
}

constexpr Key<SourceSettings> kSourceKeys[] = {
    {"path", R"("/var/log/shop/error.log")", [](const Setting& at, SourceSettings& to) { at.read_path(to.path); }},
    {"journal", R"(["php8.2-fpm.service"])", read_units},
    {"priority", R"("err")", read_journal_priority},
    {"journal_dir", R"("/var/log/journal/remote")", read_journal_dir},
    {"preset", R"("php-fpm")", read_preset},
    {"rules", R"(["php-fatal"])", [](const Setting& at, SourceSettings& to) { read_texts(at, to.rules); }},
    {"requests", "true", [](const Setting& at, SourceSettings& to) { at.read_flag(to.requests); }},
    {"multiline", "false", [](const Setting& at, SourceSettings& to) { at.read_flag(to.multiline); }},
    {"record_start", R"('^\d{4}-\d\d-\d\d ')", read_record_start},
    {"samples", R"("normalised")",
     [](const Setting& at, SourceSettings& to) {
       at.read_choice<Samples>(to.samples,
                               {{"normalised", Samples::normalised}, {"raw", Samples::raw}, {"off", Samples::off}});
     }},
};

void read_rule_name(const Setting& setting, RuleSettings& to) {
  const auto name = setting.text();
  if (!name) return;
  if (!is_plain_name(*name)) setting.refuse(quoted(*name) + " is no rule's name", kNameForm);
  to.name = *name;
}

void read_syslog(const Setting& at, RuleSettings& to) {
  if (at.says("")) return;
  if (const auto place = at.choice(kSeverities)) to.severity = static_cast<unsigned>(*place);
}

void read_group(const Setting& at, RuleSettings& to) {
  const auto name = at.any_text();
  if (!name) return;
  if (!name->empty() && !is_plain_name(*name)) at.refuse(quoted(*name) + " is no group's name", kNameForm);
  to.group = *name;
}

constexpr std::string_view kMatchExample = "'PHP Fatal error'";

constexpr Key<RuleSettings> kRuleKeys[] = {
    {"name", R"("php-fatal")", read_rule_name, true},
    {"match", kMatchExample,
     [](const Setting& at, RuleSettings& to) {
       const auto match = at.any_text();
       if (match && match->empty()) at.refuse("\"\" fits every line", "write '.*' if that is meant");
       if (match) to.match = *match;
     }},
    {"unless", "'healthcheck'", [](const Setting& at, RuleSettings& to) { read_any_text(at, to.unless); }},
    {"must", "' from line '", [](const Setting& at, RuleSettings& to) { read_any_text(at, to.must); }},
    {"json", R"("level")", [](const Setting& at, RuleSettings& to) { read_any_text(at, to.json); }},
    {"values", R"(["error", "fatal"])", [](const Setting& at, RuleSettings& to) { read_texts(at, to.values); }},
    {"at_least", "50",
     [](const Setting& at, RuleSettings& to) { at.read_whole(to.at_least, 0, std::int64_t{1} << 53); }},
    {"message", R"("msg")", [](const Setting& at, RuleSettings& to) { read_any_text(at, to.message); }},
    {"syslog", R"("err")", read_syslog},
    {"group", R"("php")", read_group},
};

/// What is wrong in RE2's own words, for the key that is at fault.
void compile_rule(const Setting& item, RuleSettings rule) {
  if (rule.match.empty() && rule.must.empty() && rule.json.empty() && !rule.severity) {
    const bool refused = item.at("match") || item.at("must") || item.at("json") || item.at("syslog");
    if (!refused) item.refuse_missing("match", kMatchExample);
    return;
  }
  if (rule.name.empty()) rule.name = "without a name";
  const auto mistake = count::mistake_in(rule);
  if (!mistake) return;
  for (const auto& key : kRuleKeys) {
    if (key.name == mistake->key) item.refuse_keys({key.name}, printable(mistake->wrong), mistake->remedy);
  }
}

void check_path(const Setting& item, const SourceSettings& source, const ApplicationSettings& application) {
  const std::string_view folder = std::string_view{source.path}.substr(0, source.path.rfind('/'));
  if (folder.find_first_of("*?") != std::string_view::npos) {
    item.refuse_keys({"path"}, quoted(source.path) + " has a pattern in a folder's name",
                     "* and ? in the last part only, such as \"/var/log/shop/*.log\"");
  }
  if (std::ranges::find(application.sources, source.path, &SourceSettings::path) != application.sources.end()) {
    item.refuse_keys({"path"}, quoted(source.path) + " stands here twice: its errors would count double",
                     "each file once");
  }
}

/// What names rules must name those of the application.
void check_rule_names(const Setting& item, const SourceSettings& source, const ApplicationSettings& application) {
  std::string known;
  for (const auto& rule : application.rules) known += fmt::format("{}{}", known.empty() ? "" : ", ", rule.name);
  for (const auto& name : source.rules) {
    if (std::ranges::find(application.rules, name, &RuleSettings::name) != application.rules.end()) continue;
    item.refuse_keys({"rules"}, quoted(name) + " is no rule of this application",
                     known.empty() ? "add a rule of that name" : "one of " + known);
  }
  const auto count = count::rules_of(source, application).size();
  if (count > limits::kRulesPerSourceMax) {
    item.refuse_keys({"rules", "preset", "path"}, fmt::format("{} rules count here", count),
                     fmt::format("at most {}: name them in rules", limits::kRulesPerSourceMax));
  }
}

}  // namespace

void read_sources(const Setting& setting, ApplicationSettings& to) {
  const auto items = setting.items();
  if (!items) return;
  if (items->empty()) setting.refuse("is an empty list", "leave it out");
  for (const Setting& item : *items) {
    SourceSettings source;
    settings::read_keys(item, kSourceKeys, source);
    if (!check_place(item, source, to)) continue;
    if (!source.path.empty()) check_path(item, source, to);
    check_rule_names(item, source, to);
    to.sources.push_back(std::move(source));
  }
}

void read_rules(const Setting& setting, ApplicationSettings& to) {
  const auto items = setting.items();
  if (!items) return;
  if (items->empty()) setting.refuse("is an empty list", "leave it out");
  std::set<std::string> names;
  for (const Setting& item : *items) {
    RuleSettings rule;
    settings::read_keys(item, kRuleKeys, rule);
    if (!rule.name.empty() && !names.insert(rule.name).second) {
      item.refuse_keys({"name"}, quoted(rule.name) + " is the name of another rule too", "one name for each rule");
    }
    compile_rule(item, rule);
    to.rules.push_back(std::move(rule));
  }
}

void check_counting(const Setting& table, const ApplicationSettings& application) {
  const bool has_sources = table.at("source").has_value();
  const bool has_rules = table.at("rule").has_value();
  const bool has_preset =
      std::ranges::any_of(application.sources, [](const auto& source) { return !source.preset.empty(); });
  if (has_sources && !has_rules && !has_preset) {
    table.refuse_keys({"source"}, "has no rule: no line would count as an error",
                      fmt::format("add [[{}.rule]] with name and match, or preset to the source", table.key()));
  } else if (has_rules && !has_sources) {
    table.refuse_keys({"rule"}, "has no source: there is nothing to count in",
                      fmt::format("add [[{}.source]] with path or journal", table.key()));
  }
  for (const auto& source : application.sources) {
    if (source.record_start.empty() || count::is_multiline(source)) continue;
    table.refuse_keys({"source"},
                      fmt::format("record_start of {} has no effect: each of its lines is an event",
                                  quoted(source.path.empty() ? "the journal" : source.path)),
                      "leave it out, or leave out multiline = false and presets of one line an event");
  }
  for (const auto& rule : application.rules) {
    const auto counts_it = [&](const SourceSettings& source) {
      return std::ranges::any_of(count::rules_of(source, application),
                                 [&](const auto& used) { return used.name == rule.name; });
    };
    if (application.sources.empty() || rule.name.empty() || std::ranges::any_of(application.sources, counts_it))
      continue;
    table.refuse_keys(
        {"rule"}, fmt::format("no source counts rule {}", quoted(rule.name)),
        fmt::format("a source with a preset counts only the rules that it names: rules = [\"{}\"]", rule.name));
  }
  // Each rule is good alone; together they may be too many.
  for (const auto& source : application.sources) {
    const auto rules = count::rules_of(source, application);
    if (rules.size() > limits::kRulesPerSourceMax) continue;
    if (std::ranges::any_of(rules, [](const auto& rule) { return count::mistake_in(rule).has_value(); })) continue;
    const auto matcher = count::SourceMatcher::compile(source, application);
    if (!matcher) {
      table.refuse_keys({"source"}, printable(matcher.error().text),
                        "fewer or simpler rules for " + quoted(source.path));
    }
  }
}

Result<AgentSettings> parse_rules_file(std::string_view toml, const std::string& file) {
  auto table = settings::parse_toml(toml, file);
  if (!table) return std::unexpected(table.error());
  const bool is_agents = std::ranges::any_of(
      *table, [](const auto& entry) { return entry.key == "application" || entry.key == "controller"; });
  if (is_agents) return parse_agent_settings(toml, file);
  const settings::Value value{.line = 1, .data = std::move(*table)};
  std::vector<std::string> known = {"rule"};
  for (const auto& key : kSourceKeys) known.emplace_back(key.name);
  for (const auto& key : kRuleKeys) known.push_back(fmt::format("rule[].{}", key.name));
  settings::Mistakes mistakes(file, known);
  const Setting top(value, mistakes);
  ApplicationSettings application{.name = "log"};
  SourceSettings source;
  std::vector<std::string_view> names = {"rule"};
  if (const auto rules = top.at("rule", "[[rule]]")) read_rules(*rules, application);
  for (const auto& key : kSourceKeys) {
    if (key.name == "path") continue;
    names.push_back(key.name);
    if (const auto setting = top.at(key.name, key.example)) key.read(*setting, source);
  }
  top.refuse_unknown(names);
  check_rule_names(top, source, application);
  if (application.rules.empty() && source.preset.empty()) {
    top.refuse_keys({"rule"}, "is missing: no line would count as an error",
                    "add [[rule]] with name and match, or preset");
  }
  if (!mistakes.empty()) return std::unexpected(mistakes.error());
  application.sources.push_back(std::move(source));
  AgentSettings agent;
  agent.applications.emplace(application.name, std::move(application));
  return agent;
}

std::vector<std::string_view> source_keys() {
  std::vector<std::string_view> names;
  for (const auto& key : kSourceKeys) names.push_back(key.name);
  return names;
}

std::vector<std::string_view> rule_keys() {
  std::vector<std::string_view> names;
  for (const auto& key : kRuleKeys) names.push_back(key.name);
  return names;
}

}  // namespace serin::agent
