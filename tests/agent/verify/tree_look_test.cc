#include <fstream>

#include "protocol/limits.h"
#include "tests/agent/verify/look_fixture.h"

namespace serin::drift {

namespace fs = std::filesystem;

using TreeLookTest = LookTest;

TEST_F(TreeLookTest, a_tree_as_it_was_deployed_is_clean_and_counted_whole) {
  const TreeLook seen = look();
  EXPECT_EQ(words(seen.drifts.kept()), "");
  EXPECT_EQ(seen.files, 6U);
  EXPECT_EQ(seen.bytes, 3U + 8U + 8U + 1U + 10U);
}

TEST_F(TreeLookTest, every_kind_of_drift_is_named_with_its_path) {
  spoil(at("lib/a.php"), "SHARED A", 1'700'000'000);  // same size, mode and time
  fs::remove(at("index.php"));
  std::ofstream(at("lib/left.php")) << "by hand";
  fs::create_directories(at("new folder/deep"));
  fs::permissions(at("bin/run"), fs::perms::owner_all);
  fs::remove(at("current"));
  fs::create_symlink("empty", at("current"));
  const timespec times[2] = {{.tv_sec = 5, .tv_nsec = 0}, {.tv_sec = 5, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, at("lib/b.php").c_str(), times, 0), 0);
  fs::permissions(at("empty"), fs::perms::all);
  EXPECT_EQ(found(),
            "mode bin/run, changed current, mode empty, missing index.php, changed lib/a.php, mtime lib/b.php, extra "
            "lib/left.php, extra new folder");
  EXPECT_EQ(look().drifts.counts(), (DriftCounts{.missing = 1, .extra = 2, .changed = 2, .mode = 2, .mtime = 1}));
}

TEST_F(TreeLookTest, a_flipped_byte_is_found_though_size_mode_and_time_are_right) {
  spoil(at("bin/run"), "#", 1'700'000'000);
  EXPECT_EQ(found(), "");
  spoil(at("bin/run"), "\"", 1'700'000'000);
  EXPECT_EQ(found(), "changed bin/run");
}

TEST_F(TreeLookTest, a_folder_that_is_gone_or_a_file_counts_with_all_that_it_held) {
  fs::remove_all(at("lib"));
  EXPECT_EQ(found(), "missing lib, missing lib/a.php, missing lib/b-more, missing lib/b-more/c.php, missing lib/b.php");
  std::ofstream(at("lib")) << "a file";
  EXPECT_EQ(found(), "changed lib, missing lib/a.php, missing lib/b-more, missing lib/b-more/c.php, missing lib/b.php");
}

TEST_F(TreeLookTest, a_link_in_the_place_of_a_folder_is_not_followed) {
  fs::create_directories(folder_ / "elsewhere");
  fs::rename(at("empty"), at("was empty"));
  fs::create_symlink(folder_ / "elsewhere", at("empty"));
  std::ofstream(folder_ / "elsewhere" / "secret") << "not ours";
  EXPECT_EQ(found(), "changed empty, extra was empty");
}

TEST_F(TreeLookTest, what_the_host_keeps_there_is_no_drift) {
  fs::create_symlink("/var/lib/uploads", at("uploads"));
  fs::create_directories(at("config"));
  fs::create_symlink("/etc/shop.php", at("config/local.php"));
  LookOptions kept = options();
  kept.kept = {"uploads", "config/local.php"};
  TreeLook seen;
  ASSERT_TRUE(look_at_tree(kept, seen, [](const TreeLook&) {}, {}));
  EXPECT_EQ(words(seen.drifts.kept()), "");
}

TEST_F(TreeLookTest, a_damaged_folder_object_is_drift_and_the_rest_is_looked_at) {
  const Tree root = apply::read_tree_object(own("trees"), apply::release_of(2, tree_).root).value();
  std::ofstream(own("trees/" + find_entry(root, "lib")->id.hex())) << "torn";
  spoil(at("bin/run"), "\"", 1'700'000'000);
  const TreeLook seen = look();
  EXPECT_EQ(words(seen.drifts.kept()), "changed bin/run, changed lib");
  EXPECT_TRUE(seen.unread_folders);
}

TEST_F(TreeLookTest, a_look_goes_on_behind_any_path_where_one_was_stopped) {
  fs::remove(at("index.php"));
  fs::remove(at("lib/b-more/c.php"));
  std::ofstream(at("lib/zz")) << "extra";
  const std::string whole = found();
  const std::uint64_t files = look().files;
  for (std::size_t stop_after = 1;; ++stop_after) {
    std::stop_source stop;
    TreeLook first;
    std::size_t steps = 0;
    std::string last;
    const auto looked = look_at_tree(
        options(), first,
        [&](const TreeLook& so_far) {
          if (so_far.last != last && ++steps == stop_after) stop.request_stop();
          last = so_far.last;
        },
        stop.get_token());
    if (looked) break;  // there were no more steps
    EXPECT_EQ(looked.error().kind, ErrorKind::busy);
    LookOptions rest = options();
    rest.after = first.last;
    TreeLook second;
    ASSERT_TRUE(look_at_tree(rest, second, [](const TreeLook&) {}, {}));
    std::vector<Drift> both = first.drifts.kept();
    both.insert(both.end(), second.drifts.kept().begin(), second.drifts.kept().end());
    EXPECT_EQ(words(both), whole) << "stopped behind " << first.last;
    EXPECT_GE(first.files + second.files, files);
    ASSERT_LT(stop_after, 100U);
  }
}

TEST_F(TreeLookTest, a_list_of_drift_is_bounded_and_its_counts_are_exact) {
  DriftList drifts;
  for (std::size_t i = 0; i < limits::kDriftsKept + 10; ++i) drifts.add("p" + std::to_string(i), DriftKind::extra);
  EXPECT_EQ(drifts.counts().extra, limits::kDriftsKept + 10);
  EXPECT_EQ(drifts.kept().size(), limits::kDriftsKept);
  EXPECT_TRUE(drifts.more());
  EXPECT_EQ(first_drifts(drifts.kept()).size(), limits::kDriftListed);
  const std::vector<Drift> long_names(40, {.path = std::string(4'000, 'x'), .kind = DriftKind::missing});
  EXPECT_LE(first_drifts(long_names).size() * 4'000, limits::kDriftListedBytes);
}

TEST(WalksBefore, a_folder_comes_before_what_it_holds_and_that_before_the_next_name) {
  EXPECT_TRUE(walks_before("a", "a/x"));
  EXPECT_TRUE(walks_before("a/x", "a-b"));
  EXPECT_FALSE(walks_before("a-b", "a/x"));
  EXPECT_FALSE(walks_before("a", "a"));
  EXPECT_TRUE(walks_before("a/\x7f", "a/\xff"));
}

}  // namespace serin::drift
