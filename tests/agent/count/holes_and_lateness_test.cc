// What is found only by looking at the bytes: anchors, holes, and text that was written while nobody read.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>

#include "protocol/limits.h"
#include "tests/agent/count/log_fixture.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;
class TruncationTest : public LogTest {};
class HoleTest : public LogTest {
 protected:
  /// As a daemon without O_APPEND does after somebody else truncated its file.
  void write_at(const std::string& name, std::uint64_t offset, std::string_view bytes) const {
    const posix::UniqueFd fd(::open(path(name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    ASSERT_EQ(::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
  }
};
class LatenessTest : public LogTest {};

TEST_F(TruncationTest, grown_beyond_the_old_end_with_the_same_beginning_shows_at_the_anchor) {
  const std::string head(400, 'h');
  const LogWriter writer(path("a.log"));
  writer.write(head + "\n");
  auto follower = follow({"a.log"});
  turn(follower);
  writer.write("ERROR of day 1\n");
  turn(follower);
  writer.truncate();
  writer.write(head + "\n");
  for (int i = 0; i < 100; ++i) writer.write(fmt::format("ERROR {} of day 2\n", i));
  turn(follower);
  EXPECT_EQ(counted(), (Counts{102, 101}));
  EXPECT_NE(gaps().find("was truncated"), std::string::npos);
}

TEST_F(TruncationTest, again_and_again_counts_what_was_there_at_each_look) {
  const LogWriter writer(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  std::uint64_t truth = 0;
  for (int day = 0; day < 50; ++day) {
    writer.truncate();
    for (int i = 0; i <= day * 7 % 31; ++i, ++truth) writer.write(fmt::format("{} ERROR {}\n", day, i));
    turn(follower, 100ms);
  }
  EXPECT_EQ(counted(), (Counts{truth, truth}));
}

TEST_F(HoleTest, a_gigabyte_of_it_costs_nothing_and_is_no_backlog) {
  write("a.log", "");
  auto follower = follow({"a.log"});
  turn(follower);
  write("a.log", "ERROR before it\n");
  turn(follower);
  write_at("a.log", 1U << 30U, "ERROR after the hole\nfine\n");
  struct rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  turn(follower);
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_EQ(counted(), (Counts{3, 2}));
  EXPECT_EQ(counter_.totals().skipped_bytes, 0U) << "nobody wrote it";
  EXPECT_EQ(gaps(), "");
  const auto us = [](const struct timeval& time) { return time.tv_sec * 1'000'000 + time.tv_usec; };
  EXPECT_LT(us(after.ru_utime) + us(after.ru_stime) - us(before.ru_utime) - us(before.ru_stime), 100'000);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 8'000) << "kB";
}

TEST_F(HoleTest, truncated_under_a_writer_that_goes_on_at_its_own_offset) {
  write_at("a.log", 0, "one\n");
  auto follower = follow({"a.log"});
  turn(follower);
  write_at("a.log", 4, std::string(10'000, 'x') + "\n");
  turn(follower);
  std::filesystem::resize_file(path("a.log"), 0);
  write_at("a.log", 10'005, "ERROR 1\n");
  turn(follower);
  write_at("a.log", 10'013, "ERROR 2\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{3, 2})) << "the first line after the hole begins with its own bytes";
}

TEST_F(HoleTest, one_in_the_middle_ends_the_line_before_it) {
  write("a.log", "");
  auto follower = follow({"a.log"});
  turn(follower);
  write_at("a.log", 0, "ERROR half");
  write_at("a.log", 100'000, "ERROR after it\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{2, 2}));
}

TEST_F(HoleTest, space_that_is_set_aside_is_waited_at) {
  write("a.log", "");
  auto follower = follow({"a.log"});
  turn(follower);
  write_at("a.log", 0, "ERROR 1\n");
  std::filesystem::resize_file(path("a.log"), 64U << 20U);
  turn(follower);
  write_at("a.log", 8, "ERROR 2\n");
  turn(follower);
  write_at("a.log", 16, std::string(10'000, 'x') + "\nERROR 3\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{4, 3}));
  auto second = follow({"a.log"});
  turn(second);
  write_at("a.log", 10'025, "ERROR 4\n");
  turn(second);
  EXPECT_EQ(counted(), (Counts{5, 4})) << "a file that exists is read from the end of what was written";
}

TEST_F(HoleTest, nuls_that_were_written_are_bytes_of_a_line) {
  write("a.log", "");
  auto follower = follow({"a.log"});
  turn(follower);
  write("a.log", std::string(200'000, '\0') + "ERROR\n" + std::string(3, '\0'));
  turn(follower);
  EXPECT_EQ(counted(), (Counts{1, 0})) << "matched on its first 16 KiB";
  write("a.log", "ERROR\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{2, 1}));
}

TEST_F(LatenessTest, a_reader_that_is_behind_says_how_far) {
  const LogWriter writer(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  const std::string line = "ERROR " + std::string(1'017, 'x') + "\n";
  std::string burst;
  while (burst.size() < 8 * limits::kReadBytesPerTurn) burst += line;
  writer.write(burst);
  for (int i = 0; i < 4; ++i) {
    now_ += 1s;
    follower.read(now_, counter_);
  }
  EXPECT_EQ(counted().errors, 2 * limits::kReadBytesPerTurn / line.size()) << "of the first two seconds";
  EXPECT_EQ(late().errors, 2 * limits::kReadBytesPerTurn / line.size());
  EXPECT_EQ(gaps(), path("a.log") + " was read 3 s late; " + path("a.log") + " was read 4 s late");
  turn(follower, 0s);
  EXPECT_EQ(total().errors, burst.size() / line.size());
  writer.write("ERROR\n");
  turn(follower);
  EXPECT_EQ(total().errors, burst.size() / line.size() + 1);
  EXPECT_EQ(counted().errors, 2 * limits::kReadBytesPerTurn / line.size() + 1) << "caught up";
}

TEST_F(LatenessTest, a_file_that_was_quiet_for_hours_is_not_late) {
  const LogWriter writer(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  for (int i = 0; i < 100; ++i) turn(follower, 1min + 1s);
  for (int i = 0; i < 60; ++i) turn(follower, 1s);
  writer.write("ERROR\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{1, 1}));
  EXPECT_EQ(gaps(), "");
}

TEST_F(LatenessTest, a_file_that_came_while_the_process_was_stopped_belongs_to_no_second) {
  write("a.log", "");
  auto follower = follow({"*.log"});
  turn(follower);
  write("b.log", "ERROR\n");
  turn(follower, 30s);
  EXPECT_EQ(counted(), (Counts{0, 0}));
  EXPECT_EQ(late(), (Counts{1, 1}));
}

}  // namespace
}  // namespace serin::count
