// Tests named by what happened to the log.
#include <dirent.h>
#include <fmt/format.h>

#include "tests/agent/count/log_fixture.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;
constexpr struct timespec kLongAgo[2] = {{.tv_sec = 1'000'000'000, .tv_nsec = 0},
                                         {.tv_sec = 1'000'000'000, .tv_nsec = 0}};

class RotationTest : public LogTest {
 protected:
  /// How many descriptors of this process lead into the test's folder: nobody's disk may be kept full.
  [[nodiscard]] std::size_t held_files() const {
    std::size_t held = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
      if (target.starts_with(folder_.string())) ++held;
    }
    return held;
  }
};

TEST_F(RotationTest, renamed_and_created_while_the_writer_keeps_the_old_file_for_three_seconds) {
  const LogWriter old(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  old.write("ERROR 1\n");
  rename("a.log", "a.log.1");
  const LogWriter fresh(path("a.log"));
  for (int i = 0; i < 12; ++i) {
    old.write("ERROR old\n");
    fresh.write("ERROR new\n");
    turn(follower);
  }
  EXPECT_EQ(counted(), (Counts{25, 25}));
  EXPECT_EQ(gaps(), "");
  EXPECT_EQ(follower.blind(), "");
}

TEST_F(RotationTest, the_old_file_is_let_go_after_five_quiet_seconds_and_its_half_line_counted_then) {
  const LogWriter old(path("b.log"));
  auto follower = follow({"b.log"});
  turn(follower);
  old.write("ERROR without an end");
  rename("b.log", "b.log.1");
  write("b.log", "");
  turn(follower);
  for (int i = 0; i < 19; ++i) turn(follower);
  EXPECT_EQ(held_files(), 3U) << "the writer's, the old and the new one";
  turn(follower);
  EXPECT_EQ(held_files(), 2U);
  EXPECT_EQ(counted(), (Counts{1, 1}));
}

TEST_F(RotationTest, moved_away_without_a_new_file_is_blind_when_the_old_one_is_finished) {
  write("a.log", "");
  auto follower = follow({"a.log"});
  turn(follower);
  rename("a.log", "elsewhere");
  turn(follower);
  EXPECT_EQ(follower.blind(), "") << "a new one may come at any moment";
  turn(follower, 5s);
  turn(follower);
  EXPECT_NE(follower.blind().find("no such file yet"), std::string::npos) << follower.blind();
  write("a.log", "ERROR\n");
  turn(follower);
  EXPECT_EQ(follower.blind(), "");
  EXPECT_EQ(counted(), (Counts{1, 1}));
}

TEST_F(RotationTest, deleted_files_are_not_held) {
  {
    const LogWriter writer(path("a.log"));
    auto follower = follow({"a.log"});
    turn(follower);
    writer.write("ERROR\n");
    std::filesystem::remove(path("a.log"));
    turn(follower);
    turn(follower, 5s);
    EXPECT_EQ(held_files(), 1U) << "the writer's own";
    EXPECT_EQ(counted(), (Counts{1, 1}));
  }
  const LogWriter writer(path("b.log"));
  auto follower = follow({"b.log"});
  turn(follower);
  std::filesystem::remove(path("b.log"));
  for (int i = 0; i < 62; ++i) {
    writer.write("still writing\n");
    turn(follower, 1s);
  }
  EXPECT_EQ(held_files(), 1U) << "not even while it grows";
  EXPECT_NE(gaps().find("a rotated file was let go before its end"), std::string::npos) << gaps();
}

TEST_F(RotationTest, copied_and_truncated_is_read_from_its_beginning_and_is_a_gap) {
  const LogWriter writer(path("a.log"));
  writer.write("first day, a long line\n");
  auto follower = follow({"a.log"});
  turn(follower);
  writer.write("ERROR 1\n");
  turn(follower);
  writer.truncate();
  writer.write("ERROR 2\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{2, 2}));
  EXPECT_EQ(gaps(), path("a.log") + " was truncated: lines written just before may be missing");
}

TEST_F(RotationTest, truncated_and_grown_beyond_the_old_end_between_two_looks) {
  const LogWriter writer(path("a.log"));
  writer.write("day 1 begins\n");
  auto follower = follow({"a.log"});
  turn(follower);
  writer.truncate();
  for (int i = 0; i < 100; ++i) writer.write(fmt::format("day 2 ERROR {}\n", i));
  turn(follower);
  EXPECT_EQ(counted(), (Counts{100, 100}));
  EXPECT_NE(gaps().find("was truncated"), std::string::npos);
}

TEST_F(RotationTest, truncated_and_refilled_to_the_same_size) {
  const LogWriter writer(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  writer.write("ERROR a\n");
  turn(follower);
  writer.truncate();
  writer.write("ERROR b\n");
  // The kernel's clock of files is coarse: this change is certainly later than the last one that was seen.
  struct timespec times[2] = {{.tv_sec = 4'000'000'000, .tv_nsec = 0}, {.tv_sec = 4'000'000'000, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path("a.log").c_str(), times, 0), 0);
  turn(follower);
  EXPECT_EQ(counted(), (Counts{2, 2}));
}

TEST_F(RotationTest, truncated_to_nothing_and_silent_after_that) {
  const LogWriter writer(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  writer.write("fine\nERROR half");
  turn(follower);
  writer.truncate();
  turn(follower);
  turn(follower);
  EXPECT_EQ(counted(), (Counts{2, 1})) << "the half line will never be whole";
  writer.write("ERROR\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{3, 2}));
}

TEST_F(RotationTest, rotated_in_every_turn_with_three_kept) {
  auto follower = follow({"a.log"});
  turn(follower);
  std::uint64_t truth = 0;
  for (int round = 0; round < 20; ++round) {
    const LogWriter writer(path("a.log"));
    for (int i = 0; i < 50; ++i, ++truth) writer.write("ERROR\n");
    turn(follower);
    writer.write("ERROR after the look\n");
    ++truth;
    std::filesystem::remove(path("a.log.3"));
    for (int n = 2; n >= 1; --n) {
      if (std::filesystem::exists(path(fmt::format("a.log.{}", n)))) {
        rename(fmt::format("a.log.{}", n), fmt::format("a.log.{}", n + 1));
      }
    }
    rename("a.log", "a.log.1");
  }
  turn(follower);
  turn(follower, 6s);
  EXPECT_EQ(counted(), (Counts{truth, truth}));
  EXPECT_EQ(held_files(), 0U);
}

TEST_F(RotationTest, a_hundred_rotated_files_do_not_stay_open) {
  auto follower = follow({"a.log"});
  turn(follower);
  for (int i = 0; i < 100; ++i) {
    write("a.log", "ERROR\n");
    turn(follower, 10ms);
    rename("a.log", fmt::format("a.log.{}", i));
  }
  turn(follower, 10ms);
  EXPECT_LE(held_files(), 34U);
  EXPECT_EQ(counted(), (Counts{100, 100}));
}

TEST_F(RotationTest, rotated_several_times_between_two_looks) {
  const auto rotate = [&] {
    for (int n = 3; n >= 1; --n) {
      const auto from = n == 1 ? "a.log" : fmt::format("a.log.{}", n - 1);
      if (std::filesystem::exists(path(from))) rename(from, fmt::format("a.log.{}", n));
    }
  };
  write("a.log.2", "ERROR of long ago\n");
  write("a.log", "");
  ASSERT_EQ(::utimensat(AT_FDCWD, path("a.log.2").c_str(), kLongAgo, 0), 0);
  auto follower = follow({"a.log"});
  turn(follower);
  for (int storm = 0; storm < 3; ++storm) {
    for (int i = 0; i < 3; ++i) {
      write("a.log", fmt::format("ERROR {} {}\n", storm, i));
      rotate();
    }
    write("a.log", "ERROR last\n");
    turn(follower);
  }
  turn(follower, 6s);
  EXPECT_EQ(counted(), (Counts{12, 12}));
}

TEST_F(RotationTest, a_file_that_came_and_went_while_there_was_none_is_not_missed) {
  write("a.log", "");
  auto follower = follow({"a.log"});
  turn(follower);
  write("a.log", "ERROR 1\n");
  turn(follower);
  rename("a.log", "a.log.1");
  turn(follower);
  rename("a.log.1", "a.log.2");
  write("a.log", "ERROR 2\n");
  rename("a.log", "a.log.1");
  turn(follower);
  turn(follower, 6s);
  turn(follower, 6s);
  EXPECT_EQ(counted(), (Counts{2, 2}));
}

TEST_F(RotationTest, rotated_to_rising_numbers_counts_nothing_twice) {
  auto follower = follow({"a.log"});
  turn(follower);
  for (int i = 1; i <= 20; ++i) {
    write("a.log", fmt::format("{} ERROR\n", i));
    turn(follower, 1s);
    rename("a.log", fmt::format("a.log.{}", i));
    turn(follower, 6s);
  }
  EXPECT_EQ(total(), (Counts{20, 20}));
}

TEST_F(RotationTest, moved_back_goes_on_where_it_was) {
  const LogWriter writer(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  writer.write("ERROR 1\n");
  turn(follower);
  rename("a.log", "b.log");
  turn(follower);
  rename("b.log", "a.log");
  writer.write("ERROR 2\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{2, 2}));
  EXPECT_EQ(gaps(), "");
}

TEST_F(RotationTest, renamed_to_a_name_that_the_pattern_fits_counts_once) {
  write("app.log", "");
  auto follower = follow({"*.log"});
  turn(follower);
  write("app.log", "ERROR 1\n");
  turn(follower);
  rename("app.log", "app-yesterday.log");
  write("app.log", "ERROR 2\n");
  for (int i = 0; i < 30; ++i) turn(follower, 1s);
  write("app-yesterday.log", "ERROR 3\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{3, 3}));
}

TEST_F(RotationTest, a_compressed_sibling_is_never_counted) {
  write("a.log", "");
  auto follower = follow({"a.log*"});
  turn(follower);
  write("a.log", "ERROR\n");
  turn(follower, 1s);
  rename("a.log", "a.log.1");
  write("a.log", "ERROR\n");
  turn(follower, 1s);
  for (const char* sibling : {"a.log.2.gz", "a.log-20260131", "a.log.2"}) write(sibling, "ERROR\nERROR\n");
  for (int i = 0; i < 10; ++i) turn(follower, 1s);
  EXPECT_EQ(counted(), (Counts{2, 2}));
}

TEST_F(RotationTest, the_link_is_pointed_elsewhere) {
  write("1.txt", "");
  write("2.txt", "ERROR fresh\n");
  std::filesystem::create_symlink(path("1.txt"), path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  write("1.txt", "ERROR last\n");
  std::filesystem::create_symlink(path("2.txt"), path("new"));
  rename("new", "a.log");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{2, 2}));
}

TEST_F(RotationTest, a_dangling_link_is_blind) {
  std::filesystem::create_symlink(path("nowhere"), path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  EXPECT_NE(follower.blind(), "");
  write("nowhere", "ERROR\n");
  turn(follower, 1s);
  EXPECT_EQ(follower.blind(), "");
  EXPECT_EQ(counted(), (Counts{1, 1}));
}

TEST_F(RotationTest, the_process_was_stopped_while_lines_were_written) {
  const LogWriter writer(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  writer.write("ERROR\n");
  turn(follower);
  for (int i = 0; i < 10; ++i) writer.write("ERROR late\n");
  turn(follower, 10s);
  EXPECT_EQ(counted(), (Counts{1, 1})) << "ten seconds' errors are not those of one";
  EXPECT_EQ(late(), (Counts{10, 10}));
  EXPECT_EQ(total(), (Counts{11, 11}));
  EXPECT_EQ(gaps(), path("a.log") + " was read 10 s late");
  writer.write("ERROR\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{2, 2}));
}

}  // namespace
}  // namespace serin::count
