#include <sys/mount.h>

#include <random>

#include "protocol/limits.h"
#include "tests/agent/apply/mount_namespace.h"
#include "tests/agent/apply/slot_fixture.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

SampleTree shop() {
  return {{"index.php", file("<?php 1")},
          {"bin/run", program("#!/bin/sh\n")},
          {"lib/a.php", file("a", 1'600'000'000)},
          {"lib/deep/b.php", file("b")},
          {"lib/empty", file("")},
          {"cache", folder()},
          {"current", link_to("lib/a.php")}};
}

SampleTree with(SampleTree tree, const std::string& path, SampleNode node) {
  tree[path] = std::move(node);
  return tree;
}

}  // namespace

class SlotBuild : public SlotTest {};

TEST_F(SlotBuild, builds_every_kind_of_entry_from_nothing) {
  EXPECT_EQ(deploy(1, shop()), "");
  EXPECT_EQ(slots_->live(),
            (Slot{.name = slot(1, shop()), .release = 1, .root = objects_of(shop()).root, .live = true}));
}

TEST_F(SlotBuild, builds_an_empty_tree) {
  EXPECT_EQ(deploy(1, {}), "");
}

TEST_F(SlotBuild, modes_do_not_depend_on_the_umask) {
  const mode_t before = ::umask(0077);
  EXPECT_EQ(deploy(1, shop()), "");
  slots_->tidy();
  EXPECT_EQ(deploy(2, with(shop(), "new/file", program("x"))), "");
  ::umask(before);
}

TEST_F(SlotBuild, shares_unchanged_files_and_no_others) {
  for (const bool spare : {false, true}) {
    const ReleaseNumber number = spare ? 3 : 1;
    const auto now = with(with(shop(), "index.php", file("<?php 2")), "lib/deep/b.php", file("b", 1'700'000'001));
    EXPECT_EQ(deploy(number, shop()), "");
    if (spare) slots_->tidy();
    EXPECT_EQ(deploy(number + 1, now), "");
    const fs::path was = slots_dir() / slot(number, shop());
    const fs::path is = slots_dir() / slot(number + 1, now);
    EXPECT_EQ(inode(was / "lib/a.php"), inode(is / "lib/a.php"));
    EXPECT_NE(inode(was / "index.php"), inode(is / "index.php"));
    EXPECT_NE(inode(was / "lib/deep/b.php"), inode(is / "lib/deep/b.php"));
    EXPECT_EQ(difference(was, shop()), "") << "the old tree is as it was";
  }
}

TEST_F(SlotBuild, pulls_only_content_that_is_not_live_at_its_path) {
  EXPECT_EQ(deploy(1, shop()), "");
  source_.served.clear();
  EXPECT_EQ(deploy(2, with(with(shop(), "lib/a.php", file("a", 5)), "bin/run", file("#!/bin/sh\n"))), "");
  EXPECT_FALSE(source_.served.contains(digest_of("a")));
  EXPECT_FALSE(source_.served.contains(digest_of("#!/bin/sh\n")));
  EXPECT_EQ(source_.served.size(), 3U) << "the root, lib and bin";
}

TEST_F(SlotBuild, equal_content_at_two_paths_is_two_files) {
  const SampleTree twins{
      {"a", file("same")}, {"b", file("same")}, {"c/d", program("same")}, {"e", file("")}, {"f", file("")}};
  EXPECT_EQ(deploy(1, twins), "");
  const fs::path live = settings_.live;
  EXPECT_NE(inode(live / "a"), inode(live / "b"));
  EXPECT_NE(inode(live / "e"), inode(live / "f"));
}

TEST_F(SlotBuild, a_path_may_change_its_kind_in_every_way) {
  const std::vector<SampleTree> kinds{
      {{"x", file("f")}, {"keep", file("k")}},
      {{"x", folder()}, {"keep", file("k")}},
      {{"x/y/z", file("deep")}, {"x/link", link_to("y/z")}, {"keep", file("k")}},
      {{"x", link_to("keep")}, {"keep", file("k")}},
      {{"x", program("f")}, {"keep", file("k")}},
      {{"keep", file("k")}},
  };
  ReleaseNumber number = 0;
  for (const SampleTree& from : kinds) {
    for (const SampleTree& to : kinds) {
      EXPECT_EQ(deploy(++number, from), "");
      slots_->tidy();
      EXPECT_EQ(deploy(++number, to), "") << number;
      slots_->tidy();
    }
  }
}

TEST_F(SlotBuild, names_may_be_any_bytes) {
  SampleTree odd;
  for (const char* name : {"a\nb", "\xff\xfe", "new", ".serin-new", ".serin", ".spare", ".building", "-rf", " ", "a b",
                           "*", "\x1b[31m", "scratch", "..."}) {
    odd[name] = file(std::string("content of ") + name);
    odd[std::string("in/") + name + "/" + name] = file("inner");
  }
  odd[std::string(limits::kNameBytesMax, 'n')] = file("long");
  EXPECT_EQ(deploy(1, odd), "");
  slots_->tidy();
  EXPECT_EQ(deploy(2, with(odd, "in/-rf/-rf", file("other"))), "");
}

TEST_F(SlotBuild, trees_may_be_as_deep_and_paths_as_long_as_the_limits) {
  std::string narrow = "d";
  for (std::size_t depth = 2; depth < limits::kTreeDepthMax; ++depth) narrow += "/d";
  std::string wide(250, 'w');
  while (wide.size() + 251 <= limits::kPathBytesMax - 10) wide += "/" + std::string(250, 'w');
  SampleTree deep{{narrow + "/leaf", file("1")}, {wide + "/leaf", file("2")}, {wide + "/other", file("3")}};
  EXPECT_EQ(deploy(1, deep), "");
  EXPECT_EQ(deploy(2, with(deep, wide + "/leaf", file("4"))), "") << "shared file by file";
  slots_->tidy();
  EXPECT_EQ(deploy(3, with(deep, narrow + "/leaf", file("5"))), "");
}

TEST_F(SlotBuild, a_link_that_leads_out_is_refused) {
  const auto built = build(1, {{"out", link_to("../../etc/passwd")}});
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().kind, ErrorKind::refused);
  EXPECT_TRUE(slots_->slots().empty());
}

TEST_F(SlotBuild, finds_a_slot_that_is_there) {
  EXPECT_EQ(deploy(1, shop()), "");
  EXPECT_EQ(deploy(2, with(shop(), "new", file("n"))), "");
  source_.served.clear();
  EXPECT_EQ(slots_->build(release_of(1, shop())), slot(1, shop()));
  EXPECT_TRUE(slots_->link_to(slot(1, shop())));
  EXPECT_EQ(difference(settings_.live, shop()), "");
}

TEST_F(SlotBuild, what_happened_to_the_spare_does_not_stop_a_build) {
  const auto now = with(with(shop(), "index.php", file("<?php 2")), "more/x", file("x"));
  const std::vector<std::function<void(const fs::path&)>> accidents{
      [](const fs::path& spare) { fs::remove_all(spare); },
      [](const fs::path& spare) { fs::remove_all(spare / "lib"), fs::create_directory(spare / "more"); },
      [](const fs::path& spare) { fs::remove(spare / "index.php"), fs::create_directories(spare / "index.php/x"); },
      [](const fs::path& spare) { fs::rename(spare, spare.string() + ".away"); },
  };
  ReleaseNumber number = 0;
  for (const auto& accident : accidents) {
    EXPECT_EQ(deploy(++number, shop()), "");
    slots_->tidy();
    accident(slots_dir() / ".spare");
    EXPECT_EQ(deploy(++number, now), "") << number;
  }
}

TEST_F(SlotBuild, a_spare_of_an_earlier_life_is_not_believed) {
  EXPECT_EQ(deploy(1, shop()), "");
  slots_->tidy();
  spoil(slots_dir() / ".spare/lib/a.php", "X", 1'600'000'000);
  fs::remove(slots_dir() / ".spare/lib/deep/b.php");
  open();
  EXPECT_FALSE(fs::exists(slots_dir() / ".spare"));
}

TEST_F(SlotBuild, many_random_trees_are_built_exactly) {
  constexpr std::uint32_t kSeed = 20'240'601;
  std::mt19937 random(kSeed);
  const auto below = [&](std::uint32_t count) { return static_cast<std::uint32_t>(random() % count); };
  const char* const names[] = {"a", "b", "c", "d"};
  SampleTree tree;
  for (ReleaseNumber number = 1; number <= 60; ++number) {
    for (std::uint32_t change = 0; change < 4; ++change) {
      std::string path = names[below(4)];
      for (std::uint32_t depth = below(3); depth > 0; --depth) path += std::string("/") + names[below(4)];
      // What stands in the way goes.
      std::erase_if(tree, [&](const auto& item) {
        return item.first == path || item.first.starts_with(path + "/") || path.starts_with(item.first + "/");
      });
      const std::string content = std::to_string(below(3));
      switch (below(6)) {
        case 0:
          break;
        case 1:
          tree[path] = program(content);
          break;
        case 2:
          tree[path] = link_to("x" + content);
          break;
        case 3:
          tree[path] = folder();
          break;
        default:
          tree[path] = file(content, 1'000 + below(2));
          break;
      }
    }
    ASSERT_EQ(deploy(number, tree), "") << "seed " << kSeed << ", release " << number;
    if (below(2) == 0) slots_->tidy();
    if (below(8) == 0) open();
    now_ += std::chrono::minutes{below(4)};
  }
}

TEST_F(SlotBuild, a_full_disk_leaves_the_live_tree_untouched_and_no_rubbish) {
  EXPECT_EQ(in_mount_namespace([this]() -> std::string {
              const fs::path disk = folder_ / "disk";
              fs::create_directory(disk);
              if (::mount("none", disk.c_str(), "tmpfs", 0, "size=4m") != 0) return "mount failed";
              settings_.live = (disk / "current").string();
              open();
              if (const std::string bad = deploy(1, shop()); !bad.empty()) return "first: " + bad;
              slots_->tidy();
              const auto large = with(shop(), "large", file(std::string(3U << 20, 'x')));
              const auto checked = slots_->check_space(3U << 20, 1);
              if (checked || checked.error().kind != ErrorKind::no_space) return "space was not checked";
              std::ofstream(disk / "ballast") << std::string(2U << 20, 'b');
              const auto built = build(2, large);
              if (built || built.error().kind != ErrorKind::no_space) return built ? "fitted" : built.error().text;
              if (const std::string bad = difference(settings_.live, shop()); !bad.empty()) return "live: " + bad;
              if (fs::exists(slots_dir() / ".building")) return "rubbish is left";
              fs::remove(disk / "ballast");
              return deploy(3, large);
            }),
            "");
}

TEST_F(SlotBuild, a_disk_that_fills_up_while_it_builds_is_told_as_such) {
  EXPECT_EQ(in_mount_namespace([this]() -> std::string {
              const fs::path disk = folder_ / "disk";
              fs::create_directory(disk);
              if (::mount("none", disk.c_str(), "tmpfs", 0, "size=4m,nr_inodes=40") != 0) return "mount failed";
              settings_.live = (disk / "current").string();
              open();
              if (const std::string bad = deploy(1, {{"a", file("1")}}); !bad.empty()) return "first: " + bad;
              SampleTree many;
              for (int i = 0; i < 30; ++i) many["folder" + std::to_string(i) + "/x"] = link_to("y");
              const auto built = build(2, many);
              if (built || built.error().kind != ErrorKind::no_space) return built ? "fitted" : built.error().text;
              return difference(settings_.live, {{"a", file("1")}});
            }),
            "");
}

}  // namespace serin::apply
