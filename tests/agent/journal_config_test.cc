#include "agent/journal_config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace serin::agent {
namespace {

const std::string kDigits(62, '1');
const std::string kBegin = "controller = \"tcp://deploy1:4700\"\ncontroller_keys = [\"" + kDigits +
                           "02\"]\nrelease_keys = [\"" + kDigits +
                           "03\"]\n[application.shop]\nlive = \"/srv/shop/live\"\n";  // lines 1 to 5
const std::string kSource = "[[application.shop.source]]\n";                          // line 6
const std::string kRule = "\n[[application.shop.rule]]\nname = \"a\"\nmatch = 'a'\n";

TEST(JournalConfig, reads_every_key) {
  const auto settings = parse_agent_settings(kBegin + kSource + R"(
journal = ["php8.2-fpm.service", "cart@1.service"]
priority = "err"
journal_dir = "/var/log/journal/remote/"
[[application.shop.source]]
journal = ["php8.2-fpm.service"]
[[application.shop.source]]
path = "/var/log/a"
)" + kRule,
                                             "a.toml");
  ASSERT_TRUE(settings) << settings.error().text;
  SourceSettings remote;
  remote.journal = {"php8.2-fpm.service", "cart@1.service"};
  remote.priority = 3;
  remote.journal_dir = "/var/log/journal/remote";
  SourceSettings own;
  own.journal = {"php8.2-fpm.service"};
  SourceSettings file;
  file.path = "/var/log/a";
  EXPECT_EQ(settings->applications.at("shop").sources, (std::vector<SourceSettings>{remote, own, file}));
}

TEST(JournalConfig, refuses_what_is_no_source_of_either_kind) {
  const std::string at = "a.toml:7: application.shop.source.journal: ";
  const std::pair<std::string, std::string> rows[] = {
      {"", R"(a.toml:6: application.shop.source.path: is missing in [[application.shop.source]]; add path = )"
           R"("/var/log/shop/error.log" (or journal = ["php8.2-fpm.service"]))"},
      {"journal = []", at + R"(has no unit; the units whose entries are read, such as ["php8.2-fpm.service"])"},
      {"journal = [\"a.service\"]\npath = \"/a\"", at + "path stands here too; a source for each of them"},
      {"journal = [\"a.service\", \"b*.service\", \"a.service\"]",
       at + R"("b*.service" is no unit's whole name; the name with its type, such as "php8.2-fpm.service")" + "\n" +
           at + R"("a.service" stands here twice; each unit once)"},
      {"path = \"/a\"\npriority = \"err\"",
       "a.toml:8: application.shop.source.priority: belongs to the journal, and path names a file; leave it out"},
      {"path = \"/a\"\njournal_dir = \"/b\"",
       "a.toml:8: application.shop.source.journal_dir: belongs to the journal, and path names a file; leave it out"},
      {"journal = [\"a.service\"]\n" + kSource + "journal = [\"a.service\", \"b.service\"]",
       R"(a.toml:9: application.shop.source.journal: "a.service" stands in two sources: its errors would count double; )"
       "each unit once"},
  };
  for (const auto& [toml, wanted] : rows) {
    const auto settings = parse_agent_settings(fmt::format("{}{}{}{}", kBegin, kSource, toml, kRule), "a.toml");
    ASSERT_FALSE(settings) << toml;
    EXPECT_EQ(settings.error().text, wanted);
  }
}

TEST(JournalConfig, of_a_priority_is_part_of_what_counts) {
  ApplicationSettings one{.name = "shop"};
  one.sources = {{}};
  one.sources[0].journal = {"php8.2-fpm.service"};
  auto two = one;
  two.sources[0].journal = {"php8.3-fpm.service"};
  EXPECT_EQ(hash_of_rules(one), hash_of_rules(two)) << "units are places, as paths are";
  two.sources[0].priority = 3;
  EXPECT_NE(hash_of_rules(one), hash_of_rules(two));
}

}  // namespace
}  // namespace serin::agent
