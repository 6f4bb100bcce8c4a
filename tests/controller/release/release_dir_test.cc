#include "controller/release/release_dir.h"

#include "protocol/posix/files.h"
#include "tests/controller/release/build_fixture.h"

namespace serin::release {
namespace {

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

TEST_F(ReleaseDirTest, lays_a_path_over_the_base_without_the_other_changes) {
  write("a", "1");
  write("d/b", "2");
  write("d/c", "3");
  const BuildResult base = build();
  write("a", "other");
  write("d/b", "new one");
  const BuildResult built = build(base, {"d/b"});
  EXPECT_EQ(words_of(built.root), (Words{"a=1", "d/b=new one", "d/c=3"}));
  EXPECT_EQ(read_, Words{"d/b"});
  EXPECT_EQ(built.files, 3U);
  EXPECT_EQ(built.bytes, 9U);
  EXPECT_EQ(built.summary, (DiffSummary{.changed = 1, .bytes = 7}));
}

}  // namespace
}  // namespace serin::release
