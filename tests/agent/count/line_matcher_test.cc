#include "agent/count/line_matcher.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace serin::count {
namespace {

using agent::RuleSettings;

LineMatcher matcher_of(const std::vector<RuleSettings>& rules) {
  auto matcher = LineMatcher::compile(rules);
  EXPECT_TRUE(matcher) << (matcher ? "" : matcher.error().text);
  return std::move(*matcher);
}

TEST(LineMatcher, finds_a_rule_anywhere_in_the_line) {
  const auto matcher = matcher_of({{.name = "php", .match = "PHP (?:Fatal|Parse) error", .unless = ""},
                                   {.name = "word", .match = R"(\b(?:ERROR|FATAL)\b)", .unless = ""}});
  EXPECT_TRUE(matcher.is_error("[x] PHP Fatal error: y"));
  EXPECT_TRUE(matcher.is_error("2026 ERROR z"));
  EXPECT_TRUE(matcher.is_error("ERROR"));
  EXPECT_FALSE(matcher.is_error("TERRORS and PHP Notice"));
  EXPECT_FALSE(matcher.is_error(""));
}

TEST(LineMatcher, unless_belongs_to_its_own_rule) {
  const auto matcher = matcher_of(
      {{.name = "error", .match = "error", .unless = "No such file"}, {.name = "crit", .match = "crit", .unless = ""}});
  EXPECT_TRUE(matcher.is_error("error: disk"));
  EXPECT_FALSE(matcher.is_error("error: No such file"));
  EXPECT_TRUE(matcher.is_error("crit error: No such file")) << "the other rule has no such exception";
}

TEST(LineMatcher, anchors_and_flags_of_one_rule_do_not_reach_the_next) {
  const auto matcher = matcher_of({{.name = "caseless", .match = "(?i)oom", .unless = ""},
                                   {.name = "start", .match = "^Traceback", .unless = ""},
                                   {.name = "quoted", .match = R"(\Q)|(\E?x)", .unless = ""},
                                   {.name = "end", .match = "died$|gone", .unless = ""},
                                   {.name = "named", .match = "(?P<a>one)", .unless = ""},
                                   {.name = "named too", .match = "(?P<a>two)", .unless = ""}});
  EXPECT_TRUE(matcher.is_error("OoM killer"));
  EXPECT_TRUE(matcher.is_error("Traceback (most recent call last):"));
  EXPECT_FALSE(matcher.is_error("  Traceback"));
  EXPECT_FALSE(matcher.is_error("traceback"));
  EXPECT_TRUE(matcher.is_error("it died"));
  EXPECT_FALSE(matcher.is_error("it died again"));
  EXPECT_TRUE(matcher.is_error("a two b"));
}

TEST(LineMatcher, takes_any_bytes) {
  const auto matcher = matcher_of({{.name = "dot", .match = "^E.R$", .unless = ""},
                                   {.name = "umlaut", .match = "schl\xc3\xa4gt fehl", .unless = ""}});
  EXPECT_TRUE(matcher.is_error(std::string("E\0R", 3)));
  EXPECT_TRUE(matcher.is_error("E\xffR")) << "a byte that is not UTF-8 is one character";
  EXPECT_TRUE(matcher.is_error("schl\xc3\xa4gt fehl")) << "the rule's own UTF-8 bytes are found";
}

TEST(LineMatcher, without_rules_no_line_is_an_error) {
  EXPECT_FALSE(matcher_of({}).is_error("ERROR"));
}

TEST(LineMatcher, refuses_what_re2_cannot_take_with_name_key_and_reason) {
  const auto text_for = [](const RuleSettings& rule) {
    const auto matcher = LineMatcher::compile({{.name = "fine", .match = "x", .unless = ""}, rule});
    return matcher ? std::string("accepted") : matcher.error().text;
  };
  EXPECT_EQ(
      text_for({.name = "look", .match = "a(?!b)", .unless = ""}),
      "rule look: match = 'a(?!b)': invalid perl operator: (?! (RE2 has no lookaround; unless = says \"but not\")");
  EXPECT_EQ(text_for({.name = "back", .match = "x", .unless = R"((a)\1)"}),
            R"(rule back: unless = '(a)\1': invalid escape sequence: \1 (RE2 has no backreferences))");
  EXPECT_EQ(text_for({.name = "open", .match = "(a", .unless = ""}), "rule open: match = '(a': missing ): (a");
  EXPECT_NE(text_for({.name = "big", .match = "((a{1000}){1000}){1000}", .unless = ""}), "accepted");
}

TEST(LineMatcher, is_linear_where_backtracking_would_not_end) {
  const auto matcher =
      matcher_of({{.name = "evil", .match = "^(a+)+$", .unless = ""}, {.name = "other", .match = "zzz", .unless = ""}});
  EXPECT_FALSE(matcher.is_error(std::string(16'000, 'a') + "!"));
  EXPECT_TRUE(matcher.is_error(std::string(16'000, 'a')));
}

// These rules' automata have about 2^18 states: more than their memory holds.
TEST(LineMatcher, is_right_and_silent_when_the_states_do_not_fit) {
  const auto matcher = matcher_of({{.name = "wide", .match = "[ab]*a[ab]{18}c", .unless = ""},
                                   {.name = "too", .match = "[ab]*b[ab]{19}d", .unless = ""}});
  std::string line;
  std::uint32_t state = 1;
  for (int i = 0; i < 12'000; ++i) {
    state = state * 1'664'525U + 1'013'904'223U;
    line += (state >> 24U) % 2 == 0 ? 'a' : 'b';
  }
  testing::internal::CaptureStderr();
  EXPECT_FALSE(matcher.is_error(line));
  EXPECT_TRUE(matcher.is_error(line + "a" + std::string(18, 'b') + "c"));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(LineMatcher, takes_more_rules_than_one_automaton_holds) {
  std::vector<RuleSettings> rules;
  rules.reserve(40);
  for (int i = 0; i < 40; ++i) {
    rules.push_back({.name = std::to_string(i), .match = fmt::format("<{}>[xy]{{900}}q", i), .unless = "but not"});
  }
  testing::internal::CaptureStderr();
  const auto matcher = matcher_of(rules);
  const std::string body(900, 'x');
  EXPECT_TRUE(matcher.is_error("<39>" + body + "q"));
  EXPECT_FALSE(matcher.is_error("<39>" + body + "q but not"));
  EXPECT_FALSE(matcher.is_error("<40>" + body + "q"));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace serin::count
