#include "agent/verify/entry_check.h"

#include <gtest/gtest.h>

namespace serin::drift {

namespace {

const TreeEntry kFile{.name = "a", .kind = EntryKind::file, .mtime_s = 9, .size = 5, .id = digest_of("bytes")};
const Found kGood{.kind = Found::Kind::file, .mode = 0444, .mtime_s = 9, .size = 5};

TEST(CompareEntry, a_file_is_good_by_its_stat_when_size_mode_and_time_are_the_entrys) {
  EXPECT_EQ(compare(kFile, kGood), std::nullopt);
}

TEST(CompareEntry, the_first_difference_that_fits_is_told) {
  Found found = kGood;
  found.mtime_s = 8;
  EXPECT_EQ(compare(kFile, found), DriftKind::mtime);
  found.mode = 04444;
  EXPECT_EQ(compare(kFile, found), DriftKind::mode) << "setuid is no mode of a release";
  found.size = 6;
  EXPECT_EQ(compare(kFile, found), DriftKind::changed);
  found.kind = Found::Kind::nothing;
  EXPECT_EQ(compare(kFile, found), DriftKind::missing);
}

TEST(CompareEntry, a_device_or_a_folder_is_no_file) {
  for (const auto kind : {Found::Kind::folder, Found::Kind::symlink, Found::Kind::other}) {
    Found found = kGood;
    found.kind = kind;
    EXPECT_EQ(compare(kFile, found), DriftKind::changed);
  }
}

TEST(CompareEntry, a_link_is_its_target) {
  const TreeEntry link{.name = "l", .kind = EntryKind::symlink, .target = "lib"};
  EXPECT_EQ(compare(link, {.kind = Found::Kind::symlink, .mode = 0777, .target = "lib"}), std::nullopt);
  EXPECT_EQ(compare(link, {.kind = Found::Kind::symlink, .mode = 0777, .target = "lib/"}), DriftKind::changed);
}

TEST(IsKept, covers_the_path_what_leads_to_it_and_nothing_else) {
  const std::vector<std::string> kept{"config/local.php"};
  EXPECT_TRUE(is_kept(kept, "config/local.php"));
  EXPECT_TRUE(is_kept(kept, "config"));
  EXPECT_FALSE(is_kept(kept, "con"));
  EXPECT_FALSE(is_kept(kept, "config/local.php.bak"));
}

}  // namespace

}  // namespace serin::drift
