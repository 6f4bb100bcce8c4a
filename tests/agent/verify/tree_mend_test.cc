#include <fstream>

#include "tests/agent/verify/look_fixture.h"

namespace serin::drift {

namespace fs = std::filesystem;

using TreeMendTest = LookTest;

TEST_F(TreeMendTest, every_kind_of_drift_is_restored) {
  spoil(at("lib/a.php"), "SHARED A", 1'700'000'000);
  fs::remove(at("index.php"));
  std::ofstream(at("lib/left.php")) << "by hand";
  fs::create_directories(at("new folder/deep"));
  fs::permissions(at("bin/run"), fs::perms::owner_all);
  fs::remove(at("current"));
  fs::create_directories(at("current/was a link"));
  const timespec times[2] = {{.tv_sec = 5, .tv_nsec = 0}, {.tv_sec = 5, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, at("lib/b.php").c_str(), times, 0), 0);
  fs::permissions(at("empty"), fs::perms::all);
  fs::remove_all(at("lib/b-more"));
  std::ofstream(at("lib/b-more")) << "a file where a folder should be";

  const auto mended = mend(look().drifts.kept());
  EXPECT_EQ(mended.trouble, "");
  EXPECT_EQ(mended.mended, 10U);
  EXPECT_EQ(difference(at(""), tree_), "");
  EXPECT_EQ(found(), "");
}

TEST_F(TreeMendTest, only_what_is_damaged_is_pulled_again) {
  source_.served.clear();
  spoil(at("lib/a.php"), "SHARED A", 1'700'000'000);
  fs::permissions(at("bin/run"), fs::perms::owner_all);
  ASSERT_EQ(mend(look().drifts.kept()).trouble, "");
  EXPECT_EQ(source_.served, std::set<ObjectId>{digest_of("shared a")});
}

TEST_F(TreeMendTest, a_file_damaged_through_its_links_is_replaced_in_every_tree_that_has_it) {
  ASSERT_TRUE(slots_->tidy());  // makes the spare
  const auto spare = slots_dir() / ".spare/lib/a.php";
  ASSERT_EQ(inode(at("lib/a.php")), inode(old_at("lib/a.php")));
  ASSERT_EQ(inode(at("lib/a.php")), inode(spare));
  const fs::path kept_open = folder_ / "a process still has it";
  fs::create_hard_link(at("lib/a.php"), kept_open);
  spoil(at("lib/a.php"), "SHARED A", 1'700'000'000);

  ASSERT_EQ(mend(look().drifts.kept()).trouble, "");
  EXPECT_EQ(bytes_of(at("lib/a.php")), "shared a");
  EXPECT_EQ(inode(old_at("lib/a.php")), inode(at("lib/a.php")));
  EXPECT_EQ(inode(spare), inode(at("lib/a.php")));
  EXPECT_EQ(bytes_of(kept_open), "SHARED A") << "the damaged inode itself is never written into";
  EXPECT_EQ(difference(slots_dir() / slot(1, before_), before_), "");

  SampleTree next = tree_;
  next["index.php"] = file("three");
  EXPECT_EQ(deploy(3, next), "");
}

TEST_F(TreeMendTest, a_mode_that_was_changed_on_a_shared_file_is_right_again_in_every_slot) {
  fs::permissions(at("lib/b.php"), fs::perms::all);
  ASSERT_EQ(mend(look().drifts.kept()).trouble, "");
  EXPECT_EQ(difference(at(""), tree_), "");
  EXPECT_EQ(difference(slots_dir() / slot(1, before_), before_), "");
}

TEST_F(TreeMendTest, a_file_of_its_own_in_another_slot_stays) {
  spoil(at("index.php"), "bad", 1'700'000'000);
  const ino_t old = inode(old_at("index.php"));
  ASSERT_EQ(mend(look().drifts.kept()).trouble, "");
  EXPECT_EQ(inode(old_at("index.php")), old);
  EXPECT_EQ(bytes_of(old_at("index.php")), "one");
}

TEST_F(TreeMendTest, a_damaged_folder_object_is_pulled_and_a_second_look_sees_the_rest) {
  const Tree root = apply::read_tree_object(own("trees"), apply::release_of(2, tree_).root).value();
  std::ofstream(own("trees/" + find_entry(root, "lib")->id.hex())) << "torn";
  fs::remove(at("lib/a.php"));
  const auto mended = mend(look().drifts.kept());
  EXPECT_EQ(mended.trouble, "");
  EXPECT_EQ(found(), "missing lib/a.php");
  EXPECT_EQ(mend(look().drifts.kept()).mended, 1U);
  EXPECT_EQ(found(), "");
}

TEST_F(TreeMendTest, what_cannot_be_pulled_is_told_and_the_rest_is_mended) {
  source_ = {};
  spoil(at("lib/a.php"), "SHARED A", 1'700'000'000);
  std::ofstream(at("left.php")) << "by hand";
  const auto mended = mend(look().drifts.kept());
  EXPECT_NE(mended.trouble.find("no object"), std::string::npos) << mended.trouble;
  EXPECT_EQ(mended.mended, 1U);
  EXPECT_EQ(found(), "changed lib/a.php");
}

TEST_F(TreeMendTest, nothing_is_touched_when_another_release_is_live) {
  fs::remove(at("index.php"));
  const auto drifts = look().drifts.kept();
  ASSERT_TRUE(slots_->link_to(slot(1, before_)));
  const auto mended = mend(drifts);
  EXPECT_EQ(mended.mended, 0U);
  EXPECT_NE(mended.trouble, "");
  EXPECT_EQ(found(), "missing index.php");
}

TEST_F(TreeMendTest, an_order_ends_it_between_two_paths) {
  fs::remove(at("index.php"));
  const auto drifts = look().drifts.kept();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(mend(drifts, stop.get_token()).mended, 0U);
  EXPECT_EQ(found(), "missing index.php");
}

TEST_F(TreeMendTest, an_extra_link_is_removed_and_not_what_it_leads_to) {
  fs::create_directories(folder_ / "precious");
  std::ofstream(folder_ / "precious" / "data") << "keep";
  fs::create_symlink(folder_ / "precious", at("extra"));
  ASSERT_EQ(mend(look().drifts.kept()).trouble, "");
  EXPECT_TRUE(fs::exists(folder_ / "precious" / "data"));
  EXPECT_EQ(found(), "");
}

}  // namespace serin::drift
