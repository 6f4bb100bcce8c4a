#include <sys/mount.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>

#include "protocol/posix/files.h"
#include "tests/agent/apply/mount_namespace.h"
#include "tests/agent/apply/slot_fixture.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kLargeBytes = 8U << 20;

SampleTree numbered(int number) {
  return {
      {"index", file(std::to_string(number))}, {"lib/a", file("a")}, {"large", program(std::string(kLargeBytes, 'x'))}};
}

/// A program that makes filesystems with reflinks; empty: this machine has none.
std::string mkfs() {
  for (const char* program : {"/sbin/mkfs.xfs", "/usr/sbin/mkfs.xfs", "/sbin/mkfs.btrfs", "/usr/sbin/mkfs.btrfs"}) {
    if (fs::exists(program)) return program;
  }
  const char* const other = std::getenv("SERIN_TEST_MKFS");
  return other == nullptr ? "" : other;
}

}  // namespace

/// How the second release gets what it has in common with the first.
class SlotShare : public SlotTest {
 protected:
  void use(agent::Share share) {
    settings_.share = share;
    open();
  }
  [[nodiscard]] static fs::path in_slot(int number, const std::string& path) {
    return fs::path(slot(static_cast<ReleaseNumber>(number), numbered(number))) / path;
  }
  /// Both releases live one after the other, with a spare in between.
  std::string deploy_two() {
    for (int number = 1; number <= 2; ++number) {
      if (std::string said = deploy(static_cast<ReleaseNumber>(number), numbered(number)); !said.empty()) return said;
      slots_->tidy();
    }
    return difference(slots_dir() / in_slot(1, ""), numbered(1));
  }
  [[nodiscard]] bool one_file(const std::string& path) const {
    return inode(slots_dir() / in_slot(1, path)) == inode(slots_dir() / in_slot(2, path));
  }
};

TEST_F(SlotShare, hardlink_makes_one_file_of_two) {
  use(agent::Share::hardlink);
  ASSERT_EQ(deploy_two(), "");
  EXPECT_TRUE(one_file("lib/a"));
  EXPECT_FALSE(one_file("index"));
}

TEST_F(SlotShare, copy_shares_nothing) {
  use(agent::Share::copy);
  ASSERT_EQ(deploy_two(), "");
  EXPECT_FALSE(one_file("lib/a"));
}

TEST_F(SlotShare, what_has_as_many_links_as_the_filesystem_allows_is_copied) {
  use(agent::Share::hardlink);
  ASSERT_EQ(deploy(1, numbered(1)), "");
  const fs::path shared = slots_dir() / in_slot(1, "lib/a");
  fs::create_directory(folder_ / "links");
  int links = 0;
  while (links < 70'000 && ::link(shared.c_str(), (folder_ / ("links/" + std::to_string(links))).c_str()) == 0) ++links;
  if (links == 70'000) {
    std::cerr << "[ NOT TESTED ] this filesystem has no bound of links that could be reached\n";
    return;
  }
  ASSERT_EQ(errno, EMLINK);
  ASSERT_EQ(deploy(2, numbered(2)), "");
  EXPECT_FALSE(one_file("lib/a"));
  EXPECT_TRUE(one_file("large"));
}

TEST_F(SlotShare, without_reflinks_they_are_copies_when_asked_for_and_hard_links_otherwise) {
  for (const agent::Share share : {agent::Share::reflink, agent::Share::automatic}) {
    EXPECT_EQ(in_mount_namespace([&]() -> std::string {
                slots_.reset();
                if (::mount("none", folder_.path().c_str(), "tmpfs", 0, "size=100m") != 0) return "mount failed";
                use(share);
                if (std::string said = deploy_two(); !said.empty()) return said;
                return one_file("lib/a") == (share == agent::Share::automatic) ? "" : "shared the other way";
              }),
              "");
  }
}

TEST_F(SlotShare, reflinks_are_files_of_their_own_that_take_no_room) {
  if (mkfs().empty() || ::getuid() != 0) {
    std::cerr
        << "[ NOT TESTED ] reflinks: they need root and mkfs.xfs or mkfs.btrfs (or its path in SERIN_TEST_MKFS)\n";
    return;
  }
  const std::string image = (folder_ / "image").string();
  ASSERT_EQ(std::system(("truncate -s 400M " + image + " && " + mkfs() + " " + image + " >/dev/null").c_str()), 0);
  for (const agent::Share share : {agent::Share::reflink, agent::Share::automatic}) {
    EXPECT_EQ(in_mount_namespace([&]() -> std::string {
                slots_.reset();
                const fs::path disk = folder_ / "disk";
                fs::create_directories(disk);
                if (std::system(("mount -o loop " + image + " " + disk.string()).c_str()) != 0) return "mount failed";
                settings_.live = (disk / "current").string();
                fs::remove_all(settings_.live);
                fs::remove_all(slots_dir());
                use(share);
                if (std::string said = deploy(1, numbered(1)); !said.empty()) return said;
                ::sync();
                const auto before = posix::free_space(disk).value();
                if (std::string said = deploy(2, numbered(2)); !said.empty()) return said;
                ::sync();
                const auto after = posix::free_space(disk).value();
                if (one_file("lib/a") || one_file("large")) return "hard links";
                return before.bytes - after.bytes < kLargeBytes / 2 ? "" : "copied";
              }),
              "");
  }
}

}  // namespace serin::apply
