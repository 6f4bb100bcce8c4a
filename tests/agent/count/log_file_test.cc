#include "agent/count/log_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "protocol/limits.h"
#include "tests/agent/count/log_fixture.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;
using testing::Test;
class LogFollowerTest : public LogTest {};

TEST_F(LogFollowerTest, reads_an_existing_file_from_its_end_and_a_later_one_from_its_beginning) {
  write("old.log", "ERROR before\nERROR before\n");
  auto follower = follow({"old.log", "new.log"});
  turn(follower);
  write("old.log", "ERROR after\nfine\n");
  write("new.log", "ERROR first\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{3, 2}));
  EXPECT_EQ(follower.blind(), "");
}

TEST_F(LogFollowerTest, counts_a_line_when_it_is_complete) {
  write("a.log", "fine\nERR");
  auto follower = follow({"a.log"});
  turn(follower);
  EXPECT_EQ(counted(), (Counts{0, 0}));
  write("a.log", "OR half before the first look");
  turn(follower, 1s);
  turn(follower, 5s);
  EXPECT_EQ(counted(), (Counts{0, 0}));
  write("a.log", "\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{1, 1})) << "matched as a whole, also what stood there before";
}

TEST_F(LogFollowerTest, counts_as_grep_does_in_any_pieces) {
  std::string text;
  for (int i = 0; i < 2'000; ++i) text += i % 7 == 0 ? "an ERROR\r\n" : i % 5 == 0 ? "\n" : "nothing to see\n";
  const Counts truth{2'000, 286};
  for (const std::size_t piece : {7UL, 4'096UL, text.size()}) {
    const auto name = std::to_string(piece) + ".log";
    const LogWriter writer(path(name));
    ErrorCounter counter;
    std::swap(counter, counter_);
    auto follower = follow({name});
    turn(follower);
    for (std::size_t at = 0; at < text.size(); at += piece) {
      writer.write(std::string_view(text).substr(at, piece));
      turn(follower, 1ms);
    }
    EXPECT_EQ(counted(), truth) << piece;
  }
}

TEST_F(LogFollowerTest, matches_a_long_line_on_its_beginning_and_counts_it_once) {
  auto follower = follow({"a.log"});
  turn(follower);
  write("a.log", "ERROR" + std::string(3U << 20U, 'x') + "\n" + std::string(3U << 20U, 'x') + "ERROR\nfine\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{3, 1}));
  EXPECT_EQ(gaps().find("skipped"), std::string::npos);
}

/// Of this process, without what files take.
std::size_t anonymous_kb() {
  std::ifstream status("/proc/self/status");
  std::string word;
  std::size_t kb = 0;
  while (status >> word) {
    if (word == "RssAnon:") status >> kb;
  }
  return kb;
}

TEST_F(LogFollowerTest, a_line_of_a_hundred_megabytes_is_one_and_takes_no_memory) {
  const LogWriter writer(path("a.log"));
  auto follower = follow({"a.log"});
  turn(follower);
  const std::string piece(1U << 20U, 'x');
  for (const auto* first : {"ERROR ", "fine "}) {
    writer.write(first);
    writer.write(piece);
    turn(follower);
    const auto before = anonymous_kb();
    for (int i = 0; i < 100; ++i) {
      writer.write(piece);
      turn(follower, 10ms);
    }
    EXPECT_LT(anonymous_kb(), before + 8'000);
    writer.write("ERROR\n");
    turn(follower);
  }
  EXPECT_EQ(counted(), (Counts{2, 1})) << "it is matched on its beginning";
  EXPECT_EQ(counter_.totals().long_lines, 2U);
}

TEST_F(LogFollowerTest, reads_a_bounded_part_in_one_call_and_says_that_there_is_more) {
  auto follower = follow({"big.log", "small.log"});
  turn(follower);
  std::string text;
  while (text.size() < 3 * limits::kReadBytesPerTurn) text += "ERROR " + std::string(993, 'x') + "\n";
  write("big.log", text);
  write("small.log", "ERROR\n");
  now_ += 250ms;
  EXPECT_TRUE(follower.read(now_, counter_));
  const auto first = counted();
  EXPECT_LE(first.lines, limits::kReadBytesPerTurn / 1'000 + 2);
  EXPECT_GT(first.lines, limits::kReadBytesPerTurn / 1'001) << "the small file had its turn too";
  EXPECT_TRUE(follower.read(now_, counter_));
  EXPECT_TRUE(follower.read(now_, counter_));
  EXPECT_FALSE(follower.read(now_, counter_));
  EXPECT_EQ(counted().errors, text.size() / 1'000 + 1);
}

TEST_F(LogFollowerTest, of_many_files_some_are_read_in_one_call_and_the_others_in_the_next) {
  constexpr std::size_t kFiles = 2 * limits::kReadBytesPerCall / limits::kReadBytesPerTurn;
  std::vector<std::string> names;
  names.reserve(kFiles);
  for (std::size_t i = 0; i < kFiles; ++i) names.push_back(std::to_string(i) + ".log");
  auto follower = follow(names);
  turn(follower);
  std::string text;
  while (text.size() < 2 * limits::kReadBytesPerTurn) text += std::string(999, 'x') + "\n";
  for (const auto& name : names) write(name, text + "ERROR\n");
  const auto a_call = limits::kReadBytesPerCall / 1'000;
  for (std::size_t call = 1; call <= 4; ++call) {
    now_ += 100ms;
    EXPECT_TRUE(follower.read(now_, counter_));
    EXPECT_NEAR(static_cast<double>(total().lines), static_cast<double>(call * a_call), 200) << call;
    // Every file has been begun before the first one goes on.
    if (call == 2) {
      for (const auto& file : follower.state(WallTime{}).files) EXPECT_GT(file.offset, 0U) << file.path;
    }
  }
  turn(follower);
  EXPECT_EQ(total().errors, kFiles);
}

TEST_F(LogFollowerTest, skips_a_backlog_but_its_newest_part_and_says_so) {
  auto follower = follow({"a.log"});
  write("a.log", "");
  turn(follower);
  std::string text;
  while (text.size() <= limits::kBacklogBytesMax) text += "ERROR " + std::string(993, 'x') + "\n";
  write("a.log", text);
  turn(follower);
  const auto counts = counted();
  EXPECT_EQ(counts.errors, counts.lines);
  EXPECT_EQ(counts.lines, limits::kReadBytesPerTurn / 1'000) << "whole lines of the newest part";
  const auto skipped = std::to_string(text.size() - limits::kReadBytesPerTurn);
  EXPECT_NE(gaps().find(path("a.log") + ": " + skipped + " bytes skipped"), std::string::npos) << gaps();
  write("a.log", "ERROR\n");
  turn(follower);
  EXPECT_EQ(counted().errors, counts.errors + 1);
}

TEST_F(LogFollowerTest, is_blind_until_the_file_and_its_folder_exist) {
  auto follower = follow({"logs/a.log"});
  turn(follower);
  EXPECT_EQ(follower.blind(), "cannot read " + path("logs/a.log") + ": no such folder yet: " + path("logs") +
                                  " (make it, or correct the source's path)");
  std::filesystem::create_directory(path("logs"));
  turn(follower, 1s);
  EXPECT_EQ(follower.blind(), "cannot read " + path("logs/a.log") +
                                  ": no such file yet (it is read as soon as the application writes it)");
  EXPECT_NE(gaps().find("no such file yet"), std::string::npos) << "the seconds say it too";
  write("logs/a.log", "ERROR\n");
  turn(follower);
  EXPECT_EQ(follower.blind(), "");
  EXPECT_EQ(counted(), (Counts{1, 1}));
}

TEST_F(LogFollowerTest, is_blind_without_a_source_without_a_rule_and_with_a_bad_rule) {
  agent::ApplicationSettings application;
  application.name = "shop";
  EXPECT_EQ(LogFollower(application).blind(), "no log file is configured (add [[application.shop.source]])");
  application.sources = {{.path = path("a.log")}};
  EXPECT_EQ(LogFollower(application).blind(), "no rule says what an error is (add [[application.shop.rule]])");
  application.rules = {{.name = "bad", .match = "(", .unless = ""}};
  LogFollower follower(application);
  EXPECT_EQ(follower.blind(), "rule bad: match = '(': missing ): (");
  turn(follower);
  EXPECT_NE(gaps().find("rule bad"), std::string::npos);
}

TEST_F(LogFollowerTest, an_unreadable_file_is_blind_with_the_remedy_and_heals) {
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  const LogWriter writer(path("a.log"));
  writer.write("ERROR before\n");
  ASSERT_EQ(::chmod(path("a.log").c_str(), 0), 0);
  auto follower = follow({"a.log"});
  {
    const Unprivileged somebody;
    turn(follower);
    EXPECT_EQ(follower.blind(), "cannot read " + path("a.log") +
                                    ": Permission denied (add the agent's user to group adm, or let it read the file "
                                    "and enter its folders)");
  }
  EXPECT_NE(gaps().find("Permission denied"), std::string::npos);
  writer.write("ERROR while blind\n");
  ASSERT_EQ(::chmod(path("a.log").c_str(), 0644), 0);
  {
    const Unprivileged somebody;
    turn(follower, 1s);
    EXPECT_EQ(follower.blind(), "");
    writer.write("ERROR seen\n");
    turn(follower);
  }
  EXPECT_EQ(counted(), (Counts{1, 1})) << "what was written while it could not be read is no burst of now";
}

TEST_F(LogFollowerTest, a_new_file_that_is_unreadable_for_a_moment_loses_nothing) {
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  auto follower = follow({"a.log"});
  turn(follower);
  write("a.log", "ERROR first\n");
  ASSERT_EQ(::chmod(path("a.log").c_str(), 0), 0);
  {
    const Unprivileged somebody;
    turn(follower);
    EXPECT_NE(follower.blind(), "");
  }
  ASSERT_EQ(::chmod(path("a.log").c_str(), 0644), 0);
  turn(follower);
  EXPECT_EQ(counted(), (Counts{1, 1}));
}

TEST_F(LogFollowerTest, what_was_written_while_a_new_file_was_unreadable_belongs_to_no_second) {
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  auto follower = follow({"a.log"});
  turn(follower);
  write("a.log", "ERROR long ago\n");
  ASSERT_EQ(::chmod(path("a.log").c_str(), 0), 0);
  for (int i = 0; i < 5; ++i) {
    const Unprivileged somebody;
    turn(follower, 1s);
  }
  ASSERT_EQ(::chmod(path("a.log").c_str(), 0644), 0);
  turn(follower);
  EXPECT_EQ(counted(), (Counts{0, 0})) << "a minute's errors in one second are no rate";
  EXPECT_EQ(late(), (Counts{1, 1}));
  EXPECT_EQ(total(), (Counts{1, 1}));
  EXPECT_EQ(follower.blind(), "");
}

TEST_F(LogFollowerTest, a_folder_that_may_not_be_entered_is_blind) {
  std::filesystem::create_directory(path("logs"));
  write("logs/a.log", "ERROR before\n");
  ASSERT_EQ(::chmod(folder_.c_str(), 0), 0);
  auto follower = follow({"logs/a.log", "logs/*.log"});
  {
    const Unprivileged somebody;
    turn(follower);
    const auto blind = follower.blind();
    EXPECT_NE(blind.find("cannot read " + path("logs/a.log") + ": Permission denied"), std::string::npos) << blind;
    EXPECT_NE(blind.find("cannot read " + path("logs") + ": Permission denied"), std::string::npos) << blind;
  }
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  turn(follower, 2s);
  EXPECT_EQ(follower.blind(), "");
  write("logs/a.log", "ERROR\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{1, 1})) << "read from its end, and once though two sources name it";
}

TEST_F(LogFollowerTest, refuses_what_is_no_log_file) {
  std::filesystem::create_directory(path("folder.log"));
  ASSERT_EQ(::mkfifo(path("pipe.log").c_str(), 0644), 0);
  std::filesystem::create_symlink(path("loop.log"), path("loop.log"));
  auto follower = follow({"folder.log", "pipe.log", "loop.log"});
  turn(follower);
  const auto blind = follower.blind();
  EXPECT_NE(blind.find("folder.log: it is not a regular file (name the log file)"), std::string::npos) << blind;
  EXPECT_NE(blind.find("pipe.log: it is not a regular file"), std::string::npos) << blind;
  EXPECT_NE(blind.find("loop.log: Too many levels of symbolic links"), std::string::npos) << blind;
}

TEST_F(LogFollowerTest, a_packed_file_is_no_log_whatever_its_name) {
  const std::string packed = "\x1f\x8b\x08 ERROR\n";
  write("a.log", packed);
  write("yesterday.log", packed);
  auto follower = follow({"a.log", "yest*.log"});
  turn(follower);
  EXPECT_EQ(follower.blind(), "cannot read " + path("a.log") +
                                  ": it is packed by gzip (name the log that is written); cannot read " +
                                  path("yest*.log") + ": no file fits yet (each is read as soon as it is there)");
  write("yest-new.log", "ERROR\n");
  std::filesystem::remove(path("a.log"));
  write("a.log", "ERROR\n");
  turn(follower, 1s);
  EXPECT_EQ(follower.blind(), "");
  EXPECT_EQ(total(), (Counts{2, 2}));
}

TEST_F(LogFollowerTest, a_pattern_that_only_folders_fit_is_blind) {
  std::filesystem::create_directory(path("old.log"));
  auto follower = follow({"*.log"});
  turn(follower);
  EXPECT_NE(follower.blind().find("no file fits yet"), std::string::npos) << follower.blind();
}

TEST_F(LogFollowerTest, a_pattern_follows_every_file_that_fits_and_later_ones_from_their_beginning) {
  write("a.log", "ERROR before\n");
  write("other.txt", "");
  std::filesystem::create_directory(path("dir.log"));
  auto follower = follow({"*.log"});
  turn(follower);
  EXPECT_EQ(follower.blind(), "");
  write("a.log", "ERROR\n");
  write("b.log", "ERROR\n");
  write("other.txt", "ERROR\n");
  write("c.log.1", "ERROR\n");
  write(".hidden.log", "ERROR\n");
  turn(follower, 1s);
  EXPECT_EQ(counted(), (Counts{2, 2}));
}

TEST_F(LogFollowerTest, a_pattern_without_a_file_is_blind) {
  auto follower = follow({"*.log"});
  turn(follower);
  EXPECT_EQ(follower.blind(),
            "cannot read " + path("*.log") + ": no file fits yet (each is read as soon as it is there)");
  write("b.log", "ERROR\n");
  turn(follower, 1s);
  EXPECT_EQ(follower.blind(), "");
  EXPECT_EQ(counted(), (Counts{1, 1}));
}

TEST_F(LogFollowerTest, one_file_with_two_names_counts_once) {
  write("a.log", "");
  std::filesystem::create_hard_link(path("a.log"), path("hard.log"));
  std::filesystem::create_symlink(path("a.log"), path("soft.log"));
  auto follower = follow({"soft.log", "a.log", "*.log"});
  turn(follower);
  write("a.log", "ERROR\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{1, 1}));
}

TEST_F(LogFollowerTest, two_files_that_begin_alike_are_two) {
  const std::string head(2'000, 'h');
  write("a.log", head);
  write("b.log", head);
  write("empty.log", "");
  auto follower = follow({"*.log"});
  turn(follower);
  for (const char* name : {"a.log", "b.log", "empty.log"}) write(name, "\nERROR\n");
  turn(follower);
  EXPECT_EQ(counted(), (Counts{6, 3}));
}

TEST_F(LogFollowerTest, lists_a_thousand_unreadable_sources_in_bounded_text) {
  std::vector<std::string> names;
  names.reserve(1'000);
  for (int i = 0; i < 1'000; ++i) names.push_back("missing-" + std::to_string(i));
  auto follower = follow(names);
  turn(follower);
  EXPECT_LT(follower.blind().size(), 1'100U);
  EXPECT_NE(follower.blind().find(" more"), std::string::npos);
}

/// nginx and PHP-FPM of one application: what PHP writes may stand in either, or in both.
class GroupTest : public LogTest {
 protected:
  [[nodiscard]] LogFollower follow_both() const {
    agent::ApplicationSettings application;
    application.name = "shop";
    application.sources = {{.path = path("nginx.log"), .preset = "nginx"},
                           {.path = path("php.log"), .preset = "php-fpm"}};
    return LogFollower(application);
  }
  void in_nginx() const {
    write(
        "nginx.log",
        "2026/05/01 10:00:00 [error] 7#7: *1 FastCGI sent in stderr: \"PHP message: PHP Fatal error:  x in /srv/a.php "
        "on line 3\" while reading response header from upstream\n");
  }
  void in_php() const { write("php.log", "[01-May-2026 10:00:00 UTC] PHP Fatal error:  x in /srv/a.php on line 3\n"); }
};

TEST_F(GroupTest, what_only_the_second_source_reports_counts) {
  write("nginx.log", "");
  write("php.log", "");
  auto follower = follow_both();
  turn(follower);
  for (int i = 0; i < 5; ++i) in_php();
  turn(follower);
  EXPECT_EQ(counted(), (Counts{.lines = 5, .errors = 5}));
}

TEST_F(GroupTest, what_both_report_counts_once_whoever_is_first) {
  write("nginx.log", "");
  write("php.log", "");
  auto follower = follow_both();
  turn(follower);
  for (int i = 0; i < 5; ++i) {
    in_php();
    in_nginx();
    turn(follower);
  }
  EXPECT_EQ(counted(), (Counts{.lines = 10, .errors = 5}));
}

TEST_F(GroupTest, a_source_that_has_had_none_for_a_while_does_not_keep_the_group) {
  write("nginx.log", "");
  write("php.log", "");
  auto follower = follow_both();
  turn(follower);
  in_nginx();
  turn(follower);
  turn(follower, std::chrono::seconds{1});
  for (int i = 0; i < 20; ++i) turn(follower);
  in_php();
  turn(follower);
  EXPECT_EQ(counted(), (Counts{.lines = 2, .errors = 2}));
}

}  // namespace
}  // namespace serin::count
