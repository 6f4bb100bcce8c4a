#include "agent/count/json_line.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/agent/count/matcher_fixture.h"

namespace serin::count {
namespace {

using Kind = JsonValue::Kind;

const std::vector<std::string> kKeys = {"level", "msg"};

/// "broken", or what level and msg have.
std::string members(std::string_view line) {
  std::vector<JsonValue> values(2);
  if (!find_json_members(line, kKeys, values)) return "broken";
  std::string text;
  for (const auto& value : values) {
    text +=
        std::string(text.empty() ? "" : " ") + "-tnwo"[static_cast<std::size_t>(value.kind)] + std::string(value.raw);
  }
  return text;
}

TEST(JsonLine, finds_members_of_the_outermost_object_only) {
  struct Case {
    std::string line, found;
  };
  const Case cases[] = {
      {R"({"level":"error","msg":"x"})", "terror tx"},
      {R"( { "msg" : "x" , "level" : 50 } )", "n50 tx"},
      {R"({"labels":{"level":"error"},"msg":"x","level":"info"})", "tinfo tx"},
      {R"({"a":[{"level":"error"},"]",[1,2]],"level":true})", "wtrue -"},
      {R"({"a":"\"level\":\"error\",","level":"info"})", "tinfo -"},
      {R"({"a":"ends with \\","level":"info"})", "tinfo -"},
      {R"({"\u006cevel":"error"})", "terror -"},
      {R"({"level":"error","level":"info"})", "terror -"},
      {R"({"level":{"a":1}})", R"(o{"a":1} -)"},
      {R"({"xlevel":"error","LEVEL":"error"})", "- -"},
      {"{}", "- -"},
      {"\xef\xbb\xbf{\"level\":1}", "n1 -"},
      {R"({"level":-1.5e3,"msg":null})", "n-1.5e3 wnull"},
      {"", "broken"},
      {"level: error", "broken"},
      {"[1]", "broken"},
      {"{} x", "broken"},
      {R"({"level")", "broken"},
      {R"({"level":"err)", "broken"},
      {R"({"level":error})", "broken"},
      {R"({"a":[1,2)", "broken"},
      {R"({"a":1 "level":2})", "broken"},
      {R"({"a":1,})", "broken"},
      {R"({level:1})", "broken"},
      {R"({"a":1,"level":2)", "broken"},
  };
  for (const auto& one : cases) EXPECT_EQ(members(one.line), one.found) << one.line;
}

TEST(JsonLine, looks_no_further_than_the_last_key_that_is_wanted) {
  EXPECT_EQ(members(R"({"level":"error","msg":"x", then nonsense)"), "terror tx");
}

TEST(JsonLine, gives_a_text_without_its_escapes) {
  EXPECT_EQ(json_text(R"(a\"b\\c\/d\n\t\u00e9\ud83d\ude00)", 100), "a\"b\\c/d\n\t\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(json_text(R"(\ud800x\udc00\u12\q\)", 100), "\xef\xbf\xbdx\xef\xbf\xbd\\u12\\q");
  EXPECT_EQ(json_text(std::string(50, 'x'), 7), "xxxxxxx");
}

TEST(JsonLine, a_number_may_stand_in_quotes) {
  EXPECT_EQ(json_number({.kind = Kind::number, .raw = "50"}), 50);
  EXPECT_EQ(json_number({.kind = Kind::text, .raw = "5e1"}), 50);
  for (const char* none : {"", "50x", " 50", "error"})
    EXPECT_EQ(json_number({.kind = Kind::text, .raw = none}), std::nullopt);
  EXPECT_EQ(json_number({.kind = Kind::word, .raw = "true"}), std::nullopt);
}

agent::RuleSettings level_rule() {
  return {.name = "level", .json = "log.level", .values = {"error", "Fatal"}, .message = "msg"};
}

TEST(JsonRules, see_levels_of_any_case_and_not_the_nested_ones) {
  const auto matcher = matcher_for({}, {level_rule()});
  const std::string text = R"({"log.level":"ERROR","msg":"a \"quoted\" one"}
{"labels":{"log.level":"error"},"log.level":"info","msg":"b"}
{"msg":"\"log.level\":\"error\"","log.level":"info"}
{"msg":"Error in an info message","log.level":"info"}
{"log.level":"fatal"}
{"log":{"level":"error"}}
)";
  EXPECT_EQ(count_in_any_steps(matcher, text),
            (Counted{.found = {.lines = 6, .errors = 2, .by_rule = {2}},
                     .messages = {{"level: a <q> one", 1}, {"level: {<q>:<q>}", 1}}}));
}

TEST(JsonRules, take_levels_as_numbers) {
  const auto matcher = matcher_for({.preset = "bunyan"}, {});
  const std::string text = R"({"name":"shop","level":30,"msg":"fine"}
{"name":"shop","level":50,"msg":"broken"}
{"name":"shop","level":"60","msg":"dead"}
{"name":"shop","level":"error","msg":"a word"}
{"name":"shop","msg":"none"}
)";
  EXPECT_EQ(count_in_any_steps(matcher, text), (Counted{.found = {.lines = 5, .errors = 2, .by_rule = {2}},
                                                        .messages = {{"bunyan: broken", 1}, {"bunyan: dead", 1}}}));
}

TEST(JsonRules, a_line_that_is_no_json_is_unparsed_and_shown_to_the_text_rules) {
  const auto matcher = matcher_for({}, {level_rule(), text_rule("text", "error")});
  const std::string text =
      "{\"log.level\":\"error\"}\n{\"log.level\":\"info\",\"msg\":\"error\"}\nan error\nfine\n\n{\"log.level\":\"err";
  EXPECT_EQ(count_in_any_steps(matcher, text).found,
            (Findings{.lines = 6, .errors = 2, .unparsed = 3, .by_rule = {1, 1}}));
}

TEST(JsonRules, unless_is_found_in_the_whole_line) {
  auto rule = level_rule();
  rule.unless = "health";
  const auto matcher = matcher_for({}, {rule});
  EXPECT_EQ(
      count_all(matcher, "{\"log.level\":\"error\",\"path\":\"/health\"}\n{\"log.level\":\"error\"}\n").found.errors,
      1U);
}

}  // namespace
}  // namespace serin::count
