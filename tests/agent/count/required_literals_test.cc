#include "agent/count/required_literals.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace serin::count {
namespace {

using Texts = std::vector<std::string>;

Texts of(std::string_view expression) {
  return required_literals(expression);
}

TEST(RequiredLiterals, are_the_rarest_bytes_that_a_line_must_hold) {
  struct Case {
    std::string expression;
    Texts texts;
  };
  const Case cases[] = {
      {"PHP Fatal error", {"PHP Fatal error"}},
      {"PHP (?:Fatal|Parse) error", {"PHP Fatal error", "PHP Parse error"}},
      {R"(\[(?:error|crit)\])", {"[crit]", "[error]"}},
      {R"(" 5\d\d )", {"\" 5"}},
      {R"(\b(?:ERROR|FATAL)\b)", {"ERROR", "FATAL"}},
      {R"(^\d{4}/\d\d \[(?:error|emerg)\])", {" [emerg]", " [error]"}},
      {R"(Error from line \d+)", {"Error from line "}},
      {"a+bcd", {"bcd"}},
      {"(abc)+", {"abc"}},
      {"(?:abc){2}", {"abcabc"}},
      {"x(?:abc){2,}", {"abcabc"}},
      {"abcd?", {"abc", "abcd"}},
      {"fooo??bar", {"foobar", "fooobar"}},
      {"(?i)oom", {"OOM", "OOm", "OoM", "Oom", "oOM", "oOm", "ooM", "oom"}},
      {"abc(?i)d|efg", {"EFG", "EFg", "EfG", "Efg", "abcD", "abcd", "eFG", "eFg", "efG", "efg"}},
      {R"(\Qa.bc\E+d)", {"a.b"}},
      {R"(a\.b\x41\t)", {"a.bA\t"}},
      {"[ab]cd", {"acd", "bcd"}},
      {"(?P<name>abc)", {"abc"}},
      {"abc{,2}", {"abc{,2}"}},
      {"a]b}", {"a]b}"}},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(of(one.expression), one.texts) << one.expression;
  }
}

TEST(RequiredLiterals, are_none_where_no_three_bytes_must_be_there) {
  for (const char* expression : {"", ".*", "ab", "a|bcd", "abc|.", "(?:abc)?", "(?:abc)*", "(?:abc){0,3}", "[a-z]+",
                                 R"(\d+\.\d+)", "^$", "(?i)\xc3\xa9\xc3\xa8"}) {
    EXPECT_EQ(of(expression), Texts{}) << expression;
  }
}

TEST(RequiredLiterals, say_nothing_of_what_they_do_not_understand) {
  // In each of these what looks like a literal would be wrong, or what follows could change it.
  for (const char* expression : {"abc(?i)*", R"(abc\Q\E*)", R"(abc\101)", R"(abc\x{41})", "abc(", "abc[", "abc(?=d)",
                                 R"(abc\y)", "abc[[:nope"}) {
    EXPECT_EQ(of(expression), Texts{}) << expression;
  }
}

TEST(RequiredLiterals, windows_are_where_the_rarest_bytes_are) {
  EXPECT_EQ(rarest_window("the FATAL one"), 4U);
  EXPECT_EQ(rarest_window("abc"), 0U);
  EXPECT_GT(rarity("FATAL"), rarity("fatal"));
}

}  // namespace
}  // namespace serin::count
