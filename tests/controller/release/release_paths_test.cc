#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/controller/release/build_fixture.h"

namespace serin::release {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::string>;

/// Builds of some paths over a base.
class ReleasePathsTest : public BuildFixture {
 protected:
  ReleasePathsTest() {
    write("a", "1");
    write("d/b", "22");
    write("d/c", "333");
    write("e/f/g", "4444");
    base_ = build();
  }
  BuildResult base_;
};

TEST_F(ReleasePathsTest, take_one_file_without_the_other_changes) {
  write("a", "other");
  write("d/b", "new one");
  const BuildResult built = build(base_, {"d/b"});
  EXPECT_EQ(words_of(built.root), (Words{"a=1", "d/b=new one", "d/c=333", "e/f/g=4444"}));
  EXPECT_EQ(read_, Words{"d/b"});
  EXPECT_EQ(built.files, 4U);
  EXPECT_EQ(built.bytes, 15U);
  EXPECT_EQ(built.files_read, 1U);
  EXPECT_EQ(built.summary, (DiffSummary{.changed = 1, .bytes = 7}));
  ASSERT_EQ(built.changes.size(), 1U);
  EXPECT_EQ(built.changes[0].path, "d/b");
}

TEST_F(ReleasePathsTest, look_at_nothing_else_in_staging_or_in_the_store) {
  write("d/b", "new");
  ASSERT_EQ(::mkfifo((source() / "pipe").c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo((source() / "d" / "pipe").c_str(), 0600), 0);
  ASSERT_TRUE(std::filesystem::remove(store().path_of(paths_of(base_.root).at("e").id)));
  EXPECT_EQ(tree(build(base_, {"d/b"}).root).entries.size(), 3U);
}

TEST_F(ReleasePathsTest, take_a_folder_as_a_whole_with_what_is_gone_in_it) {
  write("a", "other");
  write("d/n/m", "new");
  remove("d/b");
  const BuildResult built = build(base_, {"d"});
  EXPECT_EQ(words_of(built.root), (Words{"a=1", "d/c=333", "d/n/m=new", "e/f/g=4444"}));
  EXPECT_EQ(read_, Words{"d/n/m"}) << "d/c is known by its stat";
  EXPECT_EQ(built.files, 4U);
  EXPECT_EQ(built.bytes, 11U);
  EXPECT_EQ(build(built, {"d"}).files_read, 0U) << "what a folder's build read is known to the next";
  EXPECT_EQ(build(built).files_read, 1U) << "and of the rest nothing was forgotten: only a is new";
}

TEST_F(ReleasePathsTest, remove_what_is_gone_in_staging) {
  remove("d/b");
  remove("e");
  const BuildResult built = build(base_, {"d/b", "e/f/g"});
  EXPECT_EQ(words_of(built.root), (Words{"a=1", "d/c=333", "e/f/"}));
  EXPECT_EQ(built.files, 2U);
  EXPECT_EQ(built.bytes, 4U);
  EXPECT_EQ(built.summary.removed, 2U);
}

TEST_F(ReleasePathsTest, may_be_new_links_and_folders_and_absolute) {
  write("x/y/z", "5", 0755);
  link("x/l", "y/z");
  std::filesystem::create_directory(source() / "empty");
  const BuildResult built = build(base_, {(source() / "x" / "y" / "z").string(), "./x/l", "d/../empty/"});
  EXPECT_EQ(words_of(built.root), (Words{"a=1", "d/b=22", "d/c=333", "e/f/g=4444", "empty/", "x/l->y/z", "x/y/z*=5"}));
}

TEST_F(ReleasePathsTest, give_the_bases_root_when_nothing_changed_but_times) {
  set_mtime("a", 5);
  set_mtime("d/b", 6);
  const BuildResult built = build(base_, {"a", "d"});
  EXPECT_EQ(built.root, base_.root);
  EXPECT_EQ(built.files, base_.files);
  EXPECT_EQ(built.bytes, base_.bytes);
  EXPECT_TRUE(built.changes.empty());
}

TEST_F(ReleasePathsTest, mean_the_whole_source_when_one_is_a_dot) {
  write("a", "other");
  write("d/b", "new one");
  const BuildResult built = build(base_, {"d/b", "."});
  EXPECT_EQ(words_of(built.root), (Words{"a=other", "d/b=new one", "d/c=333", "e/f/g=4444"}));
  EXPECT_EQ(build(built, {"."}).files_read, 0U);
}

TEST_F(ReleasePathsTest, are_known_by_the_sources_real_name_too) {
  std::filesystem::create_directory_symlink(source(), folder_ / "link");
  BuildRequest linked = request(base_, {(source() / "a").string(), (folder_ / "link" / "d").string()});
  linked.source = (folder_ / "link").string();
  const auto built = releases_->build(linked);
  ASSERT_TRUE(built) << built.error().text;
  EXPECT_EQ(built->root, base_.root);
}

TEST_F(ReleasePathsTest, are_refused_out_of_the_source) {
  for (const std::string path : {"../a", "/etc/passwd", folder_.path().c_str()}) {
    const Error error = refusal(base_, {"a", path});
    EXPECT_EQ(error.kind, ErrorKind::refused);
    EXPECT_THAT(error.text, HasSubstr(path + " is outside of the source " + source().string()));
  }
}

TEST_F(ReleasePathsTest, are_not_found_in_neither) {
  for (const std::string path : {"no", "d/no", "no/no", "a/no"}) {
    const Error error = refusal(base_, {path});
    EXPECT_EQ(error.kind, path == "a/no" ? ErrorKind::refused : ErrorKind::not_found) << path;
    EXPECT_THAT(error.text, HasSubstr(path));
  }
}

TEST_F(ReleasePathsTest, are_refused_without_a_base) {
  const Error error = refusal({}, {"a"});
  EXPECT_EQ(error.kind, ErrorKind::refused);
  EXPECT_EQ(error.text, "app has no release yet that a path could be laid over: deploy the whole source first");
}

TEST_F(ReleasePathsTest, are_refused_through_a_link_and_say_what_to_deploy) {
  remove("d");
  link("d", "e");
  write("e/b", "not d/b");
  const Error error = refusal(base_, {"d/b"});
  EXPECT_EQ(error.kind, ErrorKind::refused);
  EXPECT_EQ(error.text, (source() / "d").string() + " is no folder, so d/b is not in the source: deploy d itself");
  EXPECT_EQ(words_of(build(base_, {"d"}).root), (Words{"a=1", "d->e", "e/f/g=4444"}));
}

TEST_F(ReleasePathsTest, are_refused_where_the_base_has_a_file_above) {
  remove("a");
  write("a/x", "5");
  EXPECT_THAT(refusal(base_, {"a/x"}).text, HasSubstr("Deploy a as a whole"));
  EXPECT_EQ(words_of(build(base_, {"a"}).root), (Words{"a/x=5", "d/b=22", "d/c=333", "e/f/g=4444"}));
}

TEST_F(ReleasePathsTest, are_refused_when_they_are_excluded_and_removed_when_the_base_has_them) {
  exclude_ = {"d/", "*.log"};
  write("x/y.log", "6");
  const Error error = refusal(base_, {"x/y.log"});
  EXPECT_EQ(error.kind, ErrorKind::refused);
  EXPECT_EQ(error.text, "x/y.log is excluded by '*.log': see `exclude` in controller.toml");
  EXPECT_EQ(refusal(base_, {"no.txt"}).kind, ErrorKind::not_found);
  EXPECT_EQ(words_of(build(base_, {"d/b"}).root), (Words{"a=1", "d/c=333", "e/f/g=4444"}));
  EXPECT_EQ(words_of(build(base_, {"d"}).root), (Words{"a=1", "e/f/g=4444"}));
}

TEST_F(ReleasePathsTest, are_refused_when_they_delete_too_much) {
  remove("d");
  BuildRequest half = request(base_, {"d"});
  half.delete_limit_percent = 49;
  const auto refused = releases_->build(half);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("would remove 2 of 4 files (50 %; the limit is 49 %)"));
  EXPECT_THAT(refused.error().text, HasSubstr("--yes-delete"));
  half.yes_delete = true;
  EXPECT_EQ(words_of(releases_->build(half)->root), (Words{"a=1", "e/f/g=4444"}));
}

TEST_F(ReleasePathsTest, say_so_when_the_base_is_not_whole_in_the_store_and_what_mends_it) {
  ASSERT_TRUE(std::filesystem::remove(store().path_of(base_.root)));
  EXPECT_THAT(refusal(base_, {"a"}).text,
              HasSubstr("the release before is not whole in the store; deploying the whole source, without PATH"));
}

TEST_F(ReleasePathsTest, are_not_removed_because_the_source_is_not_mounted) {
  std::filesystem::remove_all(source());
  std::filesystem::create_directory(source());
  const Error error = refusal(base_, {"a"});
  EXPECT_EQ(error.kind, ErrorKind::refused);
  EXPECT_THAT(error.text, HasSubstr("holds no file: is it mounted"));
}

}  // namespace
}  // namespace serin::release
