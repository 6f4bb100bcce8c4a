#include "agent/count/rule_set.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/agent/count/matcher_fixture.h"

namespace serin::count {
namespace {

using agent::RuleSettings;

RuleSet rules_of(const std::vector<RuleSettings>& rules) {
  auto set = RuleSet::compile(rules);
  EXPECT_TRUE(set) << (set ? "" : set.error().text);
  return std::move(*set);
}

/// Three rules are asked at once, fewer one by one.
RuleBits fitting(const RuleSet& rules, std::string_view line, std::size_t count = 3) {
  return rules.look(line, (RuleBits{1} << count) - 1).rules;
}
/// Of one rule.
bool is_error(const RuleSet& rules, std::string_view line, std::size_t count = 1) {
  return fitting(rules, line, count) != 0;
}

TEST(RuleSet, finds_a_rule_anywhere_in_the_line) {
  const auto rules = rules_of({text_rule("php", "PHP (?:Fatal|Parse) error"),
                               text_rule("word", R"(\b(?:ERROR|FATAL)\b)"), text_rule("none", "unheard of")});
  EXPECT_EQ(fitting(rules, "[x] PHP Fatal error: y"), 1U);
  EXPECT_EQ(fitting(rules, "2026 ERROR z"), 2U);
  EXPECT_EQ(fitting(rules, "ERROR: PHP Parse error"), 3U);
  EXPECT_EQ(fitting(rules, "TERRORS and PHP Notice"), 0U);
  EXPECT_EQ(fitting(rules, ""), 0U);
}

TEST(RuleSet, unless_belongs_to_its_own_rule) {
  const auto rules =
      rules_of({text_rule("error", "error", "No such file"), text_rule("crit", "crit"), text_rule("third", "no line")});
  EXPECT_EQ(fitting(rules, "error: disk"), 1U);
  EXPECT_EQ(fitting(rules, "error: No such file"), 0U);
  EXPECT_EQ(fitting(rules, "crit error: No such file"), 2U) << "the other rule has no such exception";
}

TEST(RuleSet, anchors_and_flags_of_one_rule_do_not_reach_the_next) {
  const auto all = [](std::string_view line) {
    const std::vector<RuleSettings> rules = {text_rule("caseless", "(?i)oom"),    text_rule("start", "^Traceback"),
                                             text_rule("quoted", R"(\Q)|(\E?x)"), text_rule("end", "died$|gone"),
                                             text_rule("named", "(?P<a>one)"),    text_rule("named too", "(?P<a>two)")};
    return rules_of(rules).look(line, 0x3f).rules;
  };
  EXPECT_EQ(all("OoM killer"), 1U);
  EXPECT_EQ(all("Traceback (most recent call last):"), 2U);
  EXPECT_EQ(all("  Traceback"), 0U);
  EXPECT_EQ(all("traceback"), 0U);
  EXPECT_EQ(all(")|(x"), 4U);
  EXPECT_EQ(all("it died"), 8U);
  EXPECT_EQ(all("it died again"), 0U);
  EXPECT_EQ(all("a two b"), 32U);
}

TEST(RuleSet, takes_any_bytes) {
  const auto rules = rules_of({text_rule("any", "^E.R$|schl\xc3\xa4gt fehl")});
  EXPECT_TRUE(is_error(rules, std::string("E\0R", 3)));
  EXPECT_TRUE(is_error(rules, "E\xffR")) << "a byte that is not UTF-8 is one character";
  EXPECT_TRUE(is_error(rules, "schl\xc3\xa4gt fehl")) << "the rule's own UTF-8 bytes are found";
}

TEST(RuleSet, finds_alternatives_that_begin_with_the_same_bytes_beyond_ascii) {
  for (const char* expression : {"\xc3\xa9|\xc3\xa9?",
                                 "[\xc3]|\xc3\x9c"
                                 "ber",
                                 "(?s:\xc3\xa9"
                                 "b|\xc3\xa9"
                                 "c)",
                                 R"(\xc3|\xc3?x)", R"(\303|\303?x)", "^a \xc3\xa9|^a \xc3\xa9?"}) {
    const auto rules =
        rules_of({text_rule("one", expression), text_rule("two", expression), text_rule("three", expression)});
    EXPECT_TRUE(is_error(rules,
                         "a \xc3\xa9"
                         "b",
                         1))
        << expression;
    EXPECT_TRUE(is_error(rules,
                         "a \xc3\xa9"
                         "b",
                         3))
        << expression;
  }
}

TEST(RuleSet, what_is_given_of_match_must_and_syslog_must_all_hold) {
  const auto rules = rules_of({{.name = "all", .match = "dis[ck]", .must = "sda", .severity = 3U}});
  EXPECT_TRUE(is_error(rules, "<11>disk sda"));
  EXPECT_FALSE(is_error(rules, "<12>disk sda")) << "a warning";
  EXPECT_FALSE(is_error(rules, "<11>disk sdb"));
  EXPECT_FALSE(is_error(rules, "<11>tape sda"));
  EXPECT_FALSE(is_error(rules, "disk sda"));
}

TEST(RuleSet, syslog_takes_a_priority_at_the_lines_beginning) {
  const auto rules = rules_of({{.name = "err", .severity = 3U}});
  for (const char* error : {"<0>x", "<3>x", "<11>1 2026-01-01T00:00:00Z h a - - - x", "<187>x", "<003>x"}) {
    EXPECT_TRUE(is_error(rules, error)) << error;
  }
  for (const char* none :
       {"<4>x", "<12>x", "<191>x", "<192>x", "<>x", "<3x", "<0003>x", "3>x", " <3>x", "<-3>x", "<3"}) {
    EXPECT_FALSE(is_error(rules, none)) << none;
  }
}

TEST(RuleSet, a_rule_without_three_bytes_that_must_be_there_is_asked_for_every_line) {
  const auto rules = rules_of({text_rule("fast", "ERROR"),
                               text_rule("slow", "E.*R|x"),
                               {.name = "mended", .match = "E.*R|x", .must = "sda"},
                               {.name = "priority", .severity = 3U}});
  EXPECT_EQ(rules.slow(), 2U);
  EXPECT_EQ(rules.every_line(), 2U + 8U);
  EXPECT_EQ(rules.look("x", 0).rules, 2U);
}

TEST(RuleSet, refuses_what_re2_cannot_take_with_name_key_column_and_reason) {
  const auto text_for = [](const RuleSettings& rule) {
    const auto set = RuleSet::compile({text_rule("fine", "x"), rule});
    return set ? std::string("accepted") : set.error().text;
  };
  EXPECT_EQ(text_for(text_rule("look", "ab(?=b)")),
            "rule look: match = 'ab(?=b)', column 3: invalid perl operator: (?=");
  EXPECT_EQ(text_for(text_rule("back", "x", R"((a)\1)")),
            R"(rule back: unless = '(a)\1', column 4: invalid escape sequence: \1)");
  EXPECT_EQ(text_for(text_rule("open", "(a")), "rule open: match = '(a': missing ): (a");
  EXPECT_EQ(text_for(text_rule("two", R"(ERROR\n\s+at)")),
            R"(rule two: match = 'ERROR\n\s+at' fits no line: a newline ends it)");
  EXPECT_EQ(text_for(text_rule("one of two", R"(ERROR\n|FATAL)")), "accepted");
  EXPECT_NE(text_for(text_rule("big", "((a{1000}){1000}){1000}")), "accepted");
  EXPECT_NE(text_for(text_rule("long", std::string(5'000, 'a'))), "accepted");
}

TEST(RuleSet, is_linear_where_backtracking_would_not_end) {
  const auto rules = rules_of({text_rule("evil", "^(a+)+$"), text_rule("other", "zzz"), text_rule("third", "yyy")});
  for (const std::size_t count : {1UL, 3UL}) {
    EXPECT_FALSE(is_error(rules, std::string(16'000, 'a') + "!", count));
    EXPECT_TRUE(is_error(rules, std::string(16'000, 'a'), count));
  }
}

// These rules' automata have about 2^18 states: more than their memory holds.
TEST(RuleSet, is_right_and_silent_when_the_states_do_not_fit) {
  const auto rules = rules_of({text_rule("wide", "[ab]*a[ab]{18}c"), text_rule("too", "[ab]*b[ab]{19}d"),
                               text_rule("third", "[ab]*b[ab]{17}e")});
  std::string line;
  std::uint32_t state = 1;
  for (int i = 0; i < 12'000; ++i) {
    state = state * 1'664'525U + 1'013'904'223U;
    line += (state >> 24U) % 2 == 0 ? 'a' : 'b';
  }
  testing::internal::CaptureStderr();
  for (const std::size_t count : {1UL, 3UL}) {
    EXPECT_FALSE(is_error(rules, line, count));
    EXPECT_TRUE(is_error(rules, line + "a" + std::string(18, 'b') + "c", count));
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(RuleSet, takes_more_rules_than_one_automaton_holds) {
  std::vector<RuleSettings> settings;
  settings.reserve(40);
  for (int i = 0; i < 40; ++i) {
    settings.push_back(text_rule(std::to_string(i), fmt::format("<{}>[xy]{{900}}q", i), "but not"));
  }
  testing::internal::CaptureStderr();
  const auto rules = rules_of(settings);
  const std::string body(900, 'x');
  const auto all = (RuleBits{1} << 40U) - 1;
  EXPECT_EQ(rules.look("<39>" + body + "q", all).rules, RuleBits{1} << 39U);
  EXPECT_EQ(rules.look("<39>" + body + "q but not", all).rules, 0U);
  EXPECT_EQ(rules.look("<40>" + body + "q", all).rules, 0U);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace serin::count
