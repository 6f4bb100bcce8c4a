#include "agent/count/line_splitter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "protocol/limits.h"

namespace serin::count {
namespace {

using Lines = std::vector<std::string>;

void take(LineSplitter& splitter, std::string_view bytes, Lines& lines) {
  splitter.give(bytes);
  while (const auto line = splitter.next()) lines.emplace_back(*line);
}

/// The lines of `text` when it arrives `step` bytes at a time, in memory that is overwritten after each piece.
Lines lines_in_steps(const std::string& text, std::size_t step, bool finish = false) {
  LineSplitter splitter;
  Lines lines;
  std::string buffer;
  for (std::size_t at = 0; at < text.size(); at += step) {
    buffer = text.substr(at, step);
    take(splitter, buffer, lines);
    std::ranges::fill(buffer, '#');
  }
  if (finish) {
    if (const auto last = splitter.finish()) lines.emplace_back(*last);
  }
  return lines;
}

TEST(LineSplitter, gives_equal_lines_whatever_the_pieces) {
  const std::string text("one\n\ntwo\r\n\r\nthr\0ee\n\rfour\r\r\nhalf", 31);
  const Lines expected = {"one", "", "two", "", std::string("thr\0ee", 6), "\rfour\r"};
  for (std::size_t step = 1; step <= text.size(); ++step) EXPECT_EQ(lines_in_steps(text, step), expected) << step;
}

TEST(LineSplitter, keeps_a_half_line_until_its_rest_comes) {
  LineSplitter splitter;
  Lines lines;
  take(splitter, "half", lines);
  EXPECT_EQ(lines, Lines{});
  take(splitter, " a line\nnext", lines);
  EXPECT_EQ(lines, Lines{"half a line"});
}

TEST(LineSplitter, a_last_line_without_its_end_counts_when_the_file_is_finished) {
  EXPECT_EQ(lines_in_steps("a\nlast", 3, true), (Lines{"a", "last"}));
  EXPECT_EQ(lines_in_steps("a\nlast\n", 3, true), (Lines{"a", "last"}));
  EXPECT_EQ(lines_in_steps("", 3, true), Lines{});
}

TEST(LineSplitter, gives_a_longer_line_once_as_its_first_bytes) {
  constexpr auto kMost = limits::kLineBytesMatched;
  const std::string text = "ERROR" + std::string(40 * kMost, 'x') + "\nshort\n";
  for (const std::size_t step : {1'000UL, 4'096UL, kMost, kMost + 1, text.size()}) {
    const auto lines = lines_in_steps(text, step);
    ASSERT_EQ(lines.size(), 2U) << step;
    EXPECT_EQ(lines[0], text.substr(0, kMost)) << step;
    EXPECT_EQ(lines[1], "short") << step;
  }
}

TEST(LineSplitter, a_line_is_long_when_it_has_more_bytes_than_are_matched_not_counting_its_end) {
  constexpr auto kMost = limits::kLineBytesMatched;
  struct Case {
    std::string text;
    std::uint64_t long_lines;
    std::size_t bytes;
  };
  const std::vector<Case> cases = {{std::string(kMost, 'x') + "\n", 0, kMost},
                                   {std::string(kMost, 'x') + "\r\n", 0, kMost},
                                   {std::string(kMost, 'x') + "y\n", 1, kMost},
                                   {std::string(kMost, 'x') + "y\r\n", 1, kMost},
                                   {std::string(kMost - 1, 'x') + "\r\r\n", 0, kMost}};
  for (const auto& one : cases) {
    for (const std::size_t step : {std::size_t{1'000}, one.text.size()}) {
      LineSplitter splitter;
      Lines lines;
      for (std::size_t at = 0; at < one.text.size(); at += step) {
        take(splitter, std::string_view(one.text).substr(at, step), lines);
      }
      ASSERT_EQ(lines.size(), 1U);
      EXPECT_EQ(lines[0].size(), one.bytes);
      EXPECT_EQ(splitter.long_lines(), one.long_lines);
    }
  }
}

TEST(LineSplitter, after_a_skip_begins_with_the_next_whole_line) {
  LineSplitter splitter;
  Lines lines;
  take(splitter, "pending", lines);
  splitter.skip_to_next_line();
  take(splitter, "rest of something", lines);
  take(splitter, " else\nwhole\n", lines);
  EXPECT_EQ(lines, Lines{"whole"});
  splitter.skip_to_next_line();
  take(splitter, "torn", lines);
  EXPECT_EQ(splitter.finish(), std::nullopt) << "a torn line is not counted at the end either";
}

}  // namespace
}  // namespace serin::count
