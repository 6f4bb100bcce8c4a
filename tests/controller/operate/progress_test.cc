#include "controller/operate/progress.h"

#include <gtest/gtest.h>

namespace serin::operate {
namespace {

using namespace std::chrono_literals;

OperatorEvent progress(const std::string& text) {
  return {.kind = "progress", .text = text, .json = R"({"event":"progress"})"};
}
OperatorEvent line(const std::string& text) {
  return {.kind = "line", .text = text, .json = R"({"event":"line"})"};
}
constexpr SteadyTime kStart{1h};

TEST(ProgressPrinter, on_a_terminal_the_progress_is_one_line_that_is_drawn_again) {
  ProgressPrinter printer({.terminal = true});
  EXPECT_EQ(printer.print(progress("ok 1, left 2"), kStart), "\r\x1b[Kok 1, left 2");
  EXPECT_EQ(printer.print(progress("ok 3"), kStart + 1ms), "\r\x1b[Kok 3");
}

TEST(ProgressPrinter, on_a_terminal_other_lines_take_the_place_of_the_progress) {
  ProgressPrinter printer({.terminal = true});
  EXPECT_EQ(printer.print(line("begins"), kStart), "begins\n");
  printer.print(progress("ok 1"), kStart);
  EXPECT_EQ(printer.print(line("web-01 is back\n"), kStart), "\r\x1b[Kweb-01 is back\n");
  EXPECT_EQ(printer.print(line("web-02 is back"), kStart), "web-02 is back\n") << "nothing is to be cleared any more";
  EXPECT_EQ(printer.print(progress("ok 2"), kStart), "\r\x1b[Kok 2");
}

TEST(ProgressPrinter, clears_the_line_before_something_else_is_written) {
  ProgressPrinter printer({.terminal = true});
  EXPECT_EQ(printer.clear(), "");
  printer.print(progress("ok 1"), kStart);
  EXPECT_EQ(printer.clear(), "\r\x1b[K");
  EXPECT_EQ(printer.clear(), "");
}

TEST(ProgressPrinter, a_line_that_is_wider_than_the_terminal_is_cut_by_characters) {
  ProgressPrinter printer({.terminal = true, .columns = 5});
  EXPECT_EQ(printer.print(progress("abcdef"), kStart), "\r\x1b[Kabcd");
  EXPECT_EQ(printer.print(progress("äöüß…"), kStart), "\r\x1b[Käöüß");
  EXPECT_EQ(printer.print(progress("äb"), kStart), "\r\x1b[Käb");
}

TEST(ProgressPrinter, elsewhere_a_line_is_written_when_the_deployment_moves_on) {
  ProgressPrinter printer({});
  EXPECT_EQ(printer.print(progress("shop r2 canary: ok 0, left 3"), kStart), "shop r2 canary: ok 0, left 3\n");
  EXPECT_EQ(printer.print(progress("shop r2 canary: ok 1, left 2"), kStart + 1s), "");
  EXPECT_EQ(printer.print(progress("shop r2 fleet: ok 3, left 9"), kStart + 2s), "shop r2 fleet: ok 3, left 9\n");
}

TEST(ProgressPrinter, elsewhere_a_line_that_changed_is_written_every_ten_seconds) {
  ProgressPrinter printer({});
  printer.print(progress("shop r2 fleet: ok 1"), kStart);
  EXPECT_EQ(printer.print(progress("shop r2 fleet: ok 2"), kStart + 9'999ms), "");
  EXPECT_EQ(printer.print(progress("shop r2 fleet: ok 3"), kStart + 10s), "shop r2 fleet: ok 3\n");
  EXPECT_EQ(printer.print(progress("shop r2 fleet: ok 4"), kStart + 19s), "");
  EXPECT_EQ(printer.print(progress("shop r2 fleet: ok 3"), kStart + 60s), "") << "nothing is new";
  EXPECT_EQ(printer.print(progress("shop r2 fleet: ok 5"), kStart + 61s), "shop r2 fleet: ok 5\n");
}

TEST(ProgressPrinter, elsewhere_no_byte_moves_a_cursor) {
  ProgressPrinter printer({});
  const std::string all = printer.print(progress("a: 1"), kStart) + printer.print(line("b"), kStart) +
                          printer.print(progress("c: 1"), kStart) + printer.clear();
  EXPECT_EQ(all, "a: 1\nb\nc: 1\n");
}

TEST(ProgressPrinter, as_json_every_event_is_one_line) {
  ProgressPrinter printer({.terminal = true, .json = true});
  EXPECT_EQ(printer.print(progress("ok 1"), kStart), "{\"event\":\"progress\"}\n");
  EXPECT_EQ(printer.print(progress("ok 1"), kStart), "{\"event\":\"progress\"}\n");
  EXPECT_EQ(printer.print(line("b\n"), kStart), "{\"event\":\"line\"}\n");
  EXPECT_EQ(printer.print({.kind = "begun", .text = "7"}, kStart), "") << "an event without JSON";
  EXPECT_EQ(printer.clear(), "");
}

TEST(ProgressPrinter, an_event_without_text_writes_nothing) {
  ProgressPrinter printer({.terminal = true});
  EXPECT_EQ(printer.print({.kind = "line"}, kStart), "");
}

}  // namespace
}  // namespace serin::operate
