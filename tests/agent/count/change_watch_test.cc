// Who tells of changes, what a follower does where nobody can, and that it looks at nothing while nothing happens.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>

#include "tests/agent/count/log_fixture.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;

/// Tells what the test wants, and counts what is asked of it.
struct FakeWatch : ChangeWatch {
  Result<int> watch_folder(const std::string&) override {
    ++folders;
    return refuses ? failure(ErrorKind::no_space, "no space left on device") : Result<int>(1);
  }
  Result<int> watch_growth(int) override {
    ++files;
    return refuses ? failure(ErrorKind::no_space, "no space left on device") : Result<int>(100 + files);
  }
  void forget(int) override {}
  Changes take() override { return std::exchange(next, {}); }
  [[nodiscard]] int fd() const override { return refuses ? -1 : 77; }

  bool refuses = false;
  int folders = 0, files = 0;
  Changes next;
};

class ChangeWatchTest : public LogTest {
 protected:
  LogFollower follow_with(FakeWatch& watch, const std::vector<std::string>& names) const {
    struct Borrowed : ChangeWatch {
      explicit Borrowed(FakeWatch& borrowed) : lender(borrowed) {}
      Result<int> watch_folder(const std::string& folder) override { return lender.watch_folder(folder); }
      Result<int> watch_growth(int file) override { return lender.watch_growth(file); }
      void forget(int id) override { lender.forget(id); }
      Changes take() override { return lender.take(); }
      [[nodiscard]] int fd() const override { return lender.fd(); }
      FakeWatch& lender;
    };
    return follow(names, std::make_unique<Borrowed>(watch));
  }
  void turns(LogFollower& follower, int count, Duration after = 250ms) {
    for (int i = 0; i < count; ++i) turn(follower, after);
  }
};

TEST_F(ChangeWatchTest, refused_everywhere_each_file_and_folder_is_looked_at_each_second) {
  FakeWatch watch;
  watch.refuses = true;
  write("a.log", "");
  auto follower = follow_with(watch, {"a.log", "*.txt"});
  turns(follower, 50);  // quiet: it rests
  write("a.log", "ERROR 1\n");
  write("b.txt", "ERROR 2\n");
  turns(follower, 4);
  EXPECT_EQ(counted(), (Counts{2, 2}));
  turns(follower, 50);
  rename("a.log", "a.log.1");
  write("a.log", "ERROR 3\n");
  turns(follower, 4);
  EXPECT_EQ(counted(), (Counts{3, 3}));
  EXPECT_EQ(gaps(), "cannot read " + path("*.txt") + ": no file fits yet (each is read as soon as it is there)");
  EXPECT_GT(watch.folders, 10) << "it is tried again: limits change";
}

TEST_F(ChangeWatchTest, a_file_that_grows_is_read_in_every_turn_without_being_watched) {
  FakeWatch watch;
  const LogWriter writer(path("a.log"));
  auto follower = follow_with(watch, {"a.log"});
  for (int i = 0; i < 200; ++i) {
    if (i % 10 == 5) writer.write("ERROR\n");
    turn(follower);
  }
  EXPECT_EQ(counted(), (Counts{20, 20}));
  EXPECT_EQ(watch.files, 0);
  turns(follower, 50);
  EXPECT_EQ(watch.files, 1) << "ten seconds without a byte";
}

TEST_F(ChangeWatchTest, told_of_growth_it_reads_and_otherwise_looks_every_ten_seconds) {
  FakeWatch watch;
  const LogWriter writer(path("a.log"));
  auto follower = follow_with(watch, {"a.log"});
  turns(follower, 50);
  writer.write("ERROR 1\n");
  turn(follower);
  EXPECT_EQ(total(), (Counts{0, 0})) << "nobody has told it";
  watch.next.all.push_back({.watch = 101, .name = {}, .over = false});
  turn(follower);
  EXPECT_EQ(counted(), (Counts{1, 1}));
  turns(follower, 50);
  writer.write("ERROR 2\n");
  turns(follower, 40);
  EXPECT_EQ(total(), (Counts{2, 2})) << "a writer by mmap is not told of";
  EXPECT_EQ(late(), (Counts{1, 1}));
}

TEST_F(ChangeWatchTest, when_changes_were_lost_everything_is_looked_at) {
  FakeWatch watch;
  write("a.log", "");
  write("b.log", "");
  auto follower = follow_with(watch, {"*.log"});
  turns(follower, 50);
  write("a.log", "ERROR 1\n");
  rename("b.log", "b.log.1");
  write("b.log", "ERROR 2\n");
  write("c.log", "ERROR 3\n");
  watch.next.lost = true;
  turn(follower);
  EXPECT_EQ(total(), (Counts{3, 3}));
}

