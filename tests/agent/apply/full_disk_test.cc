#include <sys/mount.h>

#include <functional>

#include "protocol/posix/files.h"
#include "tests/agent/apply/mount_namespace.h"
#include "tests/agent/apply/slot_fixture.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kPage = 4'096;

SampleTree numbered(int number) {
  SampleTree tree{{"index.php", file(std::to_string(number))}, {"link", link_to("lib/" + std::to_string(number))}};
  for (int i = 0; i < 4; ++i) {
    const std::string digit = std::to_string(i);
    tree["lib/" + digit] = file(std::string(3 * kPage, static_cast<char>('a' + i)));
    tree["new-" + std::to_string(number) + "/" + digit] = file(digit + std::string(2 * kPage, 'x'));
  }
  return tree;
}

}  // namespace

/// Slots on a small disk of their own. Everything here runs in a mount namespace.
class FullDisk : public SlotTest {
 protected:
  void SetUp() override {
    settings_.name = "shop";
    settings_.live = (folder_ / "current").string();
  }

  /// "" when it did what it should.
  std::string on_small_disk(const std::string& options, const std::function<std::string()>& function) {
    return in_mount_namespace([&]() -> std::string {
      if (::mount("none", folder_.path().c_str(), "tmpfs", 0, options.c_str()) != 0) return "mount failed";
      open();
      return slots_ ? function() : "the slots cannot be opened";
    });
  }
  /// Leaves so many, as another writer would.
  void fill_inodes_up_to(std::uint64_t left) const {
    fs::create_directories(folder_ / "filler");
    const auto free = posix::free_space(folder_.path()).value().inodes;
    for (std::uint64_t i = left; i < free; ++i) std::ofstream(folder_ / ("filler/" + std::to_string(i))) << "";
  }
  void fill_pages_up_to(std::uint64_t left) const {
    std::ofstream bytes(folder_ / "bytes");
    const auto free = posix::free_space(folder_.path()).value().bytes / kPage;
    for (std::uint64_t i = left; i < free; ++i) bytes << std::string(kPage, 'x') << std::flush;
  }
  void free_again() const {
    fs::remove_all(folder_ / "filler");
    fs::remove(folder_ / "bytes");
  }

  /// One deploy after the other into a disk with a little more room each time, until one succeeds: each of the others
  /// says that there is no space, and leaves the live tree whole.
  std::string fill_it(bool after_pull, const std::function<void(std::uint64_t)>& fill) {
    if (std::string said = deploy(1, numbered(1)); !said.empty()) return said;
    int refused = 0;
    for (std::uint64_t room = 0;; ++room) {
      const SampleTree tree = numbered(2);
      source_.offer(tree);
      const Release release = release_of(2, tree);
      if (!after_pull) fill(room);
      const auto pulled = source_.pull(release, *slots_);
      if (after_pull) fill(room);
      const auto slot = pulled ? slots_->build(release) : Result<std::string>(std::unexpected(pulled.error()));
      const auto linked = slot ? slots_->link_to(*slot) : Result<void>(std::unexpected(slot.error()));
      if (linked && refused >= 2) return difference(settings_.live, tree);
      if (linked) return "succeeded with room for " + std::to_string(room);
      if (linked.error().kind != ErrorKind::no_space) return "another error: " + linked.error().text;
      if (linked.error().text.find("No space left on device") == std::string::npos) return linked.error().text;
      if (const std::string other = difference(settings_.live, numbered(1)); !other.empty()) return other;
      ++refused;
      free_again();
      if (!after_pull) slots_->tidy();  // a spare would leave nothing to be written
    }
  }
};

TEST_F(FullDisk, no_byte_left_is_said_and_the_live_tree_stays_until_there_is_room_again) {
  const auto fill = [this](std::uint64_t room) { fill_pages_up_to(room); };
  EXPECT_EQ(on_small_disk("size=2m,nr_inodes=5000", [&] { return fill_it(false, fill); }), "");
  settings_.share = agent::Share::copy;
  EXPECT_EQ(on_small_disk("size=2m,nr_inodes=5000", [&] { return fill_it(true, fill); }), "");
}

TEST_F(FullDisk, no_inode_left_is_said_and_the_live_tree_stays_until_there_is_room_again) {
  const auto fill = [this](std::uint64_t room) { fill_inodes_up_to(room); };
  EXPECT_EQ(on_small_disk("size=64m,nr_inodes=400", [&] { return fill_it(false, fill); }), "");
  settings_.share = agent::Share::copy;
  EXPECT_EQ(on_small_disk("size=64m,nr_inodes=400", [&] { return fill_it(true, fill); }), "");
}

TEST_F(FullDisk, a_switch_without_room_for_the_link_leaves_the_old_one) {
  EXPECT_EQ(on_small_disk("size=8m,nr_inodes=500",
                          [this]() -> std::string {
                            if (std::string said = deploy(1, numbered(1)); !said.empty()) return said;
                            const auto slot = build(2, numbered(2));
                            if (!slot) return slot.error().text;
                            fill_inodes_up_to(0);
                            const auto linked = slots_->link_to(*slot);
                            if (linked || linked.error().kind != ErrorKind::no_space) return "not refused";
                            if (std::string said = difference(settings_.live, numbered(1)); !said.empty()) return said;
                            free_again();
                            if (!slots_->link_to(*slot)) return "refused with room";
                            return difference(settings_.live, numbered(2));
                          }),
            "");
}

TEST_F(FullDisk, it_is_seen_before_the_first_byte) {
  EXPECT_EQ(on_small_disk("size=100m,nr_inodes=5000",
                          [this]() -> std::string {
                            if (!slots_->check_space(30U << 20, 3'000)) return "there is room";
                            if (slots_->check_space(40U << 20, 10)) return "too many bytes";
                            if (slots_->check_space(1, 4'500)) return "too many inodes";
                            fill_pages_up_to((60U << 20) / kPage);
                            return slots_->check_space(0, 1) ? "the reserve is gone" : "";
                          }),
            "");
}

}  // namespace serin::apply
