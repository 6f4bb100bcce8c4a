#include "controller/release/exclude_patterns.h"

#include <gtest/gtest.h>

namespace serin::release {
namespace {

bool excludes(const std::string& pattern, const std::string& path, bool is_folder = false) {
  return ExcludePatterns({pattern}).match(path, is_folder) != nullptr;
}

TEST(ExcludePatterns, match_a_name_at_any_depth_when_there_is_no_slash) {
  EXPECT_TRUE(excludes(".git", ".git"));
  EXPECT_TRUE(excludes(".git", "a/b/.git"));
  EXPECT_TRUE(excludes("*.swp", "a/.x.swp"));
  EXPECT_TRUE(excludes("cache-[0-9]", "a/cache-7"));
  EXPECT_FALSE(excludes(".git", ".gitignore"));
  EXPECT_FALSE(excludes("a", "a/b"));
}

TEST(ExcludePatterns, match_the_whole_path_when_there_is_a_slash) {
  EXPECT_TRUE(excludes("/build", "build"));
  EXPECT_FALSE(excludes("/build", "a/build"));
  EXPECT_TRUE(excludes("a/*.tmp", "a/x.tmp"));
  EXPECT_FALSE(excludes("a/*.tmp", "a/b/x.tmp"));
  EXPECT_FALSE(excludes("a/*.tmp", "b/a/x.tmp"));
  EXPECT_FALSE(excludes("a/*", "a"));
}

TEST(ExcludePatterns, let_two_stars_stand_for_any_number_of_folders) {
  EXPECT_TRUE(excludes("**/.git", ".git"));
  EXPECT_TRUE(excludes("**/.git", "a/b/.git"));
  EXPECT_TRUE(excludes("a/**/x", "a/x"));
  EXPECT_TRUE(excludes("a/**/x", "a/b/c/x"));
  EXPECT_FALSE(excludes("a/**/x", "b/x"));
  EXPECT_TRUE(excludes("**/b/**/x", "a/b/x/b/c/x"));
  EXPECT_TRUE(excludes("a/**", "a/b"));
  EXPECT_TRUE(excludes("a/**", "a/b/c"));
  EXPECT_FALSE(excludes("a/**", "a"));
}

TEST(ExcludePatterns, mean_folders_only_when_they_end_in_a_slash) {
  EXPECT_TRUE(excludes("cache/", "a/cache", true));
  EXPECT_FALSE(excludes("cache/", "a/cache", false));
  EXPECT_TRUE(excludes("/a/cache/", "a/cache", true));
  EXPECT_FALSE(excludes("/a/cache/", "a/cache", false));
}

TEST(ExcludePatterns, exclude_nothing_when_they_are_empty) {
  for (const char* pattern : {"", "/", "//"}) {
    EXPECT_FALSE(excludes(pattern, "a")) << pattern;
    EXPECT_FALSE(excludes(pattern, "a/b", true)) << pattern;
  }
  EXPECT_EQ(ExcludePatterns({}).match("a", false), nullptr);
}

TEST(ExcludePatterns, name_the_first_that_matches_also_for_a_folder_above) {
  const ExcludePatterns patterns({"*.swp", "node_modules/", "x*"});
  EXPECT_EQ(patterns.match("a/node_modules/x", false), &*patterns.match("b/x", false));
  ASSERT_NE(patterns.match_with_folders("a/node_modules/x", false), nullptr);
  EXPECT_EQ(*patterns.match_with_folders("a/node_modules/x", false), "node_modules/");
  EXPECT_EQ(patterns.match_with_folders("a/b/c", false), nullptr);
}

}  // namespace
}  // namespace serin::release
