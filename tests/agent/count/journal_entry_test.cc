#include "agent/count/journal_entry.h"

#include <gtest/gtest.h>

#include <string>

namespace serin::count {
namespace {

std::string lines_of(const JournalEntry& entry) {
  std::string lines;
  append_as_lines(entry, lines);
  return lines;
}

TEST(JournalEntry, is_a_line_as_syslog_would_write_it) {
  EXPECT_EQ(lines_of({.priority = "3", .identifier = "php", .pid = "12", .message = "gone"}), "<3>php[12]: gone\n");
  EXPECT_EQ(lines_of({.priority = "", .identifier = "", .pid = "", .message = ""}), "<6>-: \n");
  EXPECT_EQ(lines_of({.priority = "33", .identifier = "a b\nc", .pid = "1\n2", .message = "x"}), "<6>a_b_c[1_2]: x\n");
}

TEST(JournalEntry, has_its_further_lines_indented) {
  EXPECT_EQ(lines_of({.priority = "3", .identifier = "java", .pid = "1", .message = "a\n\tat b\n\nc\r\n\n"}),
            "<3>java[1]: a\n<3>java[1]: \t\tat b\n<3>java[1]: \t\n<3>java[1]: \tc\n");
  EXPECT_EQ(lines_of({.priority = "3", .identifier = "x", .pid = "", .message = "  a\n b"}), "<3>x: a\n<3>x: \t b\n");
  EXPECT_EQ(lines_of({.priority = "3", .identifier = "x", .pid = "", .message = "  a"}), "<3>x:   a\n");
}

TEST(JournalEntry, is_bounded) {
  EXPECT_LE(lines_of({.priority = "3",
                      .identifier = std::string(9'999, 'i'),
                      .pid = std::string(9'999, '1'),
                      .message = std::string(999'999, '\n') + "x"})
                .size(),
            kJournalLineBytes);
  EXPECT_LE(lines_of({.priority = "3", .identifier = "i", .pid = "1", .message = std::string(999'999, 'x')}).size(),
            kJournalLineBytes);
}

TEST(JournalEntry, of_journald_itself_says_whose_messages_were_suppressed) {
  EXPECT_EQ(suppressed_unit("Suppressed 12 messages from php.service"), "php.service");
  EXPECT_EQ(suppressed_unit("Suppressed 12 messages from /system.slice/php.service"), "php.service");
  EXPECT_EQ(suppressed_unit("Missed 12 kernel messages"), std::nullopt);
}

}  // namespace
}  // namespace serin::count
