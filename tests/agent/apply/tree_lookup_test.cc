#include "agent/apply/tree_lookup.h"

#include <gtest/gtest.h>

#include "tests/agent/apply/sample_tree.h"

namespace serin::apply {

class TreeLookupTest : public testing::Test {
 protected:
  SampleObjects objects_ =
      objects_of({{"a", file("1")}, {"b/c/d", file("2")}, {"b/e", file("3")}, {"b-", file("4")}, {"f", link_to("a")}});
  int loads_ = 0;
  TreeLoader load_ = [this](const ObjectId& id) -> Result<Tree> {
    ++loads_;
    const auto found = objects_.objects.find(id);
    if (found == objects_.objects.end()) return failure(ErrorKind::not_found, "gone");
    return decode_tree(found->second);
  };
};

TEST_F(TreeLookupTest, finds_what_is_there_in_any_order) {
  TreeLookup lookup(objects_.root, load_);
  for (int round = 0; round < 2; ++round) {
    for (const auto& [path, content] :
         std::map<std::string, std::string>{{"a", "1"}, {"b/c/d", "2"}, {"b/e", "3"}, {"b-", "4"}}) {
      const TreeEntry* entry = lookup.find(path);
      ASSERT_NE(entry, nullptr) << path;
      EXPECT_EQ(entry->id, digest_of(content));
    }
  }
  ASSERT_NE(lookup.find("b/c"), nullptr);
  EXPECT_EQ(lookup.find("b/c")->kind, EntryKind::folder);
}

TEST_F(TreeLookupTest, finds_nothing_where_nothing_is) {
  TreeLookup lookup(objects_.root, load_);
  for (const char* path : {"x", "a/x", "b/x", "b/c/x/y", "f/x", "b/c/d/x", "bb"})
    EXPECT_EQ(lookup.find(path), nullptr) << path;
  TreeLookup nothing(ObjectId{}, load_);
  EXPECT_EQ(nothing.find("a"), nullptr);
}

TEST_F(TreeLookupTest, loads_each_folder_once_for_paths_in_order) {
  TreeLookup lookup(objects_.root, load_);
  for (const char* path : {"a", "b", "b/c", "b/c/d", "b/c/x", "b/e", "b/x", "f"}) lookup.find(path);
  EXPECT_EQ(loads_, 3);
}

TEST_F(TreeLookupTest, finds_nothing_in_a_folder_that_cannot_be_loaded) {
  TreeLookup whole(objects_.root, load_);
  const ObjectId folder = whole.find("b/c")->id;
  objects_.objects.erase(folder);
  TreeLookup lookup(objects_.root, load_);
  EXPECT_EQ(lookup.find("b/c/d"), nullptr);
  EXPECT_NE(lookup.find("b/e"), nullptr);
}

}  // namespace serin::apply
