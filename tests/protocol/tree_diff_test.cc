#include "protocol/tree_diff.h"

#include <gtest/gtest.h>

#include <map>

#include "protocol/limits.h"

namespace serin {
namespace {

TreeEntry file(const std::string& name, const std::string& content) {
  return {.name = name, .kind = EntryKind::file, .mtime_s = 100, .size = content.size(), .id = digest_of(content)};
}
TreeEntry symlink(const std::string& name, const std::string& target) {
  return {.name = name, .kind = EntryKind::symlink, .target = target};
}

/// The folders of a test, and which of them were asked for.
class Folders {
 public:
  ObjectId put(const Tree& tree) {
    const ObjectId id = digest_of(encode_tree(tree));
    trees_[id] = tree;
    return id;
  }
  TreeEntry folder(const std::string& name, const Tree& tree) {
    return {.name = name, .kind = EntryKind::folder, .id = put(tree)};
  }
  void lose(const ObjectId& id) { trees_.erase(id); }

  Result<Tree> load(const ObjectId& id) {
    ++loads_[id];
    const auto found = trees_.find(id);
    if (found == trees_.end()) return failure(ErrorKind::not_found, "no folder " + id.brief());
    return found->second;
  }
  Result<std::vector<PathChange>> diff(const ObjectId& from, const ObjectId& to) {
    loads_.clear();
    return diff_trees(from, to, [this](const ObjectId& id) { return load(id); });
  }
  [[nodiscard]] const std::map<ObjectId, int>& loads() const { return loads_; }

