#include "protocol/toml_value.h"

#include <gtest/gtest.h>

namespace serin::settings {
namespace {

TEST(ParseToml, knows_the_line_of_every_key_and_value) {
  const auto file = parse_toml(R"(b = 1
a = [
  "x",
  2.5,
]

[table.deep]
key = true

[[list]]
when = 2026-01-31
[[list]]
)",
                               "f.toml");
  ASSERT_TRUE(file) << file.error().text;
  ASSERT_EQ(file->size(), 4U);
  EXPECT_EQ((*file)[0].key, "b") << "in the order of the file";
  EXPECT_EQ(std::get<std::int64_t>((*file)[0].value.data), 1);
  const auto& a = std::get<List>((*file)[1].value.data);
  EXPECT_EQ((*file)[1].line, 2U);
  EXPECT_EQ(a[0].line, 3U);
  EXPECT_EQ(std::get<std::string>(a[0].data), "x");
  EXPECT_EQ(a[1].line, 4U);
  EXPECT_EQ(std::get<double>(a[1].data), 2.5);
  const auto& table = std::get<Table>((*file)[2].value.data);
  ASSERT_EQ(table[0].key, "deep");
  EXPECT_EQ(table[0].line, 7U);
  EXPECT_EQ(std::get<Table>(table[0].value.data)[0].line, 8U);
  EXPECT_TRUE(std::get<bool>(std::get<Table>(table[0].value.data)[0].value.data));
  const auto& list = std::get<List>((*file)[3].value.data);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1].line, 12U);
  EXPECT_TRUE(std::holds_alternative<Date>(std::get<Table>(list[0].data)[0].value.data));
}

TEST(ParseToml, says_where_a_file_is_no_toml) {
  const struct {
    std::string toml, text;
  } rows[] = {
      {"wait = 20s",
       "f.toml:1:10: Error while parsing decimal integer: expected digit, saw 's'; text and durations stand in quotes, "
       "lists in [ ], see https://toml.io/en/v1.0.0"},
      {"a = 1\n\na = 2",
       "f.toml:3:5: Error while parsing key-value pair: cannot redefine existing integer 'a'; write each key and each "
       "[table] once"},
      {"[a]\n[b]\n[a]",
       "f.toml:3:1: Error while parsing table header: cannot redefine existing table 'a'; write each key and each "
       "[table] once"},
      {"a = \"\xff\"", "f.toml:1:5: Encountered invalid utf-8 sequence; save the file as UTF-8"},
  };
  for (const auto& row : rows) {
    const auto file = parse_toml(row.toml, "f.toml");
    ASSERT_FALSE(file) << row.toml;
    EXPECT_EQ(file.error().text, row.text);
    EXPECT_EQ(file.error().kind, ErrorKind::invalid);
  }
}

TEST(ParseToml, refuses_what_is_nested_too_deep) {
  const auto file = parse_toml("a = " + std::string(100'000, '['), "f.toml");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().text.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace serin::settings
