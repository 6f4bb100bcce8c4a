#include "protocol/text.h"

#include <gtest/gtest.h>

namespace serin {
namespace {

using namespace std::literals;

TEST(Printable, leaves_plain_text_and_utf8_as_it_is) {
  for (const std::string& text : {""s, "plain text"s, "naïve café"s, "日本語"s, "🐤 canary"s, "\"quoted\\n\""s}) {
    EXPECT_EQ(printable(text), text);
    EXPECT_EQ(printable_lines(text), text);
  }
}

TEST(Printable, shows_control_bytes_instead_of_sending_them) {
  EXPECT_EQ(printable("\033[2J\033]0;owned\a"), "\\e[2J\\e]0;owned\\x07");
  EXPECT_EQ(printable("a\nb\tc\rd\0e\x7f"s), "a\\nb\\tc\\rd\\x00e\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m")
      << "the C1 form of ESC [";
}

TEST(Printable, shows_what_is_not_utf8_byte_by_byte) {
  EXPECT_EQ(printable("a\xff\xfe z"), "a\\xff\\xfe z");
  EXPECT_EQ(printable("\x9b[0m"), "\\x9b[0m") << "a lone C1 byte";
  EXPECT_EQ(printable("\xc0\x8a"), "\\xc0\\x8a") << "an overlong line feed";
  EXPECT_EQ(printable("\xe0\x80\x8a"), "\\xe0\\x80\\x8a");
  EXPECT_EQ(printable("\xf0\x80\x80\x8a"), "\\xf0\\x80\\x80\\x8a");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "half of a surrogate pair";
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "beyond U+10FFFF";
  EXPECT_EQ(printable("caf\xc3"), "caf\\xc3") << "cut off";
  EXPECT_EQ(printable("\xc3\x28"), "\\xc3(");
}

TEST(Printable, shows_characters_that_reorder_or_hide_what_is_read) {
  const std::vector<std::string> treacherous{
      "\u202e",      // right-to-left override
      "\u2066",      // isolate
      "\u200b",      // zero width space
      "\u200f",      // right-to-left mark
      "\u2028",      // line separator
      "\u061c",      // Arabic letter mark
      "\u180e",      // Mongolian vowel separator
      "\u00ad",      // soft hyphen
      "\ufeff",      // byte order mark
      "\ufff9",      // interlinear annotation
      "\U000e0041",  // tag
  };
  for (const std::string& character : treacherous) {
    const std::string shown = printable("a" + character + "b");
    EXPECT_TRUE(shown.starts_with("a\\x")) << shown;
    EXPECT_TRUE(shown.ends_with("b")) << shown;
  }
}

TEST(Printable, keeps_line_feeds_only_where_lines_are_wanted) {
  EXPECT_EQ(printable_lines("one\ntwo\r\n\033[1m"), "one\ntwo\\r\n\\e[1m");
  EXPECT_EQ(printable("one\ntwo"), "one\\ntwo");
}

TEST(Printable, cuts_what_is_too_long_and_says_how_much) {
  EXPECT_EQ(printable("abcdef", 6), "abcdef");
  EXPECT_EQ(printable("abcdef", 4), "abcd… (2 bytes more)");
  EXPECT_EQ(printable("ééé", 5), "éé… (2 bytes more)") << "never inside a character";
  EXPECT_EQ(printable("abc", 0), "… (3 bytes more)");
  const std::string megabyte(1U << 20, 'm');
  EXPECT_EQ(printable(megabyte), std::string(512, 'm') + "… (1048064 bytes more)");
  EXPECT_EQ(printable_lines(megabyte), std::string(8'192, 'm') + "… (1040384 bytes more)");
  EXPECT_EQ(printable(std::string(1U << 20, '\033'), 2), "\\e\\e… (1048574 bytes more)");
}

TEST(Printable, gives_nothing_that_a_terminal_obeys_whatever_the_bytes) {
  std::string every_pair;
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      every_pair = {static_cast<char>(first), static_cast<char>(second)};
      for (const char byte : printable(every_pair)) {
        const auto value = static_cast<unsigned char>(byte);
        EXPECT_TRUE(value >= 0x20 && value != 0x7f) << first << " " << second;
      }
      EXPECT_EQ(printable(printable(every_pair)), printable(every_pair));
    }
  }
}

TEST(DurationText, is_the_shortest_exact_form) {
  EXPECT_EQ(duration_text(0ms), "0ms");
  EXPECT_EQ(duration_text(250ms), "250ms");
  EXPECT_EQ(duration_text(1'500ms), "1500ms");
  EXPECT_EQ(duration_text(20s), "20s");
  EXPECT_EQ(duration_text(60s), "1m");
  EXPECT_EQ(duration_text(90s), "1m30s");
  EXPECT_EQ(duration_text(1h), "1h");
  EXPECT_EQ(duration_text(90min), "1h30m");
  EXPECT_EQ(duration_text(1h + 1s), "1h1s");
  EXPECT_EQ(duration_text(49h), "49h");
  EXPECT_EQ(duration_text(-90s), "-1m30s");
}

TEST(AgeText, is_one_unit) {
  EXPECT_EQ(age_text(-5s), "now");
  EXPECT_EQ(age_text(1'999ms), "now");
  EXPECT_EQ(age_text(2s), "2 s");
  EXPECT_EQ(age_text(119s), "119 s");
  EXPECT_EQ(age_text(120s), "2 min");
  EXPECT_EQ(age_text(2h), "2 h");
  EXPECT_EQ(age_text(47h), "47 h");
  EXPECT_EQ(age_text(48h), "2 d");
}

TEST(BytesText, has_three_digits_or_four_and_a_unit) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1'000), "1.0 kB");
  EXPECT_EQ(bytes_text(12'400), "12.4 kB");
  EXPECT_EQ(bytes_text(999'949), "999.9 kB");
  EXPECT_EQ(bytes_text(999'950), "1.0 MB");
  EXPECT_EQ(bytes_text(1'900'000), "1.9 MB");
  EXPECT_EQ(bytes_text(~0ULL), "18.4 EB");
}

TEST(PlainName, is_letters_digits_and_three_signs) {
  for (const std::string& name : {"a"s, "Web-12.example_org"s, "0"s, "_x"s, "a..b"s, std::string(64, 'n')}) {
    EXPECT_TRUE(is_plain_name(name)) << name;
  }
  for (const std::string& name :
       {""s, "."s, ".."s, ".a"s, "-a"s, "a b"s, "a/b"s, "a\n"s, "a\0"s, "é"s, "a*"s, "a:b"s, std::string(65, 'n')}) {
    EXPECT_FALSE(is_plain_name(name)) << name;
  }
  EXPECT_TRUE(is_plain_name("abc", 3));
  EXPECT_FALSE(is_plain_name("abcd", 3));
}

struct PatternCase {
  const char* pattern;
  const char* name;
  bool matches;
};

TEST(MatchesPattern, is_shell_style_over_the_whole_name) {
  const std::vector<PatternCase> cases{
      {"web-1", "web-1", true},
      {"web-1", "web-10", false},
      {"web-1", "xweb-1", false},
      {"", "", true},
      {"", "a", false},
      {"a", "", false},
      {"*", "", true},
      {"*", "anything", true},
      {"**", "x", true},
      {"web-*", "web-", true},
      {"web-*", "web-12", true},
      {"web-*", "db-12", false},
      {"*-1", "web-1", true},
      {"*-1", "web-1-1", true},
      {"*-1", "web-12", false},
      {"*.*.org", "a.b.org", true},
      {"*.*.org", "a.org", false},
      {"a*b*c", "aXbYc", true},
      {"a*b*c", "aXcYb", false},
      {"web-?", "web-1", true},
      {"web-?", "web-", false},
      {"web-?", "web-12", false},
      {"?*", "a", true},
      {"?*", "", false},
      {"web-[123]", "web-2", true},
      {"web-[123]", "web-4", false},
      {"web-[0-9]", "web-7", true},
      {"web-[0-9]", "web-x", false},
      {"[a-cx]", "x", true},
      {"[a-cx]", "b", true},
      {"[a-cx]", "d", false},
      {"[]]", "]", true},
      {"[]]", "a", false},
      {"[a-]", "-", true},
      {"[a-]", "b", false},
      {"[0-9]*[0-9]", "1", false},
      {"[0-9]*[0-9]", "1a2", true},
      {"*[0-9]", "web12", true},
      {"[ab", "a", true},
      {"[", "[", false},
      {"Web", "web", false},
  };
  for (const PatternCase& row : cases) {
    EXPECT_EQ(matches_pattern(row.pattern, row.name), row.matches) << row.pattern << " " << row.name;
  }
}

TEST(MatchesPattern, costs_no_more_than_pattern_times_name) {
  std::string stars;
  for (int i = 0; i < 50; ++i) stars += "*a";
  EXPECT_FALSE(matches_pattern(stars + "b", std::string(1'000, 'a'))) << "ends at all";
}

}  // namespace
}  // namespace serin
