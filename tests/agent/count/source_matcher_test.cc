#include "agent/count/source_matcher.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/limits.h"
#include "tests/agent/count/matcher_fixture.h"

namespace serin::count {
namespace {

constexpr auto kMost = limits::kLineBytesMatched;
const agent::SourceSettings kPlain{.multiline = false};

TEST(SourceMatcher, counts_lines_and_errors_whatever_the_pieces) {
  const auto matcher = matcher_for(kPlain, {text_rule("error", "ERROR")});
  const std::string text("one ERROR\n\ntwo\r\n\r\nthr\0ee ERROR\n\rfour\r\r\nERROR\nhalf ERROR", 55);
  EXPECT_EQ(count_in_any_steps(matcher, text), (Counted{.found = {.lines = 8, .errors = 4, .by_rule = {4}},
                                                        .messages = {{"error: one ERROR", 1},
                                                                     {"error: thr ee ERROR", 1},
                                                                     {"error: ERROR", 1},
                                                                     {"error: half ERROR", 1}}}));
}

TEST(SourceMatcher, a_return_before_the_newline_is_no_part_of_the_line) {
  const auto matcher = matcher_for(kPlain, {text_rule("end", "done$")});
  EXPECT_EQ(count_in_any_steps(matcher, "done\r\ndone\ndone\r\r\ndone \r\n").found.errors, 2U);
}

TEST(SourceMatcher, a_last_line_without_its_newline_counts_once_when_the_file_has_ended) {
  const auto matcher = matcher_for(kPlain, {text_rule("error", "ERROR")});
  EXPECT_EQ(count_in_any_steps(matcher, "a\nan ERROR").found, (Findings{.lines = 2, .errors = 1, .by_rule = {1}}));
  EXPECT_EQ(count_in_any_steps(matcher, "a\nan ERROR\n").found, (Findings{.lines = 2, .errors = 1, .by_rule = {1}}));
  EXPECT_EQ(count_in_any_steps(matcher, "").found.lines, 0U);
}

TEST(SourceMatcher, takes_bytes_that_are_no_text_as_they_are) {
  const auto matcher = matcher_for(kPlain, {text_rule("any", "^.?E.R$"), text_rule("bom", "^\xef\xbb\xbfstart"),
                                            text_rule("escape", "\x1b\\[31mred")});
  const std::string text = std::string("\xef\xbb\xbfstart\r\n") + std::string("E\0R\r\n", 5) + "E\xffR\n\xc3" +
                           "E\x80R\n\x1b[31mred\n\xfe\xff\n" + std::string("\0\n", 2);
  EXPECT_EQ(count_in_any_steps(matcher, text).found, (Findings{.lines = 7, .errors = 5, .by_rule = {3, 1, 1}}));
}

TEST(SourceMatcher, many_rules_of_one_line_are_told_apart_as_few_are) {
  std::vector<agent::RuleSettings> rules;
  rules.reserve(64);
  for (int i = 0; i < 64; ++i) rules.push_back(text_rule(std::to_string(i), "x" + std::to_string(i) + "y"));
  const auto matcher = matcher_for(kPlain, rules);
  std::string line;
  for (int i = 63; i > 0; i -= 2) line += "x" + std::to_string(i) + "y ";
  Findings expected{.lines = 3, .errors = 2, .by_rule = std::vector<std::uint64_t>(64)};
  for (int i = 1; i < 64; i += 2) expected.by_rule[static_cast<std::size_t>(i)] = 1;
  expected.by_rule[2] = 1;
  EXPECT_EQ(count_in_any_steps(matcher, line + "\nx2y\nx64y\n").found, expected);
}

TEST(SourceMatcher, without_rules_no_line_is_an_error) {
  EXPECT_EQ(count_in_any_steps(matcher_for(kPlain, {}), "ERROR\nx\n"), (Counted{.found = {.lines = 2}}));
}

TEST(SourceMatcher, a_line_that_three_rules_fit_is_one_error) {
  const auto matcher = matcher_for(
      kPlain, {text_rule("a", "disk"), text_rule("b", "ERROR"), text_rule("c", "^ERR"), text_rule("d", "other")});
  EXPECT_EQ(count_in_any_steps(matcher, "ERROR on disk\nERROR\nfine\n"),
            (Counted{.found = {.lines = 3, .errors = 2, .by_rule = {1, 2, 2, 0}},
                     .messages = {{"a: on disk", 1}, {"b: ERROR", 1}}}));
}

TEST(SourceMatcher, a_half_line_is_pending_until_its_rest_comes) {
  const auto matcher = matcher_for(kPlain, {text_rule("error", "ERROR")});
  TextState state;
  Findings found;
  SignatureTable signatures;
  matcher.take(state, "an ERR", kNow, found, signatures);
  EXPECT_EQ(state.pending_bytes(), 6U);
  EXPECT_EQ(found.lines, 0U);
  matcher.take(state, "OR\nnext", kNow, found, signatures);
  EXPECT_EQ(state.pending_bytes(), 4U);
  EXPECT_EQ(found, (Findings{.lines = 1, .errors = 1, .by_rule = {1}}));
}

TEST(SourceMatcher, a_longer_line_counts_once_by_its_first_bytes) {
  const auto matcher = matcher_for(kPlain, {text_rule("error", "ERROR"), text_rule("dot", "E.*R$")});
  const std::string text = "ERROR" + std::string(40 * kMost, 'x') + "\n" + std::string(kMost, 'y') + "ERROR\nshort\n" +
                           std::string(kMost - 3, 'z') + "ERROR\nERROR\n";
  EXPECT_EQ(count_in_any_steps(matcher, text).found,
            (Findings{.lines = 5, .errors = 3, .long_lines = 3, .by_rule = {2, 2}}));
}

TEST(SourceMatcher, a_line_is_long_when_it_has_more_bytes_than_are_matched_not_counting_its_end) {
  struct Case {
    std::string text;
    std::uint64_t long_lines;
  };
  const std::vector<Case> cases = {{std::string(kMost, 'x') + "\n", 0},
                                   {std::string(kMost, 'x') + "\r\n", 0},
                                   {std::string(kMost, 'x') + "y\n", 1},
                                   {std::string(kMost, 'x') + "y\r\n", 1},
                                   {std::string(kMost - 1, 'x') + "\r\r\n", 0}};
  const auto matcher = matcher_for(kPlain, {text_rule("error", "ERROR")});
  for (const auto& one : cases) {
    for (const std::string& text : {one.text, "a\n" + one.text + "b\n"}) {
      EXPECT_EQ(count_in_any_steps(matcher, text).found.long_lines, one.long_lines);
    }
  }
}

TEST(SourceMatcher, after_a_skip_begins_with_the_next_whole_line) {
  const auto matcher = matcher_for(kPlain, {text_rule("error", "ERROR")});
  TextState state;
  Findings found;
  SignatureTable signatures;
  matcher.take(state, "pending ERROR", kNow, found, signatures);
  SourceMatcher::skip_to_next_line(state);
  EXPECT_EQ(state.pending_bytes(), 0U);
  matcher.take(state, "ERROR rest", kNow, found, signatures);
  state = TextState::restored(state.saved());
  matcher.take(state, "ERROR else\nwhole\n", kNow, found, signatures);
  EXPECT_EQ(found, (Findings{.lines = 1, .by_rule = {0}}));
  SourceMatcher::skip_to_next_line(state);
  matcher.take(state, "torn ERROR", kNow, found, signatures);
  matcher.finish(state, kNow, found, signatures);
  EXPECT_EQ(found.lines, 1U) << "a torn line is not counted at the end either";
}

TEST(SourceMatcher, lines_of_an_access_log_are_requests) {
  const auto matcher = matcher_for({.preset = "nginx-access"}, {text_rule("own", "GET")});
  const std::string text =
      "10.0.0.1 - - [01/May/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"curl\"\n"
      "10.0.0.1 - - [01/May/2026:10:00:00 +0000] \"GET /x HTTP/1.1\" 502 5 \"-\" \"curl\"\n";
  EXPECT_EQ(count_in_any_steps(matcher, text).found, (Findings{.requests = 2, .errors = 1, .by_rule = {1}}));
}

TEST(SourceMatcher, a_source_counts_by_the_rules_that_it_names) {
  const std::vector<agent::RuleSettings> rules = {text_rule("a", "alpha"), text_rule("b", "beta")};
  EXPECT_EQ(matcher_for({}, rules).rule_names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(matcher_for({.rules = {"b"}}, rules).rule_names(), (std::vector<std::string>{"b"}));
  EXPECT_EQ(matcher_for({.preset = "bunyan"}, rules).rule_names(), (std::vector<std::string>{"bunyan"}));
  EXPECT_EQ(matcher_for({.preset = "bunyan", .rules = {"a"}}, rules).rule_names(),
            (std::vector<std::string>{"bunyan", "a"}));
}

TEST(SourceMatcher, names_its_slow_rules) {
  const auto matcher = matcher_for({}, {text_rule("fast", "(?:foo|bar)+baz"), text_rule("slow", "f.*z|ab")});
  EXPECT_EQ(matcher.slow_rules(), std::vector<std::string>{"slow"});
  EXPECT_EQ(count_in_any_steps(matcher, "ab\nfoobaz\nc\n").found,
            (Findings{.lines = 3, .errors = 2, .by_rule = {1, 2}}));
}

TEST(SourceMatcher, events_of_a_group_that_another_source_counts_are_lines_only) {
  auto matcher =
      matcher_for({}, {{.name = "php", .match = "PHP Fatal", .group = "php"}, text_rule("nginx", "upstream")});
  const std::string text = "PHP Fatal error: a\n  trace of upstream\nPHP Fatal upstream b\nupstream c\nfine\n";
  EXPECT_EQ(count_in_any_steps(matcher, text).found, (Findings{.lines = 5, .errors = 3, .by_rule = {2, 2}}));
  EventGroups groups;
  groups.counts("php", 1, SteadyTime{std::chrono::hours{1'000'000}});
  matcher.share(groups, 0);
  EXPECT_EQ(count_in_any_steps(matcher, text),
            (Counted{.found = {.lines = 5, .errors = 2, .by_rule = {0, 2}},
                     .messages = {{"nginx: PHP Fatal upstream b", 1}, {"nginx: upstream c", 1}}}))
      << "a trace of what is counted elsewhere is no error here";
}

}  // namespace
}  // namespace serin::count
