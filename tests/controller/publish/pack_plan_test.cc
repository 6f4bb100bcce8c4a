#include "controller/publish/pack_plan.h"

#include <gtest/gtest.h>

#include "protocol/limits.h"
#include "tests/agent/apply/sample_tree.h"

namespace serin::publish {

using apply::file;
using apply::folder;
using apply::objects_of;
using apply::program;
using apply::SampleObjects;
using apply::SampleTree;

namespace {

std::vector<PlannedGroup> plan(const SampleTree& from, const SampleTree& to, bool has_from = true) {
  const SampleObjects before = objects_of(from);
  const SampleObjects after = objects_of(to);
  auto all = before.objects;
  all.insert(after.objects.begin(), after.objects.end());
  const auto groups =
      plan_pack(has_from ? before.root : ObjectId{}, after.root, [&](const ObjectId& id) -> Result<Tree> {
        const auto found = all.find(id);
        if (found == all.end()) return failure(ErrorKind::not_found, "no such folder");
        return decode_tree(found->second);
      });
  EXPECT_TRUE(groups) << groups.error().text;
  return groups.value_or(std::vector<PlannedGroup>{});
}

/// "folder PATH" or "file CONTENT < BASE", group by group, for trees whose files hold few bytes.
std::vector<std::vector<std::string>> told(const std::vector<PlannedGroup>& groups, const SampleTree& to) {
  std::map<ObjectId, std::string> content;
  for (const auto& [path, node] : to) content[digest_of(node.content)] = node.content;
  std::vector<std::vector<std::string>> all;
  for (const PlannedGroup& group : groups) {
    std::vector<std::string>& words = all.emplace_back();
    for (const auto& [entry, base] : group) {
      const std::string against = entry.base_bytes == 0 ? "" : " < '" + entry.base_path + "'";
      words.push_back((entry.is_folder ? "folder" : "file " + content[entry.id]) + against);
      EXPECT_EQ(base.is_nothing(), entry.base_bytes == 0);
    }
  }
  return all;
}
using Told = std::vector<std::vector<std::string>>;

}  // namespace

TEST(PackPlan, of_one_changed_file_is_its_folders_and_the_file_against_its_old_content) {
  const SampleTree before{{"a", file("1")}, {"lib/b", file("2")}, {"lib/deep/c", file("3")}, {"other/d", file("4")}};
  SampleTree after = before;
  after["lib/deep/c"] = file("33");
  EXPECT_EQ(told(plan(before, after), after),
            (Told{{"folder < ''", "folder < 'lib'", "folder < 'lib/deep'"}, {"file 33 < 'lib/deep/c'"}}));
}

TEST(PackPlan, from_nothing_is_the_whole_tree_each_object_once) {
  const SampleTree tree{{"a", file("1")}, {"b", file("1")}, {"x/f", file("2")}, {"y/f", file("2")}, {"z", file("")}};
  EXPECT_EQ(told(plan({}, tree, false), tree), (Told{{"folder", "folder"}, {"file 1", "file 2", "file "}}));
}

TEST(PackPlan, between_equal_trees_is_empty) {
  const SampleTree tree{{"a", file("1")}};
  EXPECT_TRUE(plan(tree, tree).empty());
}

TEST(PackPlan, has_no_content_for_a_change_of_mode_or_time) {
  const SampleTree before{{"a", file("1")}, {"b", file("2")}};
  const SampleTree after{{"a", program("1")}, {"b", file("2", 5)}};
  EXPECT_EQ(told(plan(before, after), after), (Told{{"folder < ''"}}));
}

TEST(PackPlan, finds_a_file_that_moved) {
  const SampleTree before{{"old/page", file("content")}, {"old/same", file("x")}, {"stays", file("s")}};
  const SampleTree after{{"new/page.html", file("content")}, {"new/same", file("xy")}, {"stays", file("s")}};
  EXPECT_EQ(told(plan(before, after), after),
            (Told{{"folder < ''", "folder"}, {"file content < 'old/page'", "file xy < 'old/same'"}}));
}

TEST(PackPlan, takes_no_folder_or_link_for_an_old_file) {
  const SampleTree before{{"a/b", file("1")}, {"l", apply::link_to("a")}};
  const SampleTree after{{"a", file("2")}, {"l", file("3")}};
  EXPECT_EQ(told(plan(before, after), after), (Told{{"folder < ''"}, {"file 2", "file 3"}}));
}

TEST(PackPlan, ends_a_group_where_it_is_large_enough) {
  SampleTree tree;
  const std::size_t each = limits::kPackSharedBytes / 3;
  for (char c = 'a'; c < 'h'; ++c) tree[std::string(1, c)] = file(std::string(each, c));
  const auto groups = plan({}, tree, false);
  ASSERT_EQ(groups.size(), 4U);
  EXPECT_EQ(groups[1].size(), 3U);
  EXPECT_EQ(groups[3].size(), 1U);
  SampleTree many;
  for (int i = 0; i < 2'500; ++i) many[std::to_string(i)] = file(std::to_string(i));
  for (const PlannedGroup& group : plan({}, many, false)) EXPECT_LE(group.size(), limits::kPackEntriesOfGroup);
}

TEST(PackPlan, cuts_a_large_file_into_pieces_each_against_its_surroundings) {
  const std::size_t size = 2 * limits::kPackContentBytesMax + 1'000'000;
  const SampleTree before{{"data", file(std::string(size + 5'000'000, 'o'))}};
  const SampleTree after{{"data", file(std::string(size, 'n'))}};
  const auto groups = plan(before, after);
  ASSERT_EQ(groups.size(), 4U);
  std::uint64_t offset = 0;
  for (std::size_t i = 1; i < groups.size(); ++i) {
    ASSERT_EQ(groups[i].size(), 1U);
    const PackEntry& piece = groups[i][0].entry;
    EXPECT_EQ(piece.offset, offset);
    EXPECT_EQ(piece.object_bytes, size);
    EXPECT_LE(piece.bytes, limits::kPackContentBytesMax);
    EXPECT_LE(piece.base_bytes, limits::kPackPrefixBytesMax);
    EXPECT_LE(piece.base_offset, offset);
    EXPECT_GE(piece.base_offset + piece.base_bytes, offset + piece.bytes);
    EXPECT_LE(piece.base_offset + piece.base_bytes, size + 5'000'000);
    offset += piece.bytes;
  }
  EXPECT_EQ(offset, size);
}

TEST(PackPlan, of_a_tree_that_is_not_known_is_an_error) {
  const auto groups = plan_pack(digest_of("?"), digest_of("!"), [](const ObjectId&) -> Result<Tree> {
    return failure(ErrorKind::not_found, "no such folder");
  });
  ASSERT_FALSE(groups);
  EXPECT_EQ(groups.error().kind, ErrorKind::not_found);
}

}  // namespace serin::publish
