#include "agent/count/journald_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "agent/count/log_file.h"
#include "protocol/limits.h"
#include "tests/agent/count/journal_fixture.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;

TEST_F(JournalTest, counts_what_comes_after_the_first_look_by_unit_and_priority) {
  write(entry("ERROR of long ago"));
  auto follower = open();
  source_.priority = 3;
  auto urgent = open();
  EXPECT_EQ(read_all(follower), 1);
  EXPECT_EQ(counter_.totals().lines, 0U);
  write(entry("ERROR one") + entry("quiet", {{"PRIORITY", "6"}}) + entry("ERROR debug", {{"PRIORITY", "7"}}) +
        entry("ERROR elsewhere", {{"_SYSTEMD_UNIT", "nginx.service"}}) +
        entry("Main process exited, ERROR", {{"_SYSTEMD_UNIT", "init.scope"}, {"_PID", "1"}, {"UNIT", "php.service"}}) +
        entry("of it", {{"_SYSTEMD_UNIT", "x.service"}, {"_UID", "0"}, {"OBJECT_SYSTEMD_UNIT", "php.service"}}));
  EXPECT_EQ(read_all(follower), 1);
  EXPECT_EQ(counter_.totals().lines, 5U);
  EXPECT_EQ(counter_.totals().errors, 3U);
  counter_ = {};
  counter_.advance(now_);
  EXPECT_EQ(read_all(urgent), 1);
  EXPECT_EQ(counter_.totals().lines, 3U) << "the others are not even read";
  EXPECT_EQ(counter_.totals().errors, 2U);
  EXPECT_EQ(gaps(), "");
}

TEST_F(JournalTest, goes_on_behind_its_cursor_exactly) {
  write(entry("before"));
  std::string cursor = open().cursor();
  std::uint64_t expected = 0;
  for (int i = 1; i <= 8; ++i) {
    if (i == 4) cursor = open(cursor).cursor();  // closed again without a look
    std::string entries;
    for (int k = 0; k < i; ++k)
      entries += entry(fmt::format("ERROR {}", k)) + entry("x", {{"_SYSTEMD_UNIT", "y.service"}});
    write(entries, i % 3 == 0 ? "b.journal" : "a.journal");
    expected += static_cast<std::uint64_t>(i);
    auto follower = open(cursor);
    read_all(follower);
    EXPECT_EQ(counter_.totals().lines, expected) << i;
    read_all(follower);
    EXPECT_EQ(counter_.totals().lines, expected);
    cursor = follower.cursor();
  }
  EXPECT_EQ(counter_.totals().errors, expected);
  EXPECT_EQ(gaps(), "");
}

// Python's logging writes each line of a traceback as an entry of its own.
TEST_F(JournalTest, an_event_of_several_entries_is_one_over_a_restart) {
  application_.rules = {{.name = "traceback", .match = "Traceback|Error: ", .unless = ""}};
  const std::vector<std::string> entries = {
      "Traceback (most recent call last):", "  File \"/srv/shop.py\", line 3, in pay", "    take(card)",
      "shop.PaymentError: refused"};
  for (std::size_t before = 1; before < entries.size(); ++before) {
    write(entry("begin"));
    const auto errors = counter_.totals().errors;
    agent::ApplicationSettings application = application_;
    application.sources = {source_};
    LogFollower first(application);
    first.read(now_, counter_);
    std::string written;
    for (std::size_t i = 0; i < before; ++i) written += entry(entries[i]);
    write(written);
    while (first.read(now_, counter_)) continue;
    LogFollower second(application);
    second.restore({.state = first.state(posix::wall_time()), .same_boot = true, .saved = {now_, posix::wall_time()}},
                   posix::wall_time());
    written.clear();
    for (std::size_t i = before; i < entries.size(); ++i) written += entry(entries[i]);
    write(written);
    while (second.read(now_, counter_)) continue;
    EXPECT_EQ(counter_.totals().errors, errors + 1) << before;
    now_ += 2s;
    counter_.advance(now_);
    second.read(now_, counter_);
    second.read(now_, counter_);
  }
  EXPECT_EQ(counter_.signatures().find(counter_.messages_since(0).at(0))->text.find("shop.PaymentError: refused"), 0U)
      << counter_.signatures().find(counter_.messages_since(0).at(0))->text;
}

