// What is found only by looking at the bytes: anchors, holes, and text that was written while nobody read.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>

#include "agent/count/truncation_mark_file.h"
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

// Lines without a time: head, anchor and size say nothing.
TEST_F(TruncationTest, grown_to_the_very_same_bytes_shows_all_the_same) {
  const LogWriter writer(path("a.log"));
  writer.write("ERROR disk is gone\n");
  auto follower = follow({"a.log"});
  turn(follower);
  writer.write("ERROR disk is gone\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{1, 1}));
  std::uint64_t truth = 1;
  for (std::uint64_t round = 2; round < 20; ++round) {
    writer.truncate();
    for (std::uint64_t i = 0; i < round; ++i, ++truth) writer.write("ERROR disk is gone\n");
    turn(follower);
    ASSERT_EQ(counted(), (Counts{truth, truth})) << round;
  }
  EXPECT_NE(gaps().find("was truncated"), std::string::npos);
}

TEST_F(TruncationTest, emptied_by_opening_it_and_grown_to_the_same_bytes_shows_too) {
  const std::string line = std::string(5'000, '-') + " ERROR\n";
  write("a.log", line);
  auto follower = follow({"a.log"});
  turn(follower);
  write("a.log", line);
  turn(follower);
  const posix::UniqueFd emptied(::open(path("a.log").c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  write("a.log", line + line + line);
  turn(follower);
  EXPECT_EQ(counted(), (Counts{4, 4}));
}

TEST_F(TruncationTest, of_more_files_than_are_marked_shows_where_the_bytes_differ) {
  std::vector<std::string> names;
  names.reserve(80);
  for (int i = 0; i < 80; ++i) names.push_back(fmt::format("{}.log", i));
  for (const auto& name : names) write(name, "an old line\n");
  auto follower = follow(names);
  turn(follower);
  for (const auto& name : names) write(name, "ERROR 1\n");
  turn(follower);
  for (const auto& name : names) {
    const LogWriter writer(path(name));
    writer.truncate();
    writer.write("another line\nERROR 2\n");
  }
  turn(follower);
  EXPECT_EQ(counted(), (Counts{240, 160}));
}

TEST(TruncationMark, is_gone_by_a_truncation_to_nothing_and_by_nothing_else) {
  for (const char* folder : {"/dev/shm", "/var/tmp"}) {
    std::string name = std::string(folder) + "/serin-mark-XXXXXX";
    const posix::UniqueFd fd(::mkostemp(name.data(), O_APPEND | O_CLOEXEC));
    ASSERT_TRUE(fd) << name;
    TruncationMark mark;
    EXPECT_FALSE(mark.place(fd.get())) << "an empty file has no page";
    EXPECT_FALSE(mark.is_gone());
    const std::string page(4'096, 'x');
    ASSERT_EQ(::write(fd.get(), page.data(), page.size()), 4'096);
    ASSERT_TRUE(mark.place(fd.get()));
    EXPECT_FALSE(mark.is_gone());
    ASSERT_EQ(::write(fd.get(), page.data(), page.size()), 4'096);
    ASSERT_EQ(::fdatasync(fd.get()), 0);
    ASSERT_EQ(::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    EXPECT_FALSE(mark.is_gone()) << "pages that are dropped from the cache are no truncation";
    ASSERT_EQ(::ftruncate(fd.get(), 0), 0);
    EXPECT_TRUE(mark.is_gone());
    ASSERT_EQ(::write(fd.get(), page.data(), page.size()), 4'096);
    EXPECT_TRUE(mark.is_gone()) << folder;
    ASSERT_TRUE(mark.place(fd.get()));
    EXPECT_FALSE(mark.is_gone());
    EXPECT_EQ(::unlink(name.c_str()), 0);
    EXPECT_FALSE(mark.is_gone());
  }
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
