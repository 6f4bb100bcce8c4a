#include "protocol/tree.h"

#include <gtest/gtest.h>

#include <limits>

#include "protocol/limits.h"
#include "tests/protocol/damage.h"

namespace serin {
namespace {

using std::string_literals::operator""s;

TreeEntry file(const std::string& name) {
  return {
      .name = name, .kind = EntryKind::file, .mtime_s = 1'700'000'000, .size = 12'345, .id = digest_of("of " + name)};
}
TreeEntry folder(const std::string& name) {
  return {.name = name, .kind = EntryKind::folder, .id = digest_of("of " + name)};
}
TreeEntry symlink(const std::string& name, const std::string& target) {
  return {.name = name, .kind = EntryKind::symlink, .target = target};
}

/// One of each kind, with the edges of each field.
Tree sample() {
  TreeEntry old = file("a\nname \xff");
  old.mtime_s = -1;
  old.size = 0;
  TreeEntry tool = file("tool");
  tool.kind = EntryKind::executable;
  tool.mtime_s = std::numeric_limits<std::int64_t>::max();
  tool.size = limits::kObjectBytesMax;
  return {.entries = {old, folder("lib"), symlink("link", "../x/./y"), tool, file(std::string(255, 'z'))}};
}

std::string encoding_of(const TreeEntry& entry) {
  return encode_tree({.entries = {entry}});
}

ErrorKind refusal_of(std::string_view bytes) {
  const auto tree = decode_tree(bytes);
  EXPECT_FALSE(tree);
  return tree ? ErrorKind::io : tree.error().kind;
}

TEST(Tree, comes_back_from_its_bytes_as_it_was) {
  EXPECT_EQ(decode_tree(encode_tree(sample())), sample());
  EXPECT_EQ(decode_tree(encode_tree({})), Tree{});
  EXPECT_EQ(encode_tree({}), "serintr1\0\0\0\0"s);
}

TEST(Tree, is_written_as_the_header_says) {
  const TreeEntry entry{.name = "ab", .kind = EntryKind::symlink, .target = "xyz"};
  EXPECT_EQ(encoding_of(entry),
            "serintr1" + "\x01\0\0\0"s + "\x03" + std::string(8 + 8 + 32, '\0') + "\x02\0"s + "ab" + "\x03\0"s + "xyz");
}

TEST(Tree, finds_entries_by_their_whole_name) {
  const Tree tree = sample();
  ASSERT_NE(find_entry(tree, "lib"), nullptr);
  EXPECT_EQ(*find_entry(tree, "lib"), folder("lib"));
  EXPECT_EQ(find_entry(tree, "li"), nullptr);
  EXPECT_EQ(find_entry(tree, "libb"), nullptr);
  EXPECT_EQ(find_entry({}, "lib"), nullptr);
}

TEST(Tree, refuses_every_truncation) {
  for_each_truncation(encode_tree(sample()), [](std::string_view bytes) {
    EXPECT_EQ(refusal_of(bytes), ErrorKind::corrupt) << bytes.size() << " bytes";
  });
}

TEST(Tree, refuses_every_flipped_bit_that_does_not_make_another_tree) {
  std::size_t accepted = 0;
  std::size_t refused = 0;
  const std::string whole = encode_tree(sample());
  for_each_bit_flip(whole, [&](std::string_view bytes) {
    const auto tree = decode_tree(bytes);
    if (!tree) {
      ++refused;
      EXPECT_EQ(tree.error().kind, ErrorKind::corrupt);
      return;
    }
    ++accepted;
    EXPECT_NE(*tree, sample());
    EXPECT_EQ(encode_tree(*tree), bytes) << "no other bytes may stand for the same tree";
  });
  EXPECT_EQ(accepted + refused, 8 * whole.size());
  EXPECT_GT(accepted, 0U);
  EXPECT_GT(refused, 8 * 8U) << "at least the magic";
}

TEST(Tree, refuses_bytes_after_its_end) {
  EXPECT_EQ(refusal_of(encode_tree(sample()) + '\0'), ErrorKind::corrupt);
  EXPECT_EQ(refusal_of(encode_tree({}) + encode_tree({})), ErrorKind::corrupt);
}

TEST(Tree, refuses_counts_that_the_bytes_cannot_hold_before_it_makes_room_for_them) {
  EXPECT_EQ(refusal_of("serintr1\xff\xff\xff\xff"), ErrorKind::corrupt);
  EXPECT_EQ(refusal_of("serintr1\x01\0\0\0"s), ErrorKind::corrupt);
  std::string too_many = "serintr1";
  const std::uint32_t count = limits::kFolderEntriesMax + 1;
  for (unsigned shift = 0; shift < 32; shift += 8) too_many.push_back(static_cast<char>(count >> shift));
  EXPECT_EQ(refusal_of(too_many + std::string(std::size_t{count} * 53, '\0')), ErrorKind::corrupt);
}

TEST(Tree, refuses_names_out_of_order_or_twice) {
  EXPECT_TRUE(decode_tree(encode_tree({.entries = {file("a"), file("b")}})));
  EXPECT_EQ(refusal_of(encode_tree({.entries = {file("b"), file("a")}})), ErrorKind::corrupt);
  EXPECT_EQ(refusal_of(encode_tree({.entries = {file("a"), folder("a")}})), ErrorKind::corrupt);
  // Bytes, not characters or signs: "\xc3\xa9" comes after "z".
  EXPECT_TRUE(decode_tree(encode_tree({.entries = {file("z"), file("\xc3\xa9")}})));
  EXPECT_EQ(refusal_of(encode_tree({.entries = {file("\xc3\xa9"), file("z")}})), ErrorKind::corrupt);
}

TEST(Tree, refuses_bad_names) {
  for (const std::string& name : {""s, "."s, ".."s, "a/b"s, "/"s, "a\0b"s, std::string(256, 'x')}) {
    EXPECT_EQ(refusal_of(encoding_of(file(name))), ErrorKind::corrupt) << name;
  }
}

struct Unfit {
  const char* what;
  TreeEntry entry;
};

TEST(Tree, refuses_fields_that_do_not_fit_the_kind) {
  const ObjectId id = digest_of("content");
  const std::string too_long(limits::kSymlinkBytesMax + 1, 't');
  const std::vector<Unfit> unfit{
      {"kind 0", {.name = "x", .kind = EntryKind{0}, .id = id}},
      {"kind 5", {.name = "x", .kind = EntryKind{5}, .id = id}},
      {"a file with a target", {.name = "x", .kind = EntryKind::file, .id = id, .target = "y"}},
      {"a file without content", {.name = "x", .kind = EntryKind::file}},
      {"a tool without content", {.name = "x", .kind = EntryKind::executable}},
      {"a file beyond the bound", {.name = "x", .kind = EntryKind::file, .size = (1ULL << 32) + 1, .id = id}},
      {"a folder of nothing", {.name = "x", .kind = EntryKind::folder}},
      {"a folder with a size", {.name = "x", .kind = EntryKind::folder, .size = 1, .id = id}},
      {"a folder with a time", {.name = "x", .kind = EntryKind::folder, .mtime_s = 1, .id = id}},
      {"a folder with a target", {.name = "x", .kind = EntryKind::folder, .id = id, .target = "y"}},
      {"a link without a target", {.name = "x", .kind = EntryKind::symlink}},
      {"a link with content", {.name = "x", .kind = EntryKind::symlink, .id = id, .target = "y"}},
      {"a link with a time", {.name = "x", .kind = EntryKind::symlink, .mtime_s = 1, .target = "y"}},
      {"a link with a size", {.name = "x", .kind = EntryKind::symlink, .size = 1, .target = "y"}},
      {"a link to an absolute path", symlink("x", "/etc/passwd")},
      {"a link with a NUL", symlink("x", "a\0b"s)},
      {"a link that goes up after a name", symlink("x", "a/../b")},
      {"a link with too long a target", symlink("x", too_long)},
  };
  for (const Unfit& row : unfit) EXPECT_EQ(refusal_of(encoding_of(row.entry)), ErrorKind::corrupt) << row.what;
}

TEST(Tree, shows_names_escaped_in_its_errors) {
  const auto tree = decode_tree(encoding_of(file("\033[2J/")));
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().text, "folder object: '\\e[2J/' cannot be a name in a tree");
}

TEST(CheckName, takes_what_a_file_can_be_called) {
  for (const std::string& name : {"a"s, "..."s, ".hidden"s, " "s, "a b"s, "\n"s, "\xff"s, std::string(255, 'x')}) {
    EXPECT_TRUE(check_name(name)) << name;
  }
  for (const std::string& name : {""s, "."s, ".."s, "a/b"s, "/"s, "\0"s, std::string(256, 'x')}) {
    const auto checked = check_name(name);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().kind, ErrorKind::invalid);
  }
}

