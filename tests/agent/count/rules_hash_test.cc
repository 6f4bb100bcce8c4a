#include <gtest/gtest.h>

#include "agent/agent_config.h"

namespace serin::agent {
namespace {

std::string hash(std::vector<RuleSettings> rules) {
  ApplicationSettings application;
  application.rules = std::move(rules);
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