TEST_F(ChangeWatchTest, the_kernels_own_queue_overflows) {
  write("a.log", "");
  auto follower = follow({"a.log"});
  turns(follower, 50);
  for (int i = 0; i < 20'000; ++i) {
    const auto name = path(fmt::format("other-{}", i % 2));
    const posix::UniqueFd other(::open(name.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    std::filesystem::remove(name);
  }
  rename("a.log", "a.log.1");
  write("a.log", "ERROR\n");
  turns(follower, 20);
  EXPECT_EQ(counted(), (Counts{1, 1}));
  EXPECT_EQ(gaps(), "");
}

TEST_F(ChangeWatchTest, by_inotify_a_file_that_rested_for_minutes_is_read_at_once) {
  const LogWriter a(path("a.log"));
  const LogWriter b(path("b.log"));
  auto follower = follow({"*.log"});
  for (int minute = 0; minute < 5; ++minute) {
    turns(follower, 60, 1s);
    a.write("ERROR\n");
    turn(follower);
  }
  b.write("ERROR\n");
  turn(follower);
  b.truncate();
  turn(follower);
  b.write("ERROR\n");
  turn(follower);
  EXPECT_EQ(counted().errors, 4U) << "within the seconds that are kept";
  EXPECT_EQ(total(), (Counts{7, 7}));
  EXPECT_EQ(late(), (Counts{0, 0}));
}

TEST_F(ChangeWatchTest, a_folder_that_is_replaced_is_found_again) {
  std::filesystem::create_directory(path("logs"));
  write("logs/a.log", "");
  auto follower = follow({"logs/a.log"});
  turns(follower, 60);
  rename("logs", "logs.old");
  std::filesystem::create_directory(path("logs"));
  write("logs/a.log", "ERROR 1\n");
  turn(follower);
  write("logs.old/a.log", "ERROR 2\n");
  turns(follower, 4);
  EXPECT_EQ(total(), (Counts{2, 2}));
  turns(follower, 60);
  write("logs/a.log", "ERROR 3\n");
  turn(follower);
  EXPECT_EQ(total(), (Counts{3, 3}));
}

TEST_F(ChangeWatchTest, with_few_descriptors_it_says_what_it_cannot_read_and_heals) {
  struct rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<std::string> names;
  for (int i = 0; i < 30; ++i) write(names.emplace_back(fmt::format("{}.log", i)), "");
  auto follower = follow(names);
  const struct rlimit few{.rlim_cur = 16, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  turns(follower, 10);
  const auto blind = follower.blind();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_NE(blind.find("Too many open files (raise LimitNOFILE= of the agent's service)"), std::string::npos) << blind;
  turns(follower, 5);
  EXPECT_EQ(follower.blind(), "");
  for (const auto& name : names) write(name, "ERROR\n");
  turns(follower, 4);
  EXPECT_EQ(counted(), (Counts{30, 30}));
}

TEST_F(ChangeWatchTest, while_nothing_is_written_it_rests_until_the_kernel_tells) {
  write("a.log", "old\n");
  FakeWatch watch;
  auto follower = follow_with(watch, {"a.log"});
  turn(follower);
  EXPECT_EQ(follower.rests_on(), std::nullopt) << "it was opened just now";
  turns(follower, 12, 1s);
  EXPECT_EQ(follower.rests_on(), 77);
  write("a.log", "ERROR\n");
  watch.next.all.push_back({.watch = 101, .name = {}, .over = true});
  turn(follower);
  EXPECT_EQ(follower.rests_on(), std::nullopt) << "more may come";
  EXPECT_EQ(counted(), (Counts{.lines = 1, .errors = 1}));
}

// 0.2 s of CPU under the sanitizers; a look at each file in each of these turns takes seconds.
TEST_F(ChangeWatchTest, a_thousand_files_that_rest_are_not_looked_at_in_every_turn) {
  std::vector<std::string> names;
  names.reserve(1'000);
  for (int i = 0; i < 1'000; ++i) write(names.emplace_back(fmt::format("{}.log", i)), "old\n");
  auto follower = follow(names);
  turns(follower, 60);
  const auto cpu_us = [] {
    struct rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1'000'000 + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
  };
  const auto before = cpu_us();
  turns(follower, 1'200);
  EXPECT_LT(cpu_us() - before, 1'500'000);
}

TEST_F(ChangeWatchTest, where_nobody_tells_it_rests_from_second_to_second) {
  FakeWatch watch;
  watch.refuses = true;
  write("a.log", "old\n");
  auto follower = follow_with(watch, {"a.log"});
  turns(follower, 12, 1s);
  EXPECT_EQ(follower.rests_on(), -1);
}

}  // namespace
}  // namespace serin::count
