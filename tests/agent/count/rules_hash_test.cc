#include <gtest/gtest.h>

#include <set>

#include "agent/agent_config.h"

namespace serin::agent {
namespace {

std::string hash(std::vector<RuleSettings> rules) {
  ApplicationSettings application;
  application.rules = std::move(rules);
  application.sources = {{.path = "/srv/app.log"}};
  return hash_of_rules(application);
}

TEST(HashOfRules, differs_with_anything_that_decides_what_an_error_is) {
  const auto base = hash({{.name = "a", .match = "x", .unless = "y"}});
  EXPECT_EQ(base.size(), 16U);
  EXPECT_NE(base, hash({{.name = "a", .match = "x", .unless = ""}}));
  EXPECT_NE(base, hash({{.name = "a", .match = "y", .unless = "x"}}));
  EXPECT_NE(base, hash({{.name = "a", .match = "x 1 y", .unless = ""}}));
  EXPECT_NE(base, hash({}));
  EXPECT_NE(base, hash({{.name = "a", .match = "x", .unless = "y"}, {.name = "b", .match = "z", .unless = ""}}));
}

TEST(HashOfRules, differs_with_any_key_of_a_rule) {
  const RuleSettings base{.name = "a", .match = "x"};
  const RuleSettings json{.name = "a", .json = "level", .values = {"error"}};
  std::set<std::string> hashes;
  for (const auto& rule : std::vector<RuleSettings>{
           base,
           json,
           {.name = "a", .match = "x", .must = "abc"},
           {.name = "a", .match = "x", .severity = 3U},
           {.name = "a", .match = "x", .group = "php"},
           {.name = "a", .json = "lvl", .values = {"error"}},
           {.name = "a", .json = "level", .values = {"error", "fatal"}},
           {.name = "a", .json = "level", .at_least = 50},
           {.name = "a", .json = "level", .values = {"error"}, .message = "msg"},
       }) {
    hashes.insert(hash({rule}));
  }
  EXPECT_EQ(hashes.size(), 9U);
}

TEST(HashOfRules, differs_with_what_a_source_makes_of_them) {
  const auto of = [](SourceSettings source) {
    ApplicationSettings application;
    application.rules = {{.name = "a", .match = "x"}, {.name = "b", .match = "y"}};
    source.path = "/srv/app.log";
    application.sources = {std::move(source)};
    return hash_of_rules(application);
  };
  std::set<std::string> hashes;
  for (const auto& source : std::vector<SourceSettings>{{},
                                                        {.preset = "nginx"},
                                                        {.preset = "nginx", .rules = {"a"}},
                                                        {.rules = {"a"}},
                                                        {.requests = true},
                                                        {.multiline = false},
                                                        {.record_start = "^x"}}) {
    hashes.insert(of(source));
  }
  EXPECT_EQ(hashes.size(), 7U);
  EXPECT_EQ(of({.rules = {"b", "a"}}), of({}));
  EXPECT_EQ(of({.samples = Samples::raw}), of({})) << "what is told of a message decides no count";
}

TEST(HashOfRules, is_equal_on_hosts_that_count_alike) {
  const RuleSettings first{.name = "a", .match = "x", .unless = "y"};
  const RuleSettings second{.name = "b", .match = "z", .unless = ""};
  const RuleSettings renamed{.name = "c", .match = "z", .unless = ""};
  EXPECT_EQ(hash({first, second}), hash({renamed, first, second}));
  ApplicationSettings here, there;
  here.rules = there.rules = {first};
  here.sources = {{.path = "/srv/1/app.log"}};
  there.sources = {{.path = "/srv/2/app.log"}};
  EXPECT_EQ(hash_of_rules(here), hash_of_rules(there)) << "a log may lie elsewhere on another host";
}

}  // namespace
}  // namespace serin::agent
