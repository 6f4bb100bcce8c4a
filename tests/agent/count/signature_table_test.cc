#include "agent/count/signature_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <string>

#include "protocol/limits.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;

SteadyTime at(std::int64_t seconds) {
  return start_of(seconds);
}
/// A message of its own for each number: letters only, digits would be masked.
std::string message(unsigned number) {
  std::string text = "failed in ";
  for (int i = 0; i < 6; ++i, number /= 10) text += static_cast<char>('g' + number % 10);
  return text;
}
std::uint64_t sum_of(const std::vector<SignatureCount>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const SignatureCount& count) { return sum + count.count; });
}

TEST(SignatureTable, counts_each_message_under_one_id_whatever_rule_it_fits) {
  SignatureTable table;
  table.add("first", "cart 7 is gone", at(1));
  table.add("second", "cart 8 is gone", at(1));
  table.add("first", "no such user", at(1));
  const auto taken = table.take();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_LT(taken[0].id, taken[1].id);
  const auto id = Signature("cart 1 is gone").id();
  EXPECT_EQ(taken[taken[0].id == id ? 0 : 1].count, 2U);
  ASSERT_NE(table.find(id), nullptr);
  EXPECT_EQ(table.find(id)->rule, "first");
  EXPECT_EQ(table.find(id)->text, "cart <#> is gone");
  EXPECT_EQ(table.find(12345), nullptr);
  EXPECT_TRUE(table.take().empty()) << "only what is new";
  table.add("first", "cart 9 is gone", at(2));
  EXPECT_EQ(table.take(), (std::vector<SignatureCount>{{.id = id, .count = 1}}));
}

// Case 26 of the notes.
TEST(SignatureTable, stays_bounded_and_exact_on_a_hundred_thousand_messages) {
  SignatureTable table;
  std::uint64_t sum = 0;
  std::map<SignatureId, std::uint64_t> known;
  for (unsigned i = 0; i < 100'000; ++i) {
    table.add(i % 3 == 0 ? "a" : "b", message(i), at(i / 500));
    if (i % 700 == 0) {
      for (const auto& count : table.take()) {
        sum += count.count;
        known[count.id] += count.count;
      }
    }
  }
  sum += sum_of(table.take());
  EXPECT_EQ(sum, 100'000U);
  std::size_t kept = 0;
  for (const auto& [id, count] : known) kept += table.find(id) == nullptr ? 0U : 1U;
  EXPECT_LE(kept, limits::kSignaturesKept + 2);
  EXPECT_GT(table.other_events(), 99'000U);
}

TEST(SignatureTable, makes_fifty_new_messages_of_a_rule_in_a_minute_and_counts_the_rest_together) {
  SignatureTable table;
  for (unsigned i = 0; i < 60; ++i) table.add("php", message(i), at(100));
  table.add("java", message(1'000), at(100));
  auto taken = table.take();
  EXPECT_EQ(taken.size(), 50U + 1U + 1U);
  EXPECT_EQ(sum_of(taken), 61U);
  EXPECT_EQ(table.other_events(), 10U);
  const auto others = id_of_text("(other messages) of php");
  ASSERT_NE(table.find(others), nullptr);
  EXPECT_EQ(table.find(others)->rule, "php");
  EXPECT_EQ(table.find(others)->text, "(other messages)");
  table.add("php", message(3), at(159));
  table.add("php", message(70), at(159));
  taken = table.take();
  ASSERT_EQ(taken.size(), 2U) << "a known message is counted as itself all the time";
  EXPECT_EQ(table.other_events(), 11U);
  table.add("php", message(71), at(160));
  EXPECT_NE(table.find(Signature(message(71)).id()), nullptr) << "the minute is over";
}

TEST(SignatureTable, gives_the_place_of_the_rarest_away_and_what_it_counted_is_not_lost) {
  SignatureTable table;
  std::int64_t second = 0;
  unsigned number = 0;
  const auto frequent = message(999'999);
  for (int i = 0; i < 1'000; ++i) table.add("r", frequent, at(0));
  for (; number < 255; ++number) {
    if (number % 49 == 48) second += 60;
    table.add("r", message(number), at(second));
    table.add("r", message(number), at(second));
  }
  const auto first = table.take();
  EXPECT_EQ(sum_of(first), 1'000U + 2 * 255U);
  EXPECT_EQ(table.other_events(), 0U);
  second += 60;
  table.add("r", message(0), at(second));
  for (; number < 295; ++number) table.add("r", message(number), at(second));
  const auto taken = table.take();
  EXPECT_EQ(sum_of(taken), 41U);
  EXPECT_EQ(taken.size(), 41U);
  EXPECT_NE(table.find(Signature(frequent).id()), nullptr);
  std::size_t kept = 0;
  for (unsigned i = 0; i < number; ++i) kept += table.find(Signature(message(i)).id()) == nullptr ? 0U : 1U;
  EXPECT_EQ(kept, limits::kSignaturesKept - 1);
}

TEST(SignatureTable, adds_up_what_left_and_came_back_between_two_looks) {
  SignatureTable table;
  for (unsigned i = 0; i < 256; ++i) {
    table.add("r", message(i), at(std::int64_t{i / 40} * 60));
    if (i != 0) table.add("r", message(i), at(std::int64_t{i / 40} * 60));
  }
  table.take();
  table.add("r", message(0), at(1'000));
  table.add("r", message(300), at(1'000));  // takes some place
  for (unsigned i = 0; i < 40; ++i) table.add("r", message(400 + i), at(1'060));
  for (unsigned i = 0; i < 256; ++i) table.add("r", message(i), at(1'200 + i / 20 * 60));
  const auto taken = table.take();
  EXPECT_EQ(sum_of(taken), 2U + 40U + 256U);
  for (std::size_t i = 1; i < taken.size(); ++i) EXPECT_LT(taken[i - 1].id, taken[i].id) << "none twice";
}

TEST(SignatureTable, keeps_of_a_text_what_the_source_allows) {
  SignatureTable table;
  const std::string event = "mail to bob@example.org about \"cart\" failed";
  table.add("r", "A " + event, at(1), Samples::normalised);
  table.add("r", "B " + event, at(1), Samples::raw);
  table.add("r", "C " + event, at(1), Samples::off);
  EXPECT_EQ(table.find(Signature("A " + event).id())->text, "A mail to <email> about <q> failed");
  EXPECT_EQ(table.find(Signature("B " + event).id())->text, "B mail to <email> about \"cart\" failed");
  EXPECT_EQ(table.find(Signature("C " + event).id())->text, "");
  table.add("r", std::string(198, 'x') + "\u00e4\u00f6\u00fc", at(1));
  const auto* longest = table.find(Signature(std::string(198, 'x') + "\u00e4\u00f6\u00fc").id());
  ASSERT_NE(longest, nullptr);
  EXPECT_EQ(longest->text, std::string(198, 'x') + "\u00e4") << "at most 200 bytes, and no half letter";
}

}  // namespace
}  // namespace serin::count