std::string nested(std::size_t names, const std::string& name = "d") {
  std::string path = name;
  for (std::size_t i = 1; i < names; ++i) path += "/" + name;
  return path;
}

TEST(CheckPath, takes_relative_paths_of_good_names) {
  for (const std::string& path : {""s, "a"s, "a/b"s, "a/.b/...c"s, nested(128), nested(16, std::string(249, 'n'))}) {
    EXPECT_TRUE(check_path(path)) << path;
  }
}

TEST(CheckPath, refuses_everything_else) {
  const std::vector<std::string> bad{
      "/"s,
      "/a"s,
      "a/"s,
      "a//b"s,
      "."s,
      ".."s,
      "./a"s,
      "a/."s,
      "a/./b"s,
      "a/.."s,
      "../a"s,
      "a/../b"s,
      "a\0b"s,
      "a/\0"s,
      nested(129),  // deeper than 128 names
      nested(16, std::string(250, 'n')),
      std::string(256, 'x') + "/a",
  };
  for (const std::string& path : bad) {
    const auto checked = check_path(path);
    ASSERT_FALSE(checked) << path;
    EXPECT_EQ(checked.error().kind, ErrorKind::invalid) << path;
    EXPECT_LT(checked.error().text.size(), 700U) << "a long path is not repeated whole";
  }
  EXPECT_EQ(check_path("a\n/..").error().text, "'a\\n/..' is no path in a tree: '..' cannot be a name in a tree");
}

