// What happened to the log while no agent ran: named by that.
#include <fmt/format.h>

#include <chrono>

#include "protocol/limits.h"
#include "tests/agent/count/log_fixture.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;

class RestartTest : public LogTest {
 protected:
  /// Ends the process and begins another, `pause` later.
  LogFollower restart(const LogFollower& follower, const std::vector<std::string>& names, Duration pause = 1h,
                      const std::function<void()>& meanwhile = {}, bool same_boot = true) {
    const LogFollower::Stopped stopped{
        .state = follower.state(wall()), .same_boot = same_boot, .saved = {now_, wall()}};
    const auto counts = counter_.state(0);
    if (meanwhile) meanwhile();
    now_ += pause;
    counter_ = ErrorCounter();
    counter_.restore(counts, now_);
    auto fresh = follow(names);
    fresh.restore(stopped, wall());
    return fresh;
  }
  /// The files' own clock, moved like the test's.
  [[nodiscard]] WallTime wall() const {
    return began_ + std::chrono::duration_cast<Duration>(now_ - SteadyTime{1'000s});
  }
  WallTime began_ = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
};

TEST_F(RestartTest, goes_on_at_the_exact_byte_and_counts_what_was_written_meanwhile_as_late) {
  const LogWriter writer(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  writer.write("ERROR 1\nERROR of which half");
  turn(follower);
  follower = restart(follower, {"a.log"}, 1min, [&] { writer.write(" was written\nERROR 3\nfi"); });
  turn(follower);
  EXPECT_EQ(counted(), (Counts{1, 1}));
  EXPECT_EQ(late(), (Counts{2, 2}));
  EXPECT_NE(gaps().find("s late"), std::string::npos) << gaps();
  writer.write("ne\nERROR 4\n");
  turn(follower);
  EXPECT_EQ(total(), (Counts{5, 4}));
  EXPECT_EQ(counted(), (Counts{3, 2}));
}

TEST_F(RestartTest, a_short_one_makes_nothing_late) {
  const LogWriter writer(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  follower = restart(follower, {"a.log"}, 1s, [&] { writer.write("ERROR\n"); });
  turn(follower);
  EXPECT_EQ(counted(), (Counts{1, 1}));
  EXPECT_EQ(gaps(), "");
}

TEST_F(RestartTest, at_any_byte_of_the_log_counts_each_line_once) {
  std::string text;
  for (std::size_t i = 0; i < 12; ++i)
    text += fmt::format("{} {}\r\n", i % 3 == 0 ? "ERROR" : "\xFF", std::string(i, 'x'));
  const LogWriter writer(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  for (const char byte : text) {
    writer.write({&byte, 1});
    turn(follower, 1ms);
    follower = restart(follower, {"a.log"}, 1ms);
  }
  turn(follower);
  EXPECT_EQ(total(), (Counts{12, 4}));
}

TEST_F(RestartTest, rotated_while_down_finishes_the_old_file_and_reads_the_new_one_from_its_beginning) {
  for (const char* rotated : {"a.log.1", "elsewhere.txt"}) {
    write("a.log", "");
    auto follower = follow({"a.log"});
    turn(follower);
    const auto before = total().errors;
    write("a.log", "ERROR 1\nERR");
    turn(follower);
    follower = restart(follower, {"a.log"}, 1h, [&] {
      write("a.log", "OR 2\nERROR 3");
      rename("a.log", rotated);
      write("a.log", "ERROR 4\n");
    });
    turn(follower);
    turn(follower, 6s);
    turn(follower);
    EXPECT_EQ(total().errors, before + 4) << rotated;
    std::filesystem::remove(path("a.log"));
  }
}

TEST_F(RestartTest, rotated_several_times_while_down_loses_nothing) {
  write("a.log.1", "ERROR of long ago\n");
  constexpr struct timespec kLongAgo[2] = {{.tv_sec = 1'000'000'000}, {.tv_sec = 1'000'000'000}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path("a.log.1").c_str(), kLongAgo, 0), 0);
  write("a.log", "ERROR before\n");
  auto follower = follow({"a.log"});
  turn(follower);
  write("a.log", "ERROR 1\n");
  turn(follower);
  follower = restart(follower, {"a.log"}, 1h, [&] {
    write("a.log", "ERROR 2\n");
    for (int day = 0; day < 3; ++day) {
      for (int n = 4; n >= 1; --n) {
        const auto from = n == 1 ? "a.log" : fmt::format("a.log.{}", n - 1);
        if (std::filesystem::exists(path(from))) rename(from, fmt::format("a.log.{}", n));
      }
      write("a.log", fmt::format("ERROR of day {}\n", day));
    }
  });
  turn(follower);
  turn(follower, 6s);
  EXPECT_EQ(total(), (Counts{5, 5}));
  EXPECT_EQ(gaps().find("too fast"), std::string::npos) << gaps();
}

TEST_F(RestartTest, truncated_and_grown_while_down_is_read_from_its_beginning) {
  const std::string head =
      "the same first line in each file, as long as fingerprints are: " + std::string(300, 'h') + "\n";
  const LogWriter writer(path("a.log"));
  writer.write(head);
  auto follower = follow({"a.log"});
  turn(follower);
  writer.write("ERROR 1\n");
  turn(follower);
  follower = restart(follower, {"a.log"}, 1h, [&] {
    writer.truncate();
    writer.write(head);
    for (int i = 0; i < 100; ++i) writer.write("ERROR 2, a longer line\n");
  });
  turn(follower);
  EXPECT_EQ(total().errors, 101U);
  EXPECT_NE(gaps().find("was truncated"), std::string::npos) << gaps();

  follower = restart(follower, {"a.log"}, 1h, [&] {
    writer.truncate();
    writer.write("ERROR 3, with another head\n");
  });
  turn(follower);
  EXPECT_EQ(total().errors, 102U);
  EXPECT_NE(gaps().find("truncated or replaced while nobody looked"), std::string::npos) << gaps();
}

TEST_F(RestartTest, deleted_while_down_is_a_gap) {
  write("a.log", "");
  auto follower = follow({"a.log"});
  turn(follower);
  write("a.log", "ERROR 1\n");
  turn(follower);
  const LogWriter held(path("a.log"));  // so that its inode is not used again
  follower = restart(follower, {"a.log"}, 1h, [&] {
    std::filesystem::remove(path("a.log"));
    write("a.log", "ERROR 2\n");
  });
  turn(follower);
  EXPECT_EQ(total(), (Counts{2, 2}));
  EXPECT_NE(gaps().find("was removed before its end was read"), std::string::npos) << gaps();
}

TEST_F(RestartTest, a_file_that_was_being_drained_is_read_to_its_end) {
  const LogWriter old(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  rename("a.log", "a.log.1");
  write("a.log", "");
  old.write("ERROR 1\n");
  turn(follower);
  old.write("ERROR 2\n");
  follower = restart(follower, {"a.log"}, 1s);
  turn(follower);
  EXPECT_EQ(total(), (Counts{2, 2}));
  EXPECT_EQ(gaps(), "");
}

TEST_F(RestartTest, a_file_that_came_and_went_while_down_and_none_was_there_is_not_missed) {
  write("a.log", "");
  auto follower = follow({"a.log"});
  turn(follower);
  write("a.log", "ERROR 1\n");
  turn(follower);
  rename("a.log", "a.log.1");
  turn(follower);
  follower = restart(follower, {"a.log"}, 1h, [&] { rotate_unseen(); });
  turn(follower);
  turn(follower, 6s);
  EXPECT_EQ(total(), (Counts{3, 3}));
}

TEST_F(RestartTest, a_file_that_came_and_went_between_two_of_them_is_not_missed) {
  write("a.log", "");
  auto follower = follow({"a.log"});
  turn(follower);
  write("a.log", "ERROR 1\n");
  turn(follower);
  follower = restart(follower, {"a.log"}, 1s, [&] { rename("a.log", "a.log.1"); });
  turn(follower);
  follower = restart(follower, {"a.log"}, 1s, [&] { rotate_unseen(); });
  turn(follower);
  EXPECT_EQ(total(), (Counts{3, 3}));
}

TEST_F(RestartTest, a_file_that_came_and_went_right_after_it_is_not_missed_either) {
  write("a.log", "");
  auto follower = follow({"a.log"});
  turn(follower);
  write("a.log", "ERROR 1\n");
  turn(follower);
  follower = restart(follower, {"a.log"}, 1s, [&] { rename("a.log", "a.log.1"); });
  turn(follower);
  rotate_unseen();
  turn(follower);
  EXPECT_EQ(total(), (Counts{3, 3}));
}

TEST_F(RestartTest, what_was_drained_before_it_is_not_read_again_though_an_older_file_still_grows) {
  const LogWriter oldest(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  rename("a.log", "a.log.1");
  write("a.log", "ERROR 1\n");
  turn(follower);
  rename("a.log.1", "a.log.2");
  rename("a.log", "a.log.1");
  write("a.log", "");
  for (int i = 0; i < 10; ++i) {
    turn(follower, 1s);
    oldest.write("ERROR by one that keeps its file\n");
  }
  for (const Duration pause : {1s, 1s, 10s, 1s}) {
    follower = restart(follower, {"a.log"}, pause);
    turn(follower);
    turn(follower);
  }
  EXPECT_EQ(total(), (Counts{11, 11}));
  EXPECT_EQ(gaps().find("removed"), std::string::npos) << gaps();
}

TEST_F(RestartTest, files_that_came_while_down_are_read_from_their_beginning_and_renamed_ones_go_on) {
  write("a.log", "ERROR before\n");
  auto follower = follow({"*.log", "later.txt"});
  turn(follower);
  write("a.log", "ERROR 1\n");
  turn(follower);
  follower = restart(follower, {"*.log", "later.txt"}, 1h, [&] {
    rename("a.log", "a-yesterday.log");
    write("a.log", "ERROR 2\n");
    write("b.log", "ERROR 3\n");
    write("later.txt", "ERROR 4\n");
  });
  turn(follower);
  EXPECT_EQ(total(), (Counts{4, 4}));
  write("a-yesterday.log", "ERROR 5\n");
  turn(follower);
  EXPECT_EQ(total(), (Counts{5, 5}));
}

TEST_F(RestartTest, another_configuration_counts_nothing_again) {
  for (const char* name : {"a.log", "b.log", "new.log"}) write(name, "ERROR before\n");
  auto follower = follow({"a.log", "b.log"});
  turn(follower);
  for (const char* name : {"a.log", "b.log", "new.log"}) write(name, "ERROR 1\n");
  turn(follower);
  follower = restart(follower, {"a.log", "new.log"}, 1s);
  turn(follower);
  EXPECT_EQ(total(), (Counts{2, 2})) << "a source that is new in the configuration begins at the end of its file";
  for (const char* name : {"a.log", "b.log", "new.log"}) write(name, "ERROR 2\n");
  turn(follower);
  EXPECT_EQ(total(), (Counts{4, 4})) << "one that was taken out is not read";
  EXPECT_EQ(gaps(), "");
}

TEST_F(RestartTest, a_file_that_cannot_be_found_yet_keeps_its_place_for_a_day) {
  std::filesystem::create_directory(path("mount"));
  write("mount/a.log", "ERROR before\n");
  auto follower = follow({"mount/*.log"});
  turn(follower);
  write("mount/a.log", "ERROR 1\n");
  turn(follower);
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path("mount").c_str(), 0), 0);
  {
    const Unprivileged somebody;
    follower = restart(follower, {"mount/*.log"}, 1h);
    turn(follower);
    EXPECT_NE(follower.blind(), "");
    follower = restart(follower, {"mount/*.log"}, 1h);
    turn(follower);
  }
  ASSERT_EQ(::chmod(path("mount").c_str(), 0755), 0);
  const auto forgotten = follower.state(wall());
  ASSERT_EQ(forgotten.files.size(), 1U);
  write("mount/a.log", "ERROR 2\n");
  turn(follower, 1s);
  EXPECT_EQ(total(), (Counts{2, 2}));

  auto much_later = follow({"mount/*.log"});
  much_later.restore({.state = forgotten, .same_boot = true, .saved = {now_, wall()}}, wall() + 25h);
  EXPECT_TRUE(much_later.state(wall()).files.empty());
}

TEST_F(RestartTest, after_a_reboot_the_device_may_have_another_number) {
  write("a.log", "ERROR before\n");
  auto follower = follow({"a.log"});
  turn(follower);
  write("a.log", "ERROR 1\n");
  turn(follower);
  auto state = follower.state(wall());
  state.files.at(0).id.device += 1;
  write("a.log", "ERROR 2\n");
  auto fresh = follow({"a.log"});
  fresh.restore({.state = state, .same_boot = false, .saved = {now_, wall()}}, wall());
  turn(fresh);
  EXPECT_EQ(total(), (Counts{2, 2}));
  EXPECT_EQ(late(), (Counts{1, 1}));
}

TEST_F(RestartTest, the_wall_clock_jumps_by_an_hour_either_way) {
  const LogWriter writer(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  for (const Duration jump : {-1h, 2h, -3h}) {
    follower = restart(follower, {"a.log"}, 1s, [&] {
      began_ += jump;
      writer.write("ERROR\n");
    });
    turn(follower);
  }
  EXPECT_EQ(counted(), (Counts{3, 3}));
  EXPECT_EQ(gaps(), "");
}

TEST_F(RestartTest, a_backlog_of_hours_is_skipped_and_said) {
  const LogWriter writer(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  const std::string line = "ERROR " + std::string(1'017, 'x') + "\n";
  std::string night;
  while (night.size() <= limits::kBacklogBytesMax) night += line;
  follower = restart(follower, {"a.log"}, 1h, [&] { writer.write(night + "ERR"); });
  now_ += 250ms;
  ASSERT_FALSE(follower.read(now_, counter_));
  EXPECT_EQ(counter_.totals().skipped_bytes, night.size() + 3 - limits::kReadBytesPerTurn);
  EXPECT_EQ(total().errors, limits::kReadBytesPerTurn / line.size() - 1);
  const auto before = total().errors;
  follower = restart(follower, {"a.log"}, 1s);
  writer.write("OR\n");
  turn(follower);
  EXPECT_EQ(total().errors, before + 1);
}

}  // namespace
}  // namespace serin::count