TEST_F(JournalTest, goes_on_behind_its_cursor_after_a_reboot) {
  write(entry("before") + entry("before"));
  auto follower = open();
  write(entry("ERROR one") + entry("two"));
  read_all(follower);
  const auto cursor = follower.cursor();
  write(entry("ERROR when nobody looked"));
  reboot();
  write(entry("ERROR of the new boot") + entry("and another"));
  auto restarted = open(cursor);
  read_all(restarted);
  EXPECT_EQ(counter_.totals().lines, 5U);
  EXPECT_EQ(counter_.totals().errors, 3U);
  EXPECT_EQ(gaps(), "");
}

TEST_F(JournalTest, counts_everything_when_there_was_nothing_at_first) {
  auto follower = open();
  read_all(follower);
  const auto cursor = follower.cursor();
  EXPECT_TRUE(cursor.starts_with("since=")) << cursor;
  write(entry("ERROR one") + entry("two"));
  read_all(follower);
  EXPECT_EQ(counter_.totals().lines, 2U);
  auto restarted = open(cursor);
  read_all(restarted);
  EXPECT_EQ(counter_.totals().lines, 4U) << "the same entries, as if the first had never counted them";
}

TEST_F(JournalTest, follows_a_rotation) {
  write(entry("before"));
  auto follower = open();
  std::string many;
  for (int i = 0; i < 7'000; ++i) many += entry("ERROR in the old file");
  write(many);
  const auto more = follower.read(*matcher_, now_, counter_);
  ASSERT_TRUE(more) << more.error().text;
  EXPECT_TRUE(*more);
  EXPECT_EQ(counter_.totals().lines, limits::kJournalEntriesPerTurn);
  std::filesystem::rename(folder_ / "a.journal", folder_ / "a@0005f.journal");
  write(entry("ERROR in the new file"));
  read_all(follower);
  EXPECT_EQ(counter_.totals().errors, 7'001U);
  EXPECT_EQ(gaps(), "");
}

// Case 28 of the notes.
TEST_F(JournalTest, survives_a_vacuum_while_it_reads_and_says_that_entries_are_missing) {
  write(entry("before"));
  auto follower = open();
  std::string many;
  for (int i = 0; i < 7'000; ++i) many += entry("ERROR in the old file");
  write(many);
  ASSERT_TRUE(follower.read(*matcher_, now_, counter_));
  std::filesystem::remove(folder_ / "a.journal");
  write(entry("ERROR in the new file") + entry("and one"), "b.journal");
  EXPECT_LE(read_all(follower), 3);
  EXPECT_EQ(counter_.totals().lines, limits::kJournalEntriesPerTurn + 2);
  EXPECT_NE(gaps().find("removed before they could be read"), std::string::npos);
  write(entry("ERROR later"), "b.journal");
  read_all(follower);
  EXPECT_EQ(counter_.totals().lines, limits::kJournalEntriesPerTurn + 3);
}

TEST_F(JournalTest, goes_on_with_the_oldest_entry_when_that_of_its_cursor_is_gone) {
  write(entry("before"));
  const auto cursor = open().cursor();
  std::filesystem::remove(folder_ / "a.journal");
  write(entry("ERROR one") + entry("two"), "b.journal");
  auto follower = open(cursor);
  read_all(follower);
  EXPECT_EQ(counter_.totals().lines, 2U) << "none is taken for the old one";
  EXPECT_NE(gaps().find("removed before they could be read"), std::string::npos);
}

TEST_F(JournalTest, begins_at_the_end_when_the_cursor_is_none) {
  write(entry("ERROR before"));
  auto follower = open("rubbish");
  read_all(follower);
  write(entry("ERROR after"));
  read_all(follower);
  EXPECT_EQ(counter_.totals().lines, 1U);
  EXPECT_NE(gaps().find("read from its end"), std::string::npos);
}

TEST_F(JournalTest, counts_what_journald_suppressed_of_its_units) {
  auto follower = open();
  const Fields dropped = {{"_SYSTEMD_UNIT", "init.scope"},
                          {"SYSLOG_IDENTIFIER", "systemd-journald"},
                          {"MESSAGE_ID", "a596d6fe7bfa4994828e72309e95d61e"},
                          {"_TRANSPORT", "driver"},
                          {"PRIORITY", "6"},
                          {"N_DROPPED", "40"}};
  auto forged = dropped;
  forged["_TRANSPORT"] = "journal";
  source_.priority = 3;
  auto urgent = open(follower.cursor());
  write(entry("Suppressed 40 messages from php.service", dropped) +
        entry("Suppressed 40 messages from /system.slice/php.service", dropped) +
        entry("Suppressed 40 messages from nginx.service", dropped) +
        entry("Suppressed 40 messages from php.service", forged));
  read_all(follower);
  EXPECT_EQ(counter_.totals().suppressed, 80U);
  EXPECT_EQ(counter_.totals().lines, 0U);
  read_all(urgent);
  EXPECT_EQ(counter_.totals().suppressed, 160U) << "whatever the priority";
}

TEST_F(JournalTest, counts_a_message_of_any_bytes_lines_and_size_once) {
  auto follower = open();
  write(entry(std::string("\0\xff ERROR \x1b[1m\0", 14)) + entry("ERROR a\n  at b\n  at c\n") +
        entry(std::string(3'000'000, 'x') + " ERROR") + entry("ERROR" + std::string(300'000, 'y')) + entry(""));
  read_all(follower);
  EXPECT_EQ(counter_.totals().errors, 3U) << "the one at the end of 3 MB is not seen";
  EXPECT_EQ(gaps(), "");
}

TEST_F(JournalTest, tells_late_entries_from_new_ones) {
  auto follower = open("since=1");
  age_ = 10s;
  write(entry("ERROR old") + entry("old"));
  age_ = 0s;
  write(entry("ERROR new"));
  read_all(follower);
  EXPECT_EQ(counter_.totals().lines, 3U);
  EXPECT_EQ(counter_.totals().late_lines, 2U);
  EXPECT_EQ(counter_.totals().late_errors, 1U);
}

TEST_F(JournalTest, survives_a_damaged_file) {
  write(entry("before"));
  auto follower = open();
  std::string many;
  for (int i = 0; i < 2'000; ++i) many += entry(fmt::format("ERROR {} of the old file", i));
  write(many);
  {
    std::fstream file(folder_ / "a.journal", std::ios::in | std::ios::out | std::ios::binary);
    const std::string rubbish(64, '\x7f');
    for (int at = 100'000; at < 900'000; at += 5'000) file.seekp(at).write(rubbish.data(), 64);
  }
  for (int turn = 0; turn < 20; ++turn) look(follower);
  write(entry("ERROR in a good file"), "b.journal");
  const auto before = counter_.totals().errors;
  for (int turn = 0; turn < 20; ++turn) look(follower);
  EXPECT_EQ(counter_.totals().errors, before + 1);
  EXPECT_LE(before, 2'000U) << "none is counted twice";
}

TEST_F(JournalTest, is_a_source_beside_files) {
  application_.sources = {source_};
  LogFollower follower(application_);
  follower.read(now_, counter_);
  EXPECT_EQ(follower.blind(), "");
  write(entry("ERROR one") + entry("two"));
  follower.read(now_, counter_);
  EXPECT_EQ(counter_.totals().lines, 2U);
  EXPECT_EQ(counter_.totals().errors, 1U);
}

TEST_F(JournalTest, that_is_not_there_yet_is_blind_and_is_read_when_it_comes) {
  source_.journal_dir = (folder_ / "later").string();
  application_.sources = {source_};
  LogFollower follower(application_);
  follower.read(now_, counter_);
  EXPECT_EQ(follower.blind(), "cannot read the journal of php.service in " + source_.journal_dir + ": " +
                                  source_.journal_dir + ": No such file or directory");
  std::filesystem::create_directory(folder_ / "later");
  now_ += 1s;
  follower.read(now_, counter_);
  EXPECT_EQ(follower.blind(), "");
  write(entry("ERROR one"), "later/a.journal");
  follower.read(now_, counter_);
  EXPECT_EQ(counter_.totals().errors, 1U);
  EXPECT_NE(gaps().find("cannot read the journal"), std::string::npos);
}

TEST_F(JournalTest, says_what_is_needed_to_read_it) {
  write(entry("ERROR"));
  ASSERT_EQ(::chmod((folder_ / "a.journal").c_str(), 0), 0);
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  const bool is_root = ::geteuid() == 0;
  ASSERT_EQ(is_root ? ::seteuid(65'534) : 0, 0);
  const auto refused = JournalFollower::open(source_, "");
  ASSERT_EQ(is_root ? ::seteuid(0) : 0, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_EQ(refused.error().text,
            (folder_ / "a.journal").string() + ": Permission denied (add the agent's user to group systemd-journal)");
  source_.journal_dir = (folder_ / "none").string();
  const auto missing = JournalFollower::open(source_, "");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace serin::count
