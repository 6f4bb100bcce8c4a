#include "controller/release/release_dir.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "protocol/posix/files.h"
#include "tests/controller/release/build_fixture.h"

namespace serin::release {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::string>;

class ReleaseDirTest : public BuildFixture {};

TEST_F(ReleaseDirTest, holds_files_executables_links_and_empty_folders_as_they_are) {
  write("a.txt", "hello");
  write("bin/run", "#!", 0744);
  write("bin/others-may", "no", 0655);
  write("deep/er/x", "");
  link("l", "bin/run");
  link("deep/up", "../a.txt");
  std::filesystem::create_directories(source() / "empty");
  const BuildResult built = build();
  EXPECT_EQ(words_of(built.root), (Words{"a.txt=hello", "bin/others-may=no", "bin/run*=#!",
                                         "deep/er/x=", "deep/up->../a.txt", "empty/", "l->bin/run"}));
  EXPECT_EQ(built.files, 6U);
  EXPECT_EQ(built.bytes, 9U);
  EXPECT_EQ(built.files_read, 4U);
  EXPECT_EQ(built.summary, (DiffSummary{.added = 6, .bytes = 9}));
}

TEST_F(ReleaseDirTest, keeps_odd_names_byte_for_byte) {
  const Words odd{"\t", " ", "-rf", "..a", "a\nb", "a b", "caf\xe9", "x\x1b[31m", "\xc3\xa9", "\xff\xfe"};
  for (const std::string& name : odd) write(name, "1");
  Words names;
  for (const TreeEntry& entry : tree(build().root).entries) names.push_back(entry.name);
  EXPECT_EQ(names, odd);
}

TEST_F(ReleaseDirTest, reads_nothing_when_nothing_changed_even_after_a_restart) {
  write("a", "1");
  write("d/b", "2");
  const BuildResult first = build();
  EXPECT_EQ(first.files_read, 2U);
  reopen();
  const BuildResult second = build(first);
  EXPECT_EQ(second.root, first.root);
  EXPECT_EQ(second.files_read, 0U);
  EXPECT_EQ(read_, Words{});
  EXPECT_EQ(second.files, 2U);
  EXPECT_EQ(second.bytes, 2U);
  EXPECT_TRUE(second.changes.empty());
}

TEST_F(ReleaseDirTest, reads_only_what_changed_and_forgets_what_is_gone) {
  write("a", "1");
  write("d/b", "2");
  write("d/c", "3");
  const BuildResult first = build();
  write("d/b", "other");
  remove("d/c");
  write("e", "new");
  const BuildResult second = build(first);
  EXPECT_EQ(read_, (Words{"d/b", "e"}));
  EXPECT_EQ(words_of(second.root), (Words{"a=1", "d/b=other", "e=new"}));
  EXPECT_EQ(second.summary, (DiffSummary{.added = 1, .changed = 1, .removed = 1, .bytes = 8}));
  EXPECT_EQ(second.files, 3U);
  EXPECT_EQ(second.bytes, 9U);
}

TEST_F(ReleaseDirTest, sees_new_content_of_the_same_size_and_mtime) {
  write("a", "1");
  set_mtime("a", 1'000);
  const BuildResult first = build();
  write("a", "2");
  set_mtime("a", 1'000);
  EXPECT_EQ(words_of(build(first).root), Words{"a=2"});
}

TEST_F(ReleaseDirTest, does_not_trust_the_cache_with_a_file_as_young_as_the_scan) {
  write("a", "1");
  set_mtime("a", 1'000);
  const std::int64_t later = wall_seconds_;
  wall_seconds_ -= 3'600;
  BuildResult built = build();
  for (int i = 0; i < 2; ++i) {
    built = build(built);
    EXPECT_EQ(built.files_read, 1U);
  }
  wall_seconds_ = later;
  EXPECT_EQ(build(built).files_read, 1U);
  EXPECT_EQ(build(built).files_read, 0U);
}

TEST_F(ReleaseDirTest, keeps_the_bases_mtime_where_content_is_the_same) {
  write("same", "1");
  write("changed", "1");
  set_mtime("same", 1'000);
  set_mtime("changed", 1'000);
  const BuildResult first = build();
  write("changed", "2");
  write("new", "3");
  for (const char* path : {"same", "changed", "new"}) set_mtime(path, 2'000);
  const auto paths = paths_of(build(first).root);
  EXPECT_EQ(paths.at("same").mtime_s, 1'000);
  EXPECT_EQ(paths.at("changed").mtime_s, 2'000);
  EXPECT_EQ(paths.at("new").mtime_s, 2'000);
  // Without a base staging's are what there is.
  EXPECT_EQ(paths_of(build().root).at("same").mtime_s, 2'000);
}

TEST_F(ReleaseDirTest, gives_the_bases_root_for_a_copy_with_other_times) {
  write("a", "1");
  write("d/run", "2", 0755);
  link("d/l", "../a");
  const BuildResult first = build();
  std::filesystem::rename(source(), folder_ / "old");
  std::filesystem::create_directory(source());
  write("a", "1");
  write("d/run", "2", 0755);
  link("d/l", "../a");
  set_mtime("a", 5);
  set_mtime("d/run", 6);
  const BuildResult second = build(first);
  EXPECT_EQ(second.root, first.root);
  EXPECT_EQ(second.files_read, 2U);
}

TEST_F(ReleaseDirTest, sees_a_change_of_the_x_bit_alone) {
  write("a", "1");
  const BuildResult first = build();
  write("a", "1", 0755);
  set_mtime("a", 7);
  const BuildResult second = build(first);
  EXPECT_EQ(words_of(second.root), Words{"a*=1"});
  EXPECT_EQ(second.summary.changed, 1U);
  EXPECT_EQ(paths_of(second.root).at("a").mtime_s, paths_of(first.root).at("a").mtime_s);
}

TEST_F(ReleaseDirTest, leaves_out_what_is_excluded) {
  exclude_ = {".git", "*.swp", "/cache/*", "tmp/"};
  write("a", "1");
  write(".git/HEAD", "x");
  write("d/.git/HEAD", "x");
  write("d/.b.swp", "x");
  write("d/b", "2");
  write("d/tmp/x", "x");
  write("d/cache/y", "3");
  write("cache/x", "x");
  write("tmp", "a file");
  EXPECT_EQ(words_of(build().root), (Words{"a=1", "cache/", "d/b=2", "d/cache/y=3", "tmp=a file"}));
}

TEST_F(ReleaseDirTest, is_right_without_a_cache_with_a_damaged_one_and_with_anothers) {
  write("a", "1");
  const BuildResult first = build();
  const std::string good = *posix::read_file(cache_file(), 1U << 20);
  for (const std::string& bytes : {std::string{}, std::string("serinsc1"), good.substr(0, good.size() - 1)}) {
    ASSERT_TRUE(posix::replace_file(cache_file(), bytes, 0600));
    const BuildResult built = build(first);
    EXPECT_EQ(built.root, first.root);
    EXPECT_EQ(built.files_read, 1U);
  }
  std::filesystem::remove(cache_file());
  EXPECT_EQ(build(first).files_read, 1U);
  EXPECT_EQ(build(first).files_read, 0U);

  // The same application from another folder: a rename leaves all stats as they were.
  std::filesystem::rename(source(), folder_ / "elsewhere");
  BuildRequest other = request(first);
  other.source = (folder_ / "elsewhere").string();
  EXPECT_EQ(releases_->build(other)->files_read, 1U);
}

TEST_F(ReleaseDirTest, reads_a_known_file_again_when_the_store_has_lost_it) {
  write("a", "1");
  write("b", "2");
  build();
  ASSERT_TRUE(std::filesystem::remove(store().path_of(digest_of("1"))));
  const BuildResult again = build();
  EXPECT_EQ(read_, Words{"a"});
  EXPECT_EQ(words_of(again.root), (Words{"a=1", "b=2"}));
}

TEST_F(ReleaseDirTest, makes_a_damaged_or_lost_folder_of_the_base_anew_though_nothing_changed) {
  write("a", "1");
  write("d/b", "2");
  write("d/e/c", "3");
  const BuildResult base = build();
  const auto d = store().path_of(paths_of(base.root)["d"].id);
  ASSERT_TRUE(std::filesystem::remove(store().path_of(paths_of(base.root)["d/e"].id)));
  ASSERT_EQ(::chmod(d.c_str(), 0644), 0);
  std::ofstream(d) << "torn";
  const BuildResult again = build(base);
  EXPECT_EQ(again.root, base.root);
  EXPECT_EQ(again.summary, DiffSummary{});
  EXPECT_EQ(words_of(base.root), (Words{"a=1", "d/b=2", "d/e/c=3"}));
  EXPECT_EQ(read_, Words{});
}

TEST_F(ReleaseDirTest, goes_out_over_a_base_with_a_lost_folder_only_when_what_it_deletes_is_meant) {
  write("a", "1");
  write("d/b", "2");
  const BuildResult base = build();
  ASSERT_TRUE(std::filesystem::remove(store().path_of(paths_of(base.root)["d"].id)));
  remove("d/b");
  EXPECT_THAT(refusal(base).text, HasSubstr("what this would remove cannot be told"));
  BuildRequest meant = request(base);
  meant.yes_delete = true;
  const auto built = releases_->build(meant);
  ASSERT_TRUE(built) << built.error().text;
  EXPECT_EQ(words_of(built->root), (Words{"a=1", "d/"}));
}

TEST_F(ReleaseDirTest, need_not_read_again_after_a_refusal_what_was_read_before_it) {
  write("a", "1");
  write("d/b", "2");
  write("d/c", "3");
  std::filesystem::create_directory(source() / "e");
  ASSERT_EQ(::mkfifo((source() / "e" / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(refusal().kind, ErrorKind::refused);
  remove("e/pipe");
  EXPECT_EQ(build().files_read, 0U);
}

TEST_F(ReleaseDirTest, refuses_what_a_folder_may_not_hold_before_it_reads_the_files_there) {
  write("a", "1");
  ASSERT_EQ(::mkfifo((source() / "z-pipe").c_str(), 0600), 0);
  EXPECT_EQ(refusal().kind, ErrorKind::refused);
  EXPECT_EQ(read_, Words{});
}

TEST_F(ReleaseDirTest, leaves_nothing_unsynced_behind) {
  write("a", "1");
  build();
  EXPECT_TRUE(std::filesystem::is_empty(state() / "incoming"));
}

TEST_F(ReleaseDirTest, reads_a_file_again_when_it_changed_meanwhile) {
  write("a", "1");
  on_read_ = [this](const std::string& path) {
    if (read_.size() < 3) write(path, "longer" + std::to_string(read_.size()));
  };
  EXPECT_EQ(words_of(build().root), Words{"a=longer2"});
  EXPECT_EQ(read_, (Words{"a", "a", "a"}));
}

TEST_F(ReleaseDirTest, scans_again_when_names_came_or_went_meanwhile) {
  // The folder is as young as the scan: its own times tell nothing.
  wall_seconds_ -= 3'600;
  write("a", "1");
  write("d/x", "2");
  on_read_ = [this](const std::string& path) {
    if (path != "d/x" || read_.size() > 2) return;
    write("0-new", "3");
    remove("a");
  };
  EXPECT_EQ(words_of(build().root), (Words{"0-new=3", "d/x=2"}));
}

TEST_F(ReleaseDirTest, does_not_mind_excluded_names_that_come_and_go) {
  wall_seconds_ -= 3'600;
  exclude_ = {"*.swp"};
  write("a", "1");
  on_read_ = [this](const std::string&) { write(".a" + std::to_string(read_.size()) + ".swp", "x"); };
  EXPECT_EQ(build().files_read, 1U);
  EXPECT_EQ(read_, Words{"a"});
}

TEST_F(ReleaseDirTest, puts_a_file_that_vanishes_meanwhile_out_of_the_release) {
  wall_seconds_ -= 3'600;
  write("a", "1");
  write("b", "2");
  on_read_ = [this](const std::string&) { remove("b"); };
  EXPECT_EQ(words_of(build().root), Words{"a=1"});
}

TEST_F(ReleaseDirTest, what_other_hosts_run_is_compared_with_too) {
  write("a", "1");
  const BuildResult first = build();
  write("b", "2");
  const BuildResult second = build(first);
  remove("a");
  write("c", "3");
  BuildRequest asked = request(second);
  asked.others = {{.release = 1, .root = first.root}, {.release = 9, .root = digest_of("gone")}};
  const auto built = releases_->build(asked);
  ASSERT_TRUE(built) << built.error().text;
  EXPECT_EQ(built->summary.added, 1U);
  ASSERT_EQ(built->comparisons.size(), 2U);
  EXPECT_EQ(built->comparisons[0].base.release, 1U);
  EXPECT_EQ(built->comparisons[0].summary, (DiffSummary{.added = 2, .changed = 0, .removed = 1, .bytes = 2}));
  EXPECT_EQ(built->comparisons[0].changes.size(), 3U);
  EXPECT_NE(built->comparisons[1].trouble, "");
}

}  // namespace
}  // namespace serin::release