TEST(CheckSymlink, takes_relative_targets_inside_the_tree) {
  const std::vector<std::pair<std::string, std::string>> good{
      {"l", "a"},
      {"l", "a/b"},
      {"l", "."},
      {"l", "./a"},
      {"l", "a/"},
      {"l", "a//b"},
      {"a/l", ".."},
      {"a/l", "../b"},
      {"a/l", "./../b"},
      {"a/b/l", "../../c"},
      {"a/b/l", "..//./../c"},
      {"l", "..."},
      {"l", "..a/b"},
      {"l", std::string(limits::kSymlinkBytesMax, 't')},
  };
  for (const auto& [path, target] : good) EXPECT_TRUE(check_symlink(path, target)) << path << " -> " << target;
}

TEST(CheckSymlink, refuses_what_leads_out) {
  const std::vector<std::pair<std::string, std::string>> bad{
      {"l", ""},
      {"l", "/"},
      {"l", "/etc/passwd"},
      {"l", ".."},
      {"l", "../a"},
      {"l", "./.."},
      {"a/l", "../.."},
      {"a/l", ".././../a"},
      {"a/b/l", "../../../x"},
      {"l", "a\0b"s},
      {"l", std::string(limits::kSymlinkBytesMax + 1, 't')},
  };
  for (const auto& [path, target] : bad) {
    const auto checked = check_symlink(path, target);
    ASSERT_FALSE(checked) << path << " -> " << target;
    EXPECT_EQ(checked.error().kind, ErrorKind::refused);
  }
  EXPECT_EQ(check_symlink("a/l", "../../etc").error().text,
            "the link a/l -> ../../etc leads out of the tree: links must be relative and stay inside the tree");
}

TEST(CheckSymlink, refuses_to_go_up_after_a_name_since_that_may_be_a_link_itself) {
  // d/up -> .. is the root; through it, "d/up/.." is outside, though it looks as if it were "d".
  ASSERT_TRUE(check_symlink("d/up", ".."));
  for (const std::string& target : {"d/up/.."s, "a/../b"s, "a/b/../../c"s, "./a/.."s}) {
    const auto checked = check_symlink("l", target);
    ASSERT_FALSE(checked) << target;
    EXPECT_EQ(checked.error().kind, ErrorKind::refused);
  }
}

}  // namespace
}  // namespace serin
