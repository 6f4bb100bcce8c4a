#include "agent/count/error_counter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "protocol/limits.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;
using Seconds = std::vector<SecondCounts>;

SteadyTime at(double seconds) {
  return SteadyTime{Duration{static_cast<std::int64_t>(seconds * 1'000)}};
}

TEST(ErrorCounter, has_every_finished_second_also_the_quiet_ones) {
  ErrorCounter counter;
  counter.advance(at(100.2));
  counter.add({.lines = 3, .errors = 1}, Written::lately);
  counter.add({.lines = 2, .errors = 0}, Written::lately);
  counter.advance(at(100.9));
  counter.add({.lines = 1, .errors = 1}, Written::lately);
  counter.advance(at(101.1));
  counter.advance(at(103.0));
  counter.add({.lines = 7, .errors = 7}, Written::lately);
  EXPECT_EQ(counter.seconds_since(0), (Seconds{{100, 2, 6}, {101, 0, 0}, {102, 0, 0}})) << "103 is not over";
  EXPECT_EQ(counter.seconds_since(102), (Seconds{{102, 0, 0}}));
  EXPECT_EQ(counter.seconds_since(103), Seconds{});
}

TEST(ErrorCounter, does_not_make_up_seconds_in_which_the_process_did_not_run) {
  ErrorCounter counter;
  counter.advance(at(100));
  counter.add({.lines = 1, .errors = 0}, Written::lately);
  counter.advance(at(110.5));
  counter.add({.lines = 50, .errors = 20}, Written::lately);
  counter.advance(at(111));
  EXPECT_EQ(counter.seconds_since(0), (Seconds{{100, 0, 1}, {110, 20, 50}}))
      << "101 to 109 are unknown; what was read late counts when it was read";
}

TEST(ErrorCounter, takes_a_pause_of_two_seconds_for_running_and_one_of_three_not) {
  ErrorCounter counter;
  counter.advance(at(10));
  counter.advance(at(12));
  counter.advance(at(15));
  counter.advance(at(16));
  EXPECT_EQ(counter.seconds_since(0), (Seconds{{10, 0, 0}, {11, 0, 0}, {12, 0, 0}, {15, 0, 0}}));
}

TEST(ErrorCounter, never_goes_back) {
  ErrorCounter counter;
  counter.advance(at(10));
  counter.advance(at(9));
  counter.add({.lines = 1, .errors = 1}, Written::lately);
  counter.advance(at(11));
  EXPECT_EQ(counter.seconds_since(0), (Seconds{{10, 1, 1}}));
}

TEST(ErrorCounter, keeps_the_last_two_minutes) {
  ErrorCounter counter;
  for (int second = 0; second <= 500; ++second) {
    counter.advance(at(second));
    counter.note_gap("x");
  }
  const auto seconds = counter.seconds_since(0);
  ASSERT_EQ(seconds.size(), 120U);
  EXPECT_EQ(seconds.front().second, 380);
  EXPECT_EQ(seconds.back().second, 499);
  EXPECT_EQ(counter.gap_in(379), "");
  EXPECT_EQ(counter.gap_in(380), "x");
}

TEST(ErrorCounter, counts_nothing_before_it_knows_the_time_and_never_wraps) {
  ErrorCounter counter;
  counter.add({.lines = 1, .errors = 1}, Written::lately);
  counter.note_gap("lost");
  EXPECT_EQ(counter.seconds_since(0), Seconds{});
  counter.advance(at(1));
  counter.add({.lines = std::numeric_limits<std::uint32_t>::max(), .errors = 1}, Written::lately);
  counter.add({.lines = 5, .errors = 1}, Written::lately);
  counter.advance(at(2));
  EXPECT_EQ(counter.seconds_since(0), (Seconds{{1, 2, std::numeric_limits<std::uint32_t>::max()}}));
  EXPECT_EQ(counter.gaps_since(0), "");
}

TEST(ErrorCounter, counts_a_seconds_rarest_messages_as_one_where_there_are_too_many) {
  ErrorCounter counter;
  counter.advance(at(100));
  constexpr std::size_t kMessages = 3 * limits::kSignaturesPerSecond;
  for (int turn = 0; turn < 4; ++turn) {
    for (std::size_t i = 0; i < kMessages; ++i) {
      const std::string text(1 + i, 'x');
      for (std::size_t times = 0; times <= i; ++times) {
        counter.signatures().add("rule-" + std::to_string(i / 40), text, at(100));
      }
    }
    counter.add({.errors = kMessages * (kMessages + 1) / 2}, Written::lately);
  }
  counter.advance(at(101));
  const auto second = counter.seconds_since(100).at(0);
  ASSERT_EQ(second.signatures.size(), limits::kSignaturesPerSecond);
  std::uint64_t sum = 0;
  std::uint32_t others = 0;
  for (const auto& counted : second.signatures) {
    sum += counted.count;
    if (counted.id == SignatureTable::others()) others = counted.count;
  }
  EXPECT_EQ(sum, second.errors);
  constexpr std::uint32_t kRare = kMessages - limits::kSignaturesPerSecond + 1;
  EXPECT_EQ(others, 4 * kRare * (kRare + 1) / 2);
  EXPECT_EQ(counter.signatures().find(SignatureTable::others())->text, "(other messages)");
  EXPECT_TRUE(std::ranges::is_sorted(second.signatures, {}, &SignatureCount::id));
}

TEST(ErrorCounter, a_gap_belongs_to_its_second_and_is_told_when_that_is_over) {
  ErrorCounter counter;
  counter.advance(at(10));
  counter.note_gap("a.log was truncated");
  counter.note_gap("a.log was truncated");
  EXPECT_EQ(counter.gaps_since(0), "");
  counter.advance(at(11));
  counter.note_gap("b.log skipped");
  counter.note_gap("a.log was truncated");
  counter.advance(at(12));
  counter.advance(at(13));
  EXPECT_EQ(counter.gap_in(10), "a.log was truncated");
  EXPECT_EQ(counter.gap_in(11), "b.log skipped; a.log was truncated");
  EXPECT_EQ(counter.gap_in(12), "");
  EXPECT_EQ(counter.gaps_since(0), "a.log was truncated; b.log skipped") << "each once";
  EXPECT_EQ(counter.gaps_since(12), "");
}

TEST(ErrorCounter, bounds_what_it_tells_of_gaps) {
  ErrorCounter counter;
  counter.advance(at(10));
  for (int i = 0; i < 1'000; ++i) counter.note_gap(std::to_string(i) + std::string(5'000, 'x'));
  counter.advance(at(11));
  EXPECT_LE(counter.gaps_since(0).size(), ErrorCounter::kGapBytesMax);
  EXPECT_EQ(counter.gaps_since(0).substr(0, 2), "0x");
}

}  // namespace
}  // namespace serin::count
