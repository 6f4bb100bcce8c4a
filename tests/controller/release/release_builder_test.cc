#include "controller/release/release_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "protocol/limits.h"

namespace serin::release {
namespace {

using Paths = std::vector<std::string>;
using testing::HasSubstr;

/// Folders in memory; remembers which were loaded.
class MemoryFolders {
 public:
  FolderStore store{.load = [this](const ObjectId& id) -> Result<Tree> {
                      loaded.push_back(id);
                      const auto found = folders.find(id);
                      if (found == folders.end()) return failure(ErrorKind::not_found, "no such folder");
                      return found->second;
                    },
                    .store = [this](const Tree& tree) -> Result<ObjectId> {
                      const ObjectId id = digest_of(encode_tree(tree));
                      folders[id] = tree;
                      ++stored;
                      return id;
                    }};
  ObjectId put(std::vector<TreeEntry> entries) { return *store.store(Tree{std::move(entries)}); }

  std::map<ObjectId, Tree> folders;
  std::vector<ObjectId> loaded;
  int stored = 0;
};

TreeEntry file(const std::string& name, const std::string& bytes = "x", std::int64_t mtime = 1) {
  return {.name = name, .kind = EntryKind::file, .mtime_s = mtime, .size = bytes.size(), .id = digest_of(bytes)};
}
TreeEntry folder(const std::string& name, const ObjectId& id) {
  return {.name = name, .kind = EntryKind::folder, .id = id};
}

Paths normal(const Paths& paths) {
  const auto got = normal_paths(paths, {"/srv/staging", "/real/staging"});
  EXPECT_TRUE(got) << got.error().text;
  return got.value_or(Paths{});
}

TEST(NormalPaths, are_resolved_by_their_names) {
  EXPECT_EQ(normal({"a/./b//c/", "./d", "e/../f/../g"}), (Paths{"a/b/c", "d", "g"}));
  EXPECT_EQ(normal({}), Paths{});
}

TEST(NormalPaths, may_be_absolute_inside_the_source_by_any_of_its_names) {
  EXPECT_EQ(normal({"/srv/staging/a", "/real/staging/b", "//srv/./x/../staging//c"}), (Paths{"a", "b", "c"}));
  EXPECT_EQ(*normal_paths({"/a"}, {"/"}), Paths{"a"});
}

TEST(NormalPaths, mean_the_whole_source_when_they_name_it) {
  EXPECT_EQ(normal({"."}), Paths{""});
  EXPECT_EQ(normal({"/srv/staging/"}), Paths{""});
  EXPECT_EQ(normal({"a", "b/..", "c"}), Paths{""});
}

TEST(NormalPaths, are_sorted_none_twice_and_none_inside_another) {
  EXPECT_EQ(normal({"b", "a", "b/c/d", "b/", "b-c", "a0/x", "b.d/e"}), (Paths{"a", "a0/x", "b", "b-c", "b.d/e"}));
}

TEST(NormalPaths, are_refused_outside_of_the_source) {
  for (const std::string path :
       {"..", "a/../../b", "/srv", "/srv/staging2/a", "/srv/staging/../a", "/etc/passwd", "/"}) {
    const auto got = normal_paths({path}, {"/srv/staging"});
    ASSERT_FALSE(got) << path;
    EXPECT_EQ(got.error().kind, ErrorKind::refused);
    EXPECT_THAT(got.error().text, HasSubstr(path + " is outside of the source /srv/staging"));
  }
}

TEST(NormalPaths, are_refused_when_no_tree_can_have_them) {
  EXPECT_EQ(normal_paths({""}, {"/s"}).error().kind, ErrorKind::refused);
  EXPECT_EQ(normal_paths({std::string("a\0b", 3)}, {"/s"}).error().kind, ErrorKind::refused);
  EXPECT_EQ(normal_paths({std::string(256, 'x')}, {"/s"}).error().kind, ErrorKind::refused);
  std::string deep;
  for (std::size_t i = 0; i <= limits::kTreeDepthMax; ++i) deep += "d/";
  EXPECT_THAT(normal_paths({deep}, {"/s"}).error().text, HasSubstr("nested deeper than 128"));
}

TEST(KeepMtime, takes_the_bases_for_equal_content_whatever_the_x_bit) {
  TreeEntry entry = file("a", "same", 50);
  entry.kind = EntryKind::executable;
  const TreeEntry base = file("a", "same", 10);
  keep_mtime(entry, &base);
  EXPECT_EQ(entry.mtime_s, 10);
}

TEST(KeepMtime, keeps_stagings_for_other_content_a_new_file_and_another_kind) {
  TreeEntry entry = file("a", "new", 50);
  const TreeEntry other = file("a", "old", 10);
  const TreeEntry was_folder = folder("a", digest_of("new"));
  for (const TreeEntry* base : {&other, &was_folder, static_cast<const TreeEntry*>(nullptr)}) {
    keep_mtime(entry, base);
    EXPECT_EQ(entry.mtime_s, 50);
  }
}

/// a, d/{b, e/c}, z/y
class LayOver : public testing::Test {
 protected:
  ObjectId lay(const std::vector<Overlay>& overlays) {
    folders_.loaded.clear();
    folders_.stored = 0;
    const auto root = lay_over(root_, overlays, folders_.store);
    EXPECT_TRUE(root) << root.error().text;
    return root.value_or(ObjectId{});
  }
  Error refusal(const std::vector<Overlay>& overlays) {
    const auto root = lay_over(root_, overlays, folders_.store);
    EXPECT_FALSE(root);
    return root ? Error{} : root.error();
  }
  MemoryFolders folders_;
  ObjectId e_ = folders_.put({file("c")});
  ObjectId d_ = folders_.put({file("b"), folder("e", e_)});
  ObjectId z_ = folders_.put({file("y")});
  ObjectId root_ = folders_.put({file("a"), folder("d", d_), folder("z", z_)});
};

TEST_F(LayOver, replaces_adds_and_removes_and_loads_only_the_folders_on_the_way) {
  const ObjectId root = lay({{"d/e/c", file("c", "new")}, {"d/e/n", file("n")}, {"d/m", file("m")}, {"a", {}}});
  EXPECT_EQ(folders_.loaded, (std::vector{root_, d_, e_}));
  EXPECT_EQ(folders_.stored, 3);
  const ObjectId e = folders_.put({file("c", "new"), file("n")});
  const ObjectId d = folders_.put({file("b"), folder("e", e), file("m")});
  EXPECT_EQ(root, folders_.put({folder("d", d), folder("z", z_)}));
}

TEST_F(LayOver, gives_the_base_and_stores_nothing_when_all_is_equal) {
  EXPECT_EQ(lay({{"a", file("a")}, {"d/e", folder("e", e_)}}), root_);
  EXPECT_EQ(folders_.stored, 0);
}

TEST_F(LayOver, makes_the_folders_that_the_base_lacks) {
  const ObjectId root = lay({{"new/er/f", file("f")}, {"new/er/g", file("g")}});
  const ObjectId er = folders_.put({file("f"), file("g")});
  const ObjectId made = folders_.put({folder("er", er)});
  EXPECT_EQ(root, folders_.put({file("a"), folder("d", d_), folder("new", made), folder("z", z_)}));
}

TEST_F(LayOver, keeps_a_folder_that_it_emptied_and_removes_a_whole_one) {
  const ObjectId root = lay({{"d", {}}, {"z/y", {}}});
  EXPECT_EQ(root, folders_.put({file("a"), folder("z", folders_.put({}))}));
}

TEST_F(LayOver, puts_a_file_in_the_place_of_a_folder_and_a_folder_in_that_of_a_file) {
  const ObjectId root = lay({{"a", folder("a", e_)}, {"d", file("d")}});
  EXPECT_EQ(root, folders_.put({folder("a", e_), file("d"), folder("z", z_)}));
}

TEST_F(LayOver, names_a_path_to_remove_that_is_not_there) {
  for (const std::string path : {"no", "d/no", "no/such/path", "d/e/c2"}) {
    const Error error = refusal({{path, {}}});
    EXPECT_EQ(error.kind, ErrorKind::not_found) << path;
    EXPECT_THAT(error.text, HasSubstr(path + " is neither in the source nor in the release before"));
  }
  // Beside one that makes the folder, too.
  EXPECT_EQ(refusal({{"n/a", {}}, {"n/b", file("b")}}).kind, ErrorKind::not_found);
}

TEST_F(LayOver, refuses_a_path_through_a_file_and_says_what_to_deploy_instead) {
  const Error error = refusal({{"d/b/x", file("x")}});
  EXPECT_EQ(error.kind, ErrorKind::refused);
  EXPECT_THAT(error.text, HasSubstr("Deploy d/b as a whole"));
}

TEST_F(LayOver, refuses_a_folder_with_too_many_entries) {
  std::vector<TreeEntry> many;
  many.reserve(limits::kFolderEntriesMax);
  for (std::size_t i = 0; i < limits::kFolderEntriesMax; ++i) many.push_back(file(std::to_string(1'000'000 + i)));
  root_ = folders_.put(many);
  EXPECT_THAT(refusal({{"x", file("x")}}).text, HasSubstr("100001 entries, more than the 100000 allowed"));
}

TEST_F(LayOver, passes_on_that_the_base_is_not_whole) {
  folders_.folders.erase(d_);
  EXPECT_EQ(refusal({{"d/b", {}}}), (Error{ErrorKind::not_found, "no such folder"}));
}

using FindPath = LayOver;

TEST_F(FindPath, finds_what_is_there_and_nothing_elsewhere) {
  EXPECT_EQ(**find_path(root_, "a", folders_.store.load), file("a"));
  EXPECT_EQ(**find_path(root_, "d/e", folders_.store.load), folder("e", e_));
  EXPECT_EQ(**find_path(root_, "d/e/c", folders_.store.load), file("c"));
  for (const char* path : {"b", "d/x", "d/b/x", "x/y"}) {
    EXPECT_EQ(*find_path(root_, path, folders_.store.load), std::nullopt) << path;
  }
  EXPECT_EQ(*find_path({}, "a", folders_.store.load), std::nullopt);
}

class Conclude : public testing::Test {
 protected:
  ObjectId files(int first, int count, const std::string& bytes = "xy") {
    std::vector<TreeEntry> entries;
    entries.reserve(static_cast<std::size_t>(count));
    for (int i = first; i < first + count; ++i) entries.push_back(file(std::to_string(10'000 + i), bytes));
    return folders_.put(entries);
  }
  MemoryFolders folders_;
};

TEST_F(Conclude, counts_the_whole_tree_from_the_base_and_the_changes) {
  const ObjectId root =
      folders_.put({file("a", "longer"), file("n", "1234"), {.name = "o", .kind = EntryKind::symlink, .target = "a"}});
  const BuildRequest request{.base = folders_.put({file("a", "xy"), file("b", "xyz"), file("n", "1234")}),
                             .base_files = 103,
                             .base_bytes = 1'009,
                             .delete_limit_percent = 1};
  const auto built = conclude(request, root, std::nullopt, folders_.store.load);
  ASSERT_TRUE(built) << built.error().text;
  EXPECT_EQ(built->root, root);
  EXPECT_EQ(built->files, 103U);
  EXPECT_EQ(built->bytes, 1'010U);
  EXPECT_EQ(built->summary, (DiffSummary{.added = 1, .changed = 1, .removed = 1, .bytes = 6}));
  EXPECT_EQ(built->changes.size(), 3U);
}

TEST_F(Conclude, takes_the_totals_of_a_scan_and_never_counts_below_nothing) {
  const BuildRequest request{.base = files(0, 3), .delete_limit_percent = 100};
  const ObjectId root = files(0, 1);
  const auto scanned = conclude(request, root, Totals{1, 2}, folders_.store.load);
  EXPECT_EQ(scanned->files, 1U);
  EXPECT_EQ(scanned->bytes, 2U);
  const auto followed = conclude(request, root, std::nullopt, folders_.store.load);
  EXPECT_EQ(followed->files, 0U);
  EXPECT_EQ(followed->bytes, 0U);
}

TEST_F(Conclude, refuses_to_remove_more_than_the_limit_unless_it_is_meant) {
  BuildRequest request{.source = "/srv/s", .base = files(0, 100), .base_files = 100, .base_bytes = 200};
  const auto over = conclude(request, files(0, 69), std::nullopt, folders_.store.load);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().kind, ErrorKind::refused);
  EXPECT_EQ(over.error().text,
            "this would remove 31 of 100 files (31 %; the limit is 30 %): is the source /srv/s complete? If it is "
            "meant so: --yes-delete");
  EXPECT_FALSE(conclude(request, files(0, 69), Totals{69, 138}, folders_.store.load));
  EXPECT_TRUE(conclude(request, files(0, 70), std::nullopt, folders_.store.load));
  EXPECT_TRUE(conclude(request, files(0, 70), Totals{70, 140}, folders_.store.load));
  request.yes_delete = true;
  EXPECT_EQ(conclude(request, files(0, 1), std::nullopt, folders_.store.load)->summary.removed, 99U);
}

TEST_F(Conclude, compares_removals_with_the_bases_files_not_the_new_ones) {
  const BuildRequest request{.base = files(0, 10), .base_files = 10};
  EXPECT_FALSE(conclude(request, files(6, 1'000), std::nullopt, folders_.store.load));
  EXPECT_FALSE(conclude(request, files(6, 1'000), Totals{1'000, 2'000}, folders_.store.load));
  EXPECT_TRUE(conclude(request, files(3, 1'000), Totals{1'000, 2'000}, folders_.store.load));
}

TEST_F(Conclude, shows_a_bounded_number_of_changes_and_counts_all) {
  const auto built = conclude({}, files(0, 1'234), Totals{1'234, 2'468}, folders_.store.load);
  EXPECT_EQ(built->changes.size(), kChangesShown);
  EXPECT_EQ(built->changes.front().path, "10000");
  EXPECT_EQ(built->summary.added, 1'234U);
}

TEST_F(Conclude, refuses_more_files_than_a_release_may_have) {
  const auto built = conclude({}, files(0, 1), Totals{limits::kTreeEntriesMax + 1, 2}, folders_.store.load);
  EXPECT_THAT(built.error().text, HasSubstr("1000001 files, more than the 1000000 allowed"));
}

}  // namespace
}  // namespace serin::release
