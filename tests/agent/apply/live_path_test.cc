#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "agent/apply/live_path_dir.h"
#include "protocol/posix/files.h"
#include "tests/agent/apply/mount_namespace.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::apply {

namespace fs = std::filesystem;

class LivePath : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(slots_ / "r1-000000000000"); }

  /// Refused, with this in the line after the path.
  void expect_refused(const std::string& words) const {
    const auto checked = check_live_path(live_, slots_);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().kind, ErrorKind::refused);
    EXPECT_TRUE(checked.error().text.starts_with("live path " + live_.string() + ": ")) << checked.error().text;
    EXPECT_NE(checked.error().text.find(words), std::string::npos) << checked.error().text;
    EXPECT_EQ(checked.error().text.find('\n'), std::string::npos);
  }

  TemporaryFolder folder_;
  fs::path live_ = folder_ / "current";
  fs::path slots_ = folder_ / "current.slots";
};

TEST_F(LivePath, may_be_absent) {
  EXPECT_TRUE(check_live_path(live_, slots_));
  EXPECT_EQ(live_slot_of(live_, slots_), "");
}

TEST_F(LivePath, may_be_a_link_to_a_slot_relative_or_absolute) {
  fs::create_symlink("current.slots/r1-000000000000", live_);
  EXPECT_EQ(live_slot_of(live_, slots_), "r1-000000000000");
  fs::remove(live_);
  fs::create_symlink(slots_ / "r1-000000000000", live_);
  EXPECT_EQ(live_slot_of(live_, slots_), "r1-000000000000");
}

TEST_F(LivePath, is_refused_when_its_parent_is_missing) {
  live_ = folder_ / "missing/current";
  expect_refused("the folder " + (folder_ / "missing").string() + " that should hold it does not exist: create it");
}

TEST_F(LivePath, may_be_a_real_folder) {
  fs::create_directory(live_);
  EXPECT_EQ(live_slot_of(live_, slots_), "adopted");
}

TEST_F(LivePath, is_refused_when_it_is_a_plain_file) {
  std::ofstream(live_) << "x";
  expect_refused("it is no link: move it aside");
}

TEST_F(LivePath, is_refused_when_it_is_a_link_to_nothing) {
  fs::create_symlink("current.slots/r9-000000000000", live_);
  expect_refused(
      "r9-000000000000, which does not exist: mount its file system if it has one of its own, else remove the link");
}

TEST_F(LivePath, is_refused_when_it_is_a_link_to_elsewhere) {
  fs::create_symlink("/tmp", live_);
  expect_refused("it is a link to /tmp, which is none of Serin's slots");
  fs::remove(live_);
  fs::create_symlink("current.slots/r1-000000000000/..", live_);
  expect_refused("none of Serin's slots");
}

TEST_F(LivePath, is_refused_when_it_is_a_mount_point) {
  fs::create_directory(live_);
  EXPECT_EQ(in_mount_namespace([this]() -> std::string {
              if (::mount(slots_.c_str(), live_.c_str(), nullptr, MS_BIND, nullptr) != 0) return "mount failed";
              const auto checked = check_live_path(live_, slots_);
              return checked ? "not refused" : checked.error().text;
            }),
            "live path " + live_.string() + ": it is a mount point, which cannot be switched: mount " +
                folder_.path().string() + " instead");
}

TEST_F(LivePath, is_made_relative_when_the_slots_lie_beside_it) {
  ASSERT_TRUE(point_live_path(live_, slots_ / "r1-000000000000"));
  EXPECT_EQ(fs::read_symlink(live_), "current.slots/r1-000000000000");
  const fs::path far = folder_ / "far/slots/r2-000000000000";
  fs::create_directories(far);
  ASSERT_TRUE(point_live_path(live_, far));
  EXPECT_EQ(fs::read_symlink(live_), far);
}

TEST_F(LivePath, is_pointed_over_what_a_crash_left) {
  fs::create_symlink("nowhere", live_.string() + ".serin-new");
  ASSERT_TRUE(point_live_path(live_, slots_ / "r1-000000000000"));
  EXPECT_FALSE(fs::exists(fs::symlink_status(live_.string() + ".serin-new")));
}

TEST_F(LivePath, says_why_it_cannot_be_pointed) {
  const auto pointed = point_live_path(folder_ / "missing/current", slots_ / "r1-000000000000");
  ASSERT_FALSE(pointed);
  EXPECT_NE(pointed.error().text.find("missing/current.serin-new"), std::string::npos);
}

TEST_F(LivePath, shows_a_looping_reader_the_old_tree_or_the_new_one) {
  const std::string names[] = {"r1-000000000000", "r2-000000000000"};
  fs::create_directories(slots_ / names[1]);
  for (const std::string& name : names) std::ofstream(slots_ / name / "which") << name;
  ASSERT_TRUE(point_live_path(live_, slots_ / names[0]));
  std::atomic<bool> stop = false;
  std::atomic<int> reads = 0;
  std::atomic<int> wrong = 0;
  std::thread reader([&] {
    while (!stop) {
      const auto which = posix::read_file(live_ / "which", 100);
      if (!which || (*which != names[0] && *which != names[1])) ++wrong;
      ++reads;
    }
  });
  for (int turn = 0; turn < 100 || reads < 100; ++turn) {
    EXPECT_TRUE(point_live_path(live_, slots_ / names[turn % 2]));
  }
  stop = true;
  reader.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace serin::apply
