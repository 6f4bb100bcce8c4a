#include <gtest/gtest.h>

#include "agent/agent_config.h"
#include "agent/count/presets.h"

namespace serin::agent {
namespace {

const std::string kKeyA = "00" + std::string(60, '4') + "41";
const std::string kKeyB = "00" + std::string(60, '4') + "42";
const std::string kShop = "controller = \"tcp://deploy1:4700\"\ncontroller_keys = [\"" + kKeyA +
                          "\"]\nrelease_keys = [\"" + kKeyB + "\"]\n[application.shop]\nlive = \"/srv/shop/live\"\n";
const std::string kSource = "[[application.shop.source]]\n";            // line 6
const std::string kRule = "[[application.shop.rule]]\nname = \"a\"\n";  // lines 8 and 9 behind a source of one key

struct Mistake {
  std::string toml;
  std::string text;  ///< after "a.toml:"
};

std::string mistakes(const std::string& toml) {
  const auto settings = parse_agent_settings(kShop + toml, "a.toml");
  return settings ? "" : settings.error().text;
}

TEST(CountingConfig, reads_every_key) {
  const auto settings = parse_agent_settings(kShop + R"(
[[application.shop.source]]
path = "/var/log/php.log"
preset = "php-fpm"
rules = ["level", "text"]
record_start = '^\d{4}-'
samples = "raw"
[[application.shop.source]]
path = "/var/log/access.log"
requests = true
multiline = false
samples = "off"
[[application.shop.rule]]
name = "text"
match = 'PHP (Fatal|Parse) error'
unless = 'health\d'
must = "PHP "
syslog = "err"
group = "php"
[[application.shop.rule]]
name = "level"
json = "log.level"
values = ["error", "fatal"]
message = "msg"
[[application.shop.rule]]
name = "number"
json = "level"
at_least = 50
)",
                                             "a.toml");
  ASSERT_TRUE(settings) << settings.error().text;
  const auto& shop = settings->applications.at("shop");
  EXPECT_EQ(shop.sources,
            (std::vector<SourceSettings>{
                {.path = "/var/log/php.log",
                 .preset = "php-fpm",
                 .rules = {"level", "text"},
                 .record_start = R"(^\d{4}-)",
                 .samples = Samples::raw},
                {.path = "/var/log/access.log", .requests = true, .multiline = false, .samples = Samples::off}}));
  EXPECT_EQ(shop.rules, (std::vector<RuleSettings>{
                            {.name = "text",
                             .match = "PHP (Fatal|Parse) error",
                             .unless = R"(health\d)",
                             .must = "PHP ",
                             .severity = 3U,
                             .group = "php"},
                            {.name = "level", .json = "log.level", .values = {"error", "fatal"}, .message = "msg"},
                            {.name = "number", .json = "level", .at_least = 50}}));
}

TEST(CountingConfig, a_source_with_a_preset_needs_no_rules) {
  for (const auto& preset : count::presets()) {
    EXPECT_EQ(mistakes(kSource + "path = \"/var/log/a\"\npreset = \"" + std::string(preset.name) + '"'), "");
  }
}

TEST(CountingConfig, refuses_rules_and_sources_that_count_wrong) {
  const std::string re2 = "; see https://github.com/google/re2/wiki/Syntax";
  const std::string good_rule = "\n" + kRule + "match = 'a'\n";
  const std::string good_source = kSource + "path = \"/var/log/a\"\n";
  const Mistake rows[] = {
      {kSource + good_rule.substr(1),
       R"(6: application.shop.source.path: is missing in [[application.shop.source]]; add path = )"
       R"("/var/log/shop/error.log" (or journal = ["php8.2-fpm.service"]))"},
      {kSource + "path = \"a.log\"" + good_rule,
       R"(7: application.shop.source.path: "a.log" is not absolute; write the whole path from the root, such as )"
       R"("/var/log/shop/error.log")"},
      {kSource + "path = \"/var/*/a.log\"" + good_rule,
       R"(7: application.shop.source.path: "/var/*/a.log" has a pattern in a folder's name; * and ? in the last part )"
       R"(only, such as "/var/log/shop/*.log")"},
      {good_source + good_source + good_rule.substr(1),
       R"(9: application.shop.source.path: "/var/log/a" stands here twice: its errors would count double; each file once)"},
      {kSource + "path = \"/var/log/a\"\ntype = \"file\"" + good_rule,
       "8: application.shop.source.type: is unknown in [[application.shop.source]]; known here: path, journal, "
       "priority, "
       "journal_dir, preset, rules, requests, multiline, record_start, samples"},
      {good_source + "preset = \"iis\"" + good_rule,
       "8: application.shop.source.preset: \"iis\" is no preset; one of apache, apache-access, bunyan, java, json, "
       "mediawiki, mongodb, nginx, nginx-access, php-fpm, python, syslog"},
      {good_source + "rules = [\"a\", \"b\"]" + good_rule,
       "8: application.shop.source.rules: \"b\" is no rule of this application; one of a"},
      {good_source + "record_start = '['" + good_rule,
       "8: application.shop.source.record_start: record_start = '[': missing ]: [" + re2},
      {good_source + "multiline = \"no\"" + good_rule,
       "8: application.shop.source.multiline: \"no\" is text; true or false is needed, such as false"},
      {good_source + "samples = \"all\"" + good_rule,
       R"(8: application.shop.source.samples: "all" is none of the choices; "normalised", "raw" or "off")"},
      {kSource + "path = \"/var/log/a\"\nmultiline = false\nrecord_start = '^2026'" + good_rule,
       "6: application.shop.source: record_start of \"/var/log/a\" has no effect: each of its lines is an event; leave "
       "it "
       "out, or leave out multiline = false and presets of one line an event"},
      {kSource + "path = \"/var/log/a\"\npreset = \"nginx\"" + good_rule,
       "9: application.shop.rule: no source counts rule \"a\"; a source with a preset counts only the rules that it "
       "names: rules = [\"a\"]"},
      {good_source + "[[application.shop.rule]]\nmatch = 'a'",
       R"(8: application.shop.rule.name: is missing in [[application.shop.rule]]; add name = "php-fatal")"},
      {good_source + "[[application.shop.rule]]\nmatch = 'a'\nname = \"a b\"",
       R"(10: application.shop.rule.name: "a b" is no rule's name; letters, digits, '.', '-' and '_', not first '.' or )"
       "'-', at most 64 bytes"},
      {good_source + kRule,
       "8: application.shop.rule.match: is missing in [[application.shop.rule]]; add match = 'PHP Fatal error'"},
      {good_source + kRule + "match = ''",
       R"(10: application.shop.rule.match: "" fits every line; write '.*' if that is meant)"},
      {good_source + kRule + "match = '('", "10: application.shop.rule.match: rule a: match = '(': missing ): (" + re2},
      {good_source + kRule + "match = 'a'\nunless = 'a(?!b)'",
       "11: application.shop.rule.unless: rule a: unless = 'a(?!b)', column 2: invalid perl operator: (?!; RE2 has no "
       "lookaround: unless = says \"but not\""},
      {good_source + kRule + "match = '(a)x\\1'",
       "10: application.shop.rule.match: rule a: match = '(a)x\\1', column 5: invalid escape sequence: \\1; RE2 has no "
       "backreferences: write out what may stand there"},
      {good_source + "[[application.shop.rule]]\nmatch = '('",
       "8: application.shop.rule.name: is missing in [[application.shop.rule]]; add name = \"php-fatal\"\n"
       "a.toml:9: application.shop.rule.match: rule without a name: match = '(': missing ): (" +
           re2},
      {good_source + kRule + "match = 'a'\n" + kRule + "match = 'b'",
       R"(12: application.shop.rule.name: "a" is the name of another rule too; one name for each rule)"},
      {good_source + kRule + "must = \"ab\"",
       "10: application.shop.rule.must: rule a: must = 'ab' is in too many lines; at least 3 bytes"},
      {good_source + kRule + "json = \"level\"",
       "10: application.shop.rule.json: rule a: json needs one of values and at_least; such as values = [\"error\", "
       "\"fatal\"], or at_least = 50"},
      {good_source + kRule + "match = 'a'\njson = \"level\"\nat_least = 50",
       "11: application.shop.rule.json: rule a: json beside match, must or syslog; a rule of its own for each; unless "
       "goes with both"},
      {good_source + kRule + "match = 'a'\nvalues = [\"x\"]",
       "11: application.shop.rule.values: rule a: values without json; add json = with the key that they are about"},
      {good_source + kRule + "syslog = \"error\"",
       R"(10: application.shop.rule.syslog: "error" is none of the choices; "emerg", "alert", "crit", "err", "warning", )"
       R"("notice", "info" or "debug")"},
      {good_source + kRule + "match = 'a'\ngroup = \"a b\"",
       R"(11: application.shop.rule.group: "a b" is no group's name; letters, digits, '.', '-' and '_', not first '.' or )"
       "'-', at most 64 bytes"},
  };
  for (const Mistake& row : rows) EXPECT_EQ(mistakes(row.toml), "a.toml:" + row.text);
}

TEST(CountingConfig, refuses_more_rules_than_one_source_can_have) {
  std::string toml = kSource + "path = \"/var/log/a\"\n";
  const auto rule = [](int i) {
    return "[[application.shop.rule]]\nname = \"r" + std::to_string(i) + "\"\nmatch = 'abc'\n";
  };
  for (int i = 0; i < 64; ++i) toml += rule(i);
  EXPECT_EQ(mistakes(toml), "");
  EXPECT_EQ(mistakes(toml + rule(64)),
            "a.toml:7: application.shop.source.path: 65 rules count here; at most 64: name them in rules");
}

}  // namespace
}  // namespace serin::agent