 private:
  std::map<ObjectId, Tree> trees_;
  std::map<ObjectId, int> loads_;
};

using Changes = std::vector<PathChange>;

TEST(DiffTrees, finds_nothing_between_equal_trees_and_loads_nothing) {
  Folders folders;
  const ObjectId root = folders.put({.entries = {file("a", "1")}});
  folders.lose(root);
  EXPECT_EQ(folders.diff(root, root), Changes{});
  EXPECT_EQ(folders.diff({}, {}), Changes{});
  EXPECT_TRUE(folders.loads().empty());
}

TEST(DiffTrees, tells_what_was_added_changed_and_removed_in_the_order_of_names) {
  Folders folders;
  TreeEntry tool = file("tool", "same");
  const ObjectId from = folders.put({.entries = {file("a", "1"), file("b", "1"), file("d", "1"), tool}});
  tool.kind = EntryKind::executable;
  const ObjectId to = folders.put({.entries = {file("a", "1"), file("b", "22"), file("c", "1"), tool}});
  const Changes expected{
      {.path = "b", .before = file("b", "1"), .after = file("b", "22")},
      {.path = "c", .before = {}, .after = file("c", "1")},
      {.path = "d", .before = file("d", "1"), .after = {}},
      {.path = "tool", .before = file("tool", "same"), .after = tool},
  };
  EXPECT_EQ(folders.diff(from, to), expected);
}

TEST(DiffTrees, tells_of_another_time_or_target_alone) {
  Folders folders;
  TreeEntry later = file("a", "1");
  later.mtime_s = 101;
  const ObjectId from = folders.put({.entries = {file("a", "1"), symlink("l", "x")}});
  const ObjectId to = folders.put({.entries = {later, symlink("l", "y")}});
  const Changes expected{{.path = "a", .before = file("a", "1"), .after = later},
                         {.path = "l", .before = symlink("l", "x"), .after = symlink("l", "y")}};
  EXPECT_EQ(folders.diff(from, to), expected);
}

TEST(DiffTrees, leaves_out_a_folder_of_which_only_the_entries_changed) {
  Folders folders;
  const Tree before{.entries = {file("x", "1")}};
  const Tree after{.entries = {file("x", "2")}};
  const ObjectId from = folders.put({.entries = {folders.folder("lib", before)}});
  const ObjectId to = folders.put({.entries = {folders.folder("lib", after)}});
  EXPECT_EQ(folders.diff(from, to), (Changes{{.path = "lib/x", .before = file("x", "1"), .after = file("x", "2")}}));
}

TEST(DiffTrees, tells_a_new_folder_before_what_it_holds_and_a_removed_one_with_all_that_it_held) {
  Folders folders;
  const TreeEntry inner = folders.folder("in", {.entries = {file("y", "1")}});
  const TreeEntry outer = folders.folder("out", {.entries = {inner, file("z", "1")}});
  const TreeEntry empty = folders.folder("empty", {});
  const ObjectId root = folders.put({.entries = {empty, outer}});
  const Changes added{
      {.path = "empty", .before = {}, .after = empty},
      {.path = "out", .before = {}, .after = outer},
      {.path = "out/in", .before = {}, .after = inner},
      {.path = "out/in/y", .before = {}, .after = file("y", "1")},
      {.path = "out/z", .before = {}, .after = file("z", "1")},
  };
  EXPECT_EQ(folders.diff({}, root), added);
  Changes removed = added;
  for (PathChange& change : removed) std::swap(change.before, change.after);
  EXPECT_EQ(folders.diff(root, {}), removed);
}

TEST(DiffTrees, tells_a_change_of_kind_with_what_the_folder_held_or_holds) {
  Folders folders;
  const TreeEntry folder = folders.folder("x", {.entries = {file("in", "1")}});
  const ObjectId with_folder = folders.put({.entries = {folder}});
  const ObjectId with_file = folders.put({.entries = {file("x", "1")}});
  const ObjectId with_link = folders.put({.entries = {symlink("x", "y")}});
  EXPECT_EQ(folders.diff(with_file, with_folder), (Changes{{.path = "x", .before = file("x", "1"), .after = folder},
                                                           {.path = "x/in", .before = {}, .after = file("in", "1")}}));
  EXPECT_EQ(folders.diff(with_folder, with_file), (Changes{{.path = "x", .before = folder, .after = file("x", "1")},
                                                           {.path = "x/in", .before = file("in", "1"), .after = {}}}));
  EXPECT_EQ(folders.diff(with_link, with_file),
            (Changes{{.path = "x", .before = symlink("x", "y"), .after = file("x", "1")}}));
}

TEST(DiffTrees, never_loads_equal_subtrees_and_loads_each_other_folder_once) {
  Folders folders;
  const TreeEntry large = folders.folder("large", {.entries = {file("a", "1"), file("b", "1")}});
  const TreeEntry before = folders.folder("small", {.entries = {file("a", "1")}});
  const TreeEntry after = folders.folder("small", {.entries = {file("a", "2")}});
  const ObjectId from = folders.put({.entries = {large, before}});
  const ObjectId to = folders.put({.entries = {large, after}});
  folders.lose(large.id);
  ASSERT_TRUE(folders.diff(from, to));
  EXPECT_EQ(folders.loads(), (std::map<ObjectId, int>{{from, 1}, {to, 1}, {before.id, 1}, {after.id, 1}}));
}

TEST(DiffTrees, fails_as_the_loader_fails) {
  Folders folders;
  const TreeEntry lost = folders.folder("lost", {.entries = {file("a", "1")}});
  const ObjectId root = folders.put({.entries = {lost}});
  folders.lose(lost.id);
  const auto changes = folders.diff({}, root);
  ASSERT_FALSE(changes);
  EXPECT_EQ(changes.error(), (Error{ErrorKind::not_found, "no folder " + lost.id.brief()}));
}

/// `names` folders in each other; the last one holds `innermost`.
ObjectId nested(Folders& folders, std::size_t names, const std::string& name, Tree innermost) {
  for (std::size_t i = 0; i < names; ++i) innermost = {.entries = {folders.folder(name, innermost)}};
  return folders.put(innermost);
}

TEST(DiffTrees, gives_no_path_that_check_path_would_refuse) {
  Folders folders;
  const auto deep = folders.diff({}, nested(folders, limits::kTreeDepthMax - 1, "d", {.entries = {file("f", "1")}}));
  ASSERT_TRUE(deep) << deep.error().text;
  EXPECT_EQ(deep->size(), limits::kTreeDepthMax);
  EXPECT_TRUE(check_path(deep->back().path));

  const ObjectId too_deep = nested(folders, limits::kTreeDepthMax, "d", {.entries = {file("f", "1")}});
  const ObjectId folders_alone = nested(folders, limits::kTreeDepthMax + 1, "d", {});
  const ObjectId too_long = nested(folders, 17, std::string(limits::kNameBytesMax, 'n'), {});
  for (const ObjectId& root : {too_deep, folders_alone, too_long}) {
    for (const auto& changes : {folders.diff({}, root), folders.diff(root, {})}) {
      ASSERT_FALSE(changes);
      EXPECT_EQ(changes.error().kind, ErrorKind::refused);
    }
  }
}

TEST(DiffTrees, gives_up_on_a_few_folders_that_unfold_into_millions_of_paths) {
  Folders folders;
  Tree tree{.entries = {file("f", "1")}};
  for (int level = 0; level < 8; ++level) {
    Tree above;
    for (int i = 100; i < 200; ++i) above.entries.push_back(folders.folder(std::to_string(i), tree));
    tree = above;
  }
  const auto changes = diff_trees({}, folders.put(tree), [&](const ObjectId& id) { return folders.load(id); }, 10'000);
  ASSERT_FALSE(changes);
  EXPECT_EQ(changes.error(), (Error{ErrorKind::refused, "the trees differ in more than 10000 paths"}));
}

TEST(Summarize, counts_files_and_links_and_the_bytes_of_new_contents) {
  Folders folders;
  const TreeEntry old = folders.folder("old", {.entries = {file("gone", "1")}});
  const ObjectId from = folders.put({.entries = {file("a", "1"), symlink("l", "x"), old, file("same", "1")}});
  const ObjectId to = folders.put({.entries = {file("a", "four"), symlink("l", "y"), file("new", "22"),
                                               file("old", "now a file"), file("same", "1")}});
  const auto changes = folders.diff(from, to);
  ASSERT_TRUE(changes);
  EXPECT_EQ(summarize(*changes), (DiffSummary{.added = 2, .changed = 2, .removed = 1, .bytes = 4 + 2 + 10}));
  EXPECT_EQ(summarize({}), DiffSummary{});
}

}  // namespace
}  // namespace serin
