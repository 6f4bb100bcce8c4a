// A file that is deleted gives its inode to the next one, on ext4 at once: the number says nothing without the bytes.
#include <chrono>
#include <iostream>
#include <optional>

#include "tests/agent/count/log_fixture.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;

class ReusedInodeTest : public LogTest {
 protected:
  /// On a disk: tmpfs counts its inodes up and never gives one out again.
  void SetUp() override {
    std::string name = "/var/tmp/serin-inode-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    start();
  }
  void TearDown() override {
    follower_.reset();
    LogTest::TearDown();
  }

  [[nodiscard]] std::uint64_t inode_of(const std::string& name) const {
    struct stat status{};
    EXPECT_EQ(::stat(path(name).c_str(), &status), 0);
    return status.st_ino;
  }
  /// A new file, which has the inode of the one before, unless another process was given that meanwhile.
  void write_anew(const std::string& bytes) {
    constexpr int kTries = 200;
    for (int i = 0; inode_ != 0 && i < kTries; ++i) {
      write("new" + std::to_string(i), bytes);
      if (inode_of("new" + std::to_string(i)) != inode_) continue;
      rename("new" + std::to_string(i), "a.log");
      break;
    }
    if (!std::filesystem::exists(path("a.log"))) {
      // Then these tests hold too, and prove less.
      if (inode_ != 0) std::cerr << "NOTE: the filesystem of /var/tmp did not give the inode again\n";
      write("a.log", bytes);
    }
    for (int i = 0; i < kTries; ++i) std::filesystem::remove(path("new" + std::to_string(i)));
    inode_ = inode_of("a.log");
  }

  void start() {
    follower_.emplace(follow({"a.log"}));
    if (stopped_) follower_->restore(*stopped_, wall());
    look();
  }
  void stop() {
    stopped_ = {.state = follower_->state(wall()), .same_boot = true, .saved = {now_, wall()}};
    follower_.reset();  // an open file would keep its inode
  }
  void look(Duration after = 250ms) { turn(*follower_, after); }
  /// Deletes the file, and looks until it is let go.
  void remove() {
    std::filesystem::remove(path("a.log"));
    for (const auto after : {1s, 6s, 6s}) look(after);
  }
  static WallTime wall() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

  std::optional<LogFollower> follower_;
  std::optional<LogFollower::Stopped> stopped_;
  std::uint64_t inode_ = 0;  ///< of the last one
};

TEST_F(ReusedInodeTest, the_next_file_is_another_one_though_it_is_of_the_same_length) {
  for (int i = 0; i < 5; ++i) {
    write_anew("ERROR same size\n");
    look();
    remove();
  }
  EXPECT_EQ(counted(), (Counts{5, 5}));
}

TEST_F(ReusedInodeTest, replaced_while_no_process_ran_it_is_read_from_its_beginning) {
  write_anew("1 ERROR\n");
  look();
  stop();
  std::filesystem::remove(path("a.log"));
  write_anew("2 ERROR\n");
  start();
  EXPECT_EQ(total(), (Counts{2, 2}));
  EXPECT_NE(gaps(), "");
}

TEST_F(ReusedInodeTest, a_rotated_file_that_has_it_is_not_taken_for_the_one_that_was_let_go) {
  write_anew("1 ERROR\n");
  look();
  remove();
  write_anew("2 ERROR\n");
  rename("a.log", "a.log.1");
  write("a.log", "3 ERROR\n");
  for (const auto after : {1s, 6s}) look(after);
  EXPECT_EQ(total(), (Counts{3, 3}));
}

TEST_F(ReusedInodeTest, nor_by_the_next_process) {
  write_anew("1 ERROR\n");
  look();
  remove();
  stop();
  write_anew("2 ERROR\n");
  rename("a.log", "a.log.1");
  write("a.log", "3 ERROR\n");
  start();
  for (const auto after : {1s, 6s}) look(after);
  EXPECT_EQ(total(), (Counts{3, 3}));
}

}  // namespace
}  // namespace serin::count
