#include "protocol/settings_reader.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/text.h"

namespace serin::settings {
namespace {

using namespace std::chrono_literals;

enum class Colour { red, green };

struct Shape {
  std::string name = "none";
  std::string path = "/none";
  std::uint16_t corners = 4;
  double weight = 1.5;
  Duration age = 5s;
  std::uint32_t count = 0;
  double percent = 10;
  std::vector<std::string> command;
  Colour colour = Colour::red;
  bool filled = false;
  friend bool operator==(const Shape&, const Shape&) = default;
};

constexpr Key<Shape> kKeys[] = {
    {"name", R"("square")", [](const Setting& at, Shape& to) { at.read_text(to.name); }},
    {"path", R"("/srv")", [](const Setting& at, Shape& to) { at.read_path(to.path); }},
    {"corners", "3", [](const Setting& at, Shape& to) { at.read_whole(to.corners, 3, 65'535); }},
    {"weight", "0.5", [](const Setting& at, Shape& to) { at.read_number(to.weight, 0, 100); }},
    {"age", R"("20s")", [](const Setting& at, Shape& to) { at.read_duration(to.age, 1s, 1h); }},
    {"share", R"("10%")", [](const Setting& at, Shape& to) { at.read_share(to.count, to.percent); }},
    {"command", R"(["/bin/true"])", [](const Setting& at, Shape& to) { at.read_argv(to.command); }},
    {"colour", R"("red")",
     [](const Setting& at, Shape& to) { at.read_choice(to.colour, {{"red", Colour::red}, {"green", Colour::green}}); }},
    {"filled", "true", [](const Setting& at, Shape& to) { at.read_flag(to.filled); }},
};

struct Read {
  Shape shape;
  std::string mistakes;
};

Read read(std::string_view toml) {
  auto table = parse_toml(toml, "f.toml");
  if (!table) return {.mistakes = table.error().text};
  const Value value{.line = 1, .data = std::move(*table)};
  Mistakes mistakes("f.toml", {"name", "application.NAME.wait", "application.NAME.rule[].match"});
  Read result;
  read_keys(Setting(value, mistakes), kKeys, result.shape);
  if (!mistakes.empty()) result.mistakes = mistakes.error().text;
  return result;
}

TEST(SettingsReader, puts_every_value_that_fits_into_its_place) {
  const Read all = read(R"(name = "trïangle"
path = "//srv///shop/"
corners = 3
weight = 2
age = "1m30s"
share = 7
command = ["/bin/echo", "", "a\nb"]
colour = "green"
filled = true
)");
  EXPECT_EQ(all.mistakes, "");
  EXPECT_EQ(all.shape, (Shape{.name = "trïangle",
                              .path = "/srv/shop",
                              .corners = 3,
                              .weight = 2,
                              .age = 90s,
                              .count = 7,
                              .percent = 0,
                              .command = {"/bin/echo", "", "a\nb"},
                              .colour = Colour::green,
                              .filled = true}));
  EXPECT_EQ(read("share = \"12.5%\"").shape, (Shape{.count = 0, .percent = 12.5}));
  EXPECT_EQ(read("path = \"/\"").shape.path, "/");
  EXPECT_EQ(read("weight = 100.0").shape.weight, 100);
  EXPECT_EQ(read("command = []").mistakes, "");
}

struct Mistake {
  std::string toml;
  std::string line;  ///< after "f.toml:"
};

TEST(SettingsReader, says_of_each_mistake_where_it_is_and_what_would_be_right) {
  const Mistake rows[] = {
      {"\nname = 7", R"(2: name: 7 is a whole number; text in quotes is needed, such as "square")"},
      {"name = 7.5", R"(1: name: 7.5 is a number with a fraction; text in quotes is needed, such as "square")"},
      {"name = true", R"(1: name: true is true or false; text in quotes is needed, such as "square")"},
      {"name = 2026-01-31", R"(1: name: a date or time stands here; text in quotes is needed, such as "square")"},
      {"name = [1]", R"(1: name: a list stands here; text in quotes is needed, such as "square")"},
      {"[name]", R"(1: name: a table stands here; text in quotes is needed, such as "square")"},
      {"name = \"\"", R"(1: name: "" is empty; write for instance "square")"},
      {R"(name = "a\u001b[2Jb")", R"(1: name: "a\e[2Jb" holds characters that do not show; leave them out)"},
      {R"(name = "a\u202eb")", R"(1: name: "a\xe2\x80\xaeb" holds characters that do not show; leave them out)"},
      {R"(name = "a\u0000b")", R"(1: name: "a\x00b" holds a zero byte; leave it out)"},
      {R"(path = "srv")", R"(1: path: "srv" is not absolute; write the whole path from the root, such as "/srv")"},
      {R"(path = "/srv/../etc")",
       R"(1: path: "/srv/../etc" goes through . or ..; write the whole path from the root, such as "/srv")"},
      {"corners = \"3\"", R"(1: corners: "3" is text; a whole number is needed, such as 3)"},
      {"corners = 2", "1: corners: 2 is out of range; from 3 to 65535"},
      {"corners = 65536", "1: corners: 65536 is out of range; from 3 to 65535"},
      {"weight = \"1\"", R"(1: weight: "1" is text; a number is needed, such as 0.5)"},
      {"weight = nan", "1: weight: nan is out of range; from 0 to 100"},
      {"weight = 100.5", "1: weight: 100.5 is out of range; from 0 to 100"},
      {"age = 20", R"(1: age: 20 is a whole number; a duration with its unit, in quotes, is needed, such as "20s")"},
      {R"(age = "20 s")",
       R"(1: age: "20 s" is no duration; write numbers with the units h, m, s or ms, such as "20s")"},
      {R"(age = "999ms")", R"(1: age: "999ms" is out of range; from 1s to 1h)"},
      {R"(age = "1h1s")", R"(1: age: "1h1s" is out of range; from 1s to 1h)"},
      {"share = 0", "1: share: 0 is out of range; from 1 to 1000000"},
      {"share = 0.5",
       "1: share: 0.5 is a number with a fraction; a number of hosts, or a share in quotes, is needed, such as "
       R"("10%")"},
      {R"(share = "10")",
       R"(1: share: "10" is neither a number of hosts nor a share; write for instance 3 (hosts) or "10%")"},
      {R"(share = "0%")", R"(1: share: "0%" is out of range; more than 0%, at most 100%)"},
      {R"(share = "101%")", R"(1: share: "101%" is out of range; more than 0%, at most 100%)"},
      {R"(share = "nan%")", R"(1: share: "nan%" is out of range; more than 0%, at most 100%)"},
      {R"(command = "true")", R"(1: command: "true" is text; a list is needed, such as ["/bin/true"])"},
      {"command = [\n\"true\"]",
       R"(2: command: "true" is no absolute path; the program is named by its whole path and no shell runs it, such as )"
       R"(["/bin/true"])"},
      {"command = [\"/bin/echo\",\n1]",
       R"(2: command: 1 is a whole number; text in quotes is needed, such as ["/bin/true"])"},
      {R"(colour = "blue")", R"(1: colour: "blue" is none of the choices; "red" or "green")"},
      {"filled = 1", "1: filled: 1 is a whole number; true or false is needed, such as true"},
  };
  for (const Mistake& row : rows) {
    const Read result = read(row.toml);
    EXPECT_EQ(result.mistakes, "f.toml:" + row.line);
    EXPECT_EQ(result.shape, Shape{}) << "a value that does not fit changes nothing: " << row.toml;
  }
}

TEST(SettingsReader, says_of_an_unknown_key_what_was_meant) {
  const std::string here = "known here: name, path, corners, weight, age, share, command, colour, filled";
  const Mistake rows[] = {
      {"colr = 1", "1: colr: is unknown at the top of the file; did you mean colour?"},
      {"wait = 1", "1: wait: is unknown at the top of the file; it belongs under [application.NAME]"},
      {"match = 1", "1: match: is unknown at the top of the file; it belongs under [[application.NAME.rule]]"},
      {"banana = 1", "1: banana: is unknown at the top of the file; " + here},
      {"\"a\\u001b b\" = 1", "1: \"a\\e b\": is unknown at the top of the file; " + here},
      {"\"\" = 1", "1: \"\": is unknown at the top of the file; " + here},
      {"[path-] ", "1: path-: is unknown at the top of the file; did you mean path?"},
  };
  for (const Mistake& row : rows) EXPECT_EQ(read(row.toml).mistakes, "f.toml:" + row.line);
}

TEST(SettingsReader, names_the_place_of_what_is_missing_or_misplaced_in_a_table) {
  const auto table = parse_toml("[application.shop]\nname = 1\n[[application.shop.rule]]\nx = 1", "f.toml");
  ASSERT_TRUE(table);
  const Value value{.line = 1, .data = *table};
  Mistakes mistakes("f.toml", {"name", "application.NAME.live"});
  const Setting shop = Setting(value, mistakes).at("application")->at("shop").value();
  shop.refuse_missing("live", "\"/srv\"");
  shop.refuse_unknown(std::vector<std::string_view>{"rule", "live"});
  shop.refuse_keys({"live", "rule"}, "are wrong together", "one of them");
  shop.refuse_keys({"live"}, "is wrong", "another");
  const auto rules = shop.at("rule")->items();
  ASSERT_TRUE(rules);
  for (const Setting& rule : *rules) rule.refuse_missing("match", "'x'");
  EXPECT_EQ(mistakes.error().text,
            "f.toml:1: application.shop.live: is missing in [application.shop]; add live = \"/srv\"\n"
            "f.toml:1: application.shop.live: is wrong; another\n"
            "f.toml:2: application.shop.name: is unknown in [application.shop]; it belongs at the top of the file, "
            "above the first [table]\n"
            "f.toml:3: application.shop.rule: are wrong together; one of them\n"
            "f.toml:3: application.shop.rule.match: is missing in [[application.shop.rule]]; add match = 'x'");
  EXPECT_EQ(mistakes.error().kind, ErrorKind::invalid);
}

TEST(SettingsReader, tells_all_mistakes_of_a_file_in_its_order) {
  EXPECT_EQ(read("weight = 1000\ncorners = 0\nname = \"\"").mistakes,
            "f.toml:1: weight: 1000 is out of range; from 0 to 100\n"
            "f.toml:2: corners: 0 is out of range; from 3 to 65535\n"
            "f.toml:3: name: \"\" is empty; write for instance \"square\"");
}

TEST(SettingsReader, counts_the_mistakes_beyond_a_screenful) {
  std::string toml;
  for (int i = 0; i < 60; ++i) toml += "banana" + std::to_string(i) + " = 1\n";
  const std::string mistakes = read(toml).mistakes;
  EXPECT_EQ(std::ranges::count(mistakes, '\n'), 50);
  EXPECT_TRUE(mistakes.ends_with("\nf.toml: and 10 mistakes more")) << mistakes;
}

TEST(SettingsReader, shortens_a_long_value_in_a_message) {
  const std::string mistakes = read("age = \"" + std::string(1'000, 'x') + "\"").mistakes;
  EXPECT_EQ(mistakes, "f.toml:1: age: \"" + std::string(80, 'x') +
                          "… (920 bytes more)\" is no duration; write numbers with the units h, m, s or ms, such as "
                          "\"20s\"");
}

TEST(LiesIn, compares_whole_parts_of_paths) {
  EXPECT_TRUE(lies_in("/srv/shop", "/srv/shop"));
  EXPECT_TRUE(lies_in("/srv/shop/x", "/srv/shop"));
  EXPECT_TRUE(lies_in("/srv", "/"));
  EXPECT_FALSE(lies_in("/srv/shop.slots", "/srv/shop"));
  EXPECT_FALSE(lies_in("/srv", "/srv/shop"));
}

TEST(ParseDuration, reads_what_duration_text_writes_and_other_numbers) {
  for (const Duration length : {0ms, 1ms, 250ms, 1'500ms, 20'000ms, 90'000ms, 3'600'000ms, 5'430'000ms}) {
    EXPECT_EQ(parse_duration(duration_text(length)), length);
  }
  EXPECT_EQ(parse_duration("90s"), 90s);
  EXPECT_EQ(parse_duration("0s"), 0s);
  EXPECT_EQ(parse_duration("1h2m3s4ms"), 1h + 2min + 3s + 4ms);
  EXPECT_EQ(parse_duration("999999999999h"), Duration{999'999'999'999 * 3'600'000});
  for (const char* wrong : {"", "s", "20", "20 s", " 20s", "20s ", "-1s", "+1s", "1.5s", "1s1m", "1s1s", "1d", "20S",
                            "1000000000000h", "99999999999999999999s", "20seconds", "\xc2\xb2s"}) {
    EXPECT_EQ(parse_duration(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace serin::settings
