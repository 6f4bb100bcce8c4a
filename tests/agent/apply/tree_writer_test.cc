#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "agent/apply/tree_writer_dir.h"
#include "protocol/posix/files.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::apply {

namespace fs = std::filesystem;

class TreeWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const fs::path& each : {tree_, scratch_, store_}) fs::create_directory(each);
    from_.emplace(FolderRoot::open(store_).value());
  }

  static TreeEntry entry_of(const std::string& content, std::int64_t mtime_s = 1'000) {
    return {.kind = EntryKind::file, .mtime_s = mtime_s, .size = content.size(), .id = digest_of(content)};
  }
  static PathChange added(const std::string& path, const TreeEntry& entry) {
    return {.path = path, .before = std::nullopt, .after = entry};
  }
  static PathChange changed(const std::string& path, const TreeEntry& before, const TreeEntry& after) {
    return {.path = path, .before = before, .after = after};
  }
  /// All files come from the file "source" in the store.
  Result<void> apply(const std::vector<PathChange>& changes, FileSource::How how) {
    auto writer = TreeWriter::open(tree_, scratch_);
    if (!writer) return std::unexpected(writer.error());
    const auto source = [&](const std::string&, const TreeEntry&) { return FileSource{&*from_, "source", how}; };
    if (auto applied = writer->apply(changes, source); !applied) return applied;
    return writer->sync();
  }
  void put_source(const std::string& content, std::int64_t mtime_s = 1'000, mode_t mode = 0444) const {
    fs::remove(store_ / "source");
    std::ofstream(store_ / "source", std::ios::binary) << content;
    const timespec times[2] = {{.tv_sec = mtime_s, .tv_nsec = 0}, {.tv_sec = mtime_s, .tv_nsec = 0}};
    ASSERT_EQ(::chmod((store_ / "source").c_str(), mode), 0);
    ASSERT_EQ(::utimensat(AT_FDCWD, (store_ / "source").c_str(), times, 0), 0);
  }
  [[nodiscard]] static std::string content(const fs::path& path) {
    return posix::read_file(path, 1U << 20).value_or("?");
  }
  [[nodiscard]] static std::uintmax_t links(const fs::path& path) { return fs::hard_link_count(path); }

  TemporaryFolder folder_;
  fs::path tree_ = folder_ / "tree", scratch_ = folder_ / "scratch", store_ = folder_ / "store";
  std::optional<FolderRoot> from_;
};

TEST_F(TreeWriterTest, shares_a_file_that_is_the_entry_and_copies_any_other) {
  put_source("x");
  ASSERT_TRUE(apply({added("a", entry_of("x"))}, FileSource::How::link));
  EXPECT_EQ(links(tree_ / "a"), 2U);
  ASSERT_TRUE(apply({added("b", entry_of("x", 2'000))}, FileSource::How::link));
  EXPECT_EQ(links(tree_ / "b"), 1U);
  put_source("x", 1'000, 0644);
  ASSERT_TRUE(apply({added("c", entry_of("x"))}, FileSource::How::link));
  EXPECT_EQ(links(tree_ / "c"), 1U);
  EXPECT_EQ(fs::status(tree_ / "c").permissions(), fs::perms{0444});
}

TEST_F(TreeWriterTest, moves_a_file_that_it_may_take) {
  put_source("x", 5, 0600);
  ASSERT_TRUE(apply({added("a", entry_of("x"))}, FileSource::How::take));
  EXPECT_FALSE(fs::exists(store_ / "source"));
  struct stat made{};
  ASSERT_EQ(::stat((tree_ / "a").c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 07777U, 0444U);
  EXPECT_EQ(made.st_mtim.tv_sec, 1'000);
}

TEST_F(TreeWriterTest, replaces_a_file_that_others_share_without_changing_theirs) {
  for (const auto how : {FileSource::How::copy, FileSource::How::link, FileSource::How::take}) {
    put_source("old");
    ASSERT_TRUE(apply({added("a", entry_of("old"))}, FileSource::How::link));
    fs::create_hard_link(tree_ / "a", folder_ / "theirs");
    put_source("new");
    ASSERT_TRUE(apply({changed("a", entry_of("old"), entry_of("new"))}, how));
    EXPECT_EQ(content(tree_ / "a"), "new");
    EXPECT_EQ(content(folder_ / "theirs"), "old");
    fs::remove(folder_ / "theirs");
    fs::remove(tree_ / "a");
  }
}

TEST_F(TreeWriterTest, refuses_bytes_that_are_not_the_entrys_and_leaves_the_old_file) {
  put_source("good");
  ASSERT_TRUE(apply({added("a", entry_of("good"))}, FileSource::How::copy));
  put_source("evil");
  const auto applied = apply({changed("a", entry_of("good"), entry_of("more"))}, FileSource::How::copy);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(content(tree_ / "a"), "good");
}

TEST_F(TreeWriterTest, never_writes_through_a_link) {
  const fs::path outside = folder_ / "outside";
  fs::create_directory(outside);
  fs::create_directory_symlink(outside, tree_ / "lib");
  put_source("x");
  EXPECT_FALSE(apply({added("lib/x", entry_of("x"))}, FileSource::How::copy));
  EXPECT_FALSE(apply({{.path = "lib/x", .before = entry_of("x"), .after = std::nullopt}}, FileSource::How::copy));
  EXPECT_TRUE(fs::is_empty(outside));
}

TEST_F(TreeWriterTest, never_reads_through_a_link) {
  std::ofstream(folder_ / "secret") << "secret";
  fs::create_symlink(folder_ / "secret", store_ / "source");
  const auto applied = apply({added("a", entry_of("secret"))}, FileSource::How::copy);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().kind, ErrorKind::corrupt);
}

TEST_F(TreeWriterTest, refuses_paths_and_links_that_lead_out) {
  put_source("x");
  for (const char* path : {"../x", "/x", "a/../../x", "a//x"}) {
    EXPECT_FALSE(apply({added(path, entry_of("x"))}, FileSource::How::copy)) << path;
  }
  TreeEntry link{.kind = EntryKind::symlink, .target = "../x"};
  EXPECT_FALSE(apply({added("l", link)}, FileSource::How::copy));
  link.target = "/etc/passwd";
  EXPECT_FALSE(apply({added("l", link)}, FileSource::How::copy));
  EXPECT_TRUE(fs::is_empty(tree_));
}

TEST_F(TreeWriterTest, syncs_few_changes_and_many) {
  put_source("x");
  for (const int count : {4, 200}) {
    std::vector<PathChange> changes;
    changes.reserve(200);
    for (int i = 0; i < count; ++i) changes.push_back(added(std::to_string(count * 1'000 + i), entry_of("x")));
    EXPECT_TRUE(apply(changes, FileSource::How::copy)) << count;
  }
  EXPECT_TRUE(fs::is_empty(scratch_));
}

}  // namespace serin::apply
