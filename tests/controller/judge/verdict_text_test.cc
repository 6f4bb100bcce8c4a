#include "controller/judge/verdict_text.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fleet_of.h"

namespace serin::judge {
namespace {

TEST(VerdictText, rates_are_as_exact_as_people_read) {
  struct Row {
    double rate;
    std::string text;
  };
  for (const Row& row : {Row{0, "0"}, Row{0.0004, "under 0.001"}, Row{0.0123, "0.012"}, Row{0.5, "0.5"},
                         Row{0.996, "1.0"}, Row{4.08, "4.1"}, Row{9.96, "10"}, Row{84.3, "84"}, Row{12'345, "12345"}}) {
    EXPECT_EQ(rate_text(row.rate), row.text);
  }
}

TEST(VerdictText, odds_are_rounded_down) {
  struct Row {
    double odds;
    std::string text;
  };
  for (const Row& row :
       {Row{0.5, "1 in 1"}, Row{30, "1 in 30"}, Row{59.9, "1 in 59"}, Row{999, "1 in 990"}, Row{4'560, "1 in 4500"},
        Row{9'999, "1 in 9900"}, Row{10'000.1, "1 in 10^4"}, Row{5e6, "1 in 10^6"}}) {
    EXPECT_EQ(odds_text(std::log(row.odds)), row.text);
  }
}

TEST(VerdictText, a_comparison_says_both_rates_and_how_sure_the_ratio_is) {
  SequentialNumbers numbers{.ratio = 4.04,
                            .ratio_low = 3.1,
                            .ratio_high = 5.2,
                            .canary_rate = 4.1,
                            .control_rate = 1.0,
                            .controls = 9,
                            .canary_errors = 120,
                            .control_errors = 180};
  EXPECT_EQ(comparison_text(numbers, "canaries"),
            "canaries 4.1 errors/s/host, the rest 1.0: 4.0 times (95 % between 3.1 and 5.2)");
  numbers.capped = true;
  EXPECT_EQ(comparison_text(numbers, "batch 2"),
            "batch 2 4.1 errors/s/host, the rest 1.0: at least 4.0 times (95 % between 3.1 and 5.2)");
  numbers.control_errors = numbers.control_rate = 0;
  EXPECT_EQ(comparison_text(numbers, "canaries"), "canaries 4.1 errors/s/host, the rest 0: at least 3.1 times");
  numbers = {.controls = 9};
  EXPECT_EQ(comparison_text(numbers, "canaries"), "canaries 0 errors/s/host, the rest 0");
  EXPECT_EQ(comparison_text({.canary_rate = 4}, "canaries"),
            "canaries 4.0 errors/s/host, no other host to compare with");
}

TEST(VerdictText, names_the_new_messages_that_fail_first_and_three_at_most) {
  EXPECT_EQ(signatures_text({}), "");
  EXPECT_EQ(
      signatures_text({{"a", "Undefined index: user\x1b[2J", 9, 3, false},
                       {"b", "", 2, 2, true},
                       {"c", "", 30, 1, false},
                       {"d", "", 1, 2, false}}),
      "; top new messages: b (2 on 2 canaries), c (30 on 1 canary), Undefined index: user\\e[2J (9 on 3 canaries)");
}

TEST(VerdictText, says_how_many_new_messages_there_are_beyond_those_that_are_looked_at_one_by_one) {
  EXPECT_EQ(signatures_text({{.id = "others", .sample = "", .count = 400, .hosts = 5, .together = 130},
                             {.id = "a", .sample = "no such table", .count = 9, .hosts = 3}}),
            "; top new messages: no such table (9 on 3 canaries); 130 new messages more than are looked at one by one "
            "(400 on 5 canaries)");
}

TEST(VerdictText, a_fail_is_told_in_one_line_with_its_new_messages) {
  SequentialJudge judge({}, baseline_of(5, 30, 300, every(1)));
  judge.name_signatures({{"s1", "Call to undefined method", 40, 5, false}});
  const Verdict verdict =
      run(judge, seconds_of(35, 60, [](std::size_t host, std::size_t) { return host < 5 ? 10U : 1U; }));
  EXPECT_EQ(verdict.text.find('\n'), std::string::npos);
  EXPECT_TRUE(verdict.text.starts_with("canaries 10 errors/s/host, the rest 1.0: 10 times (95 % between "))
      << verdict.text;
  EXPECT_NE(verdict.text.find("; ruled out by chance 1 in 10^"), std::string::npos) << verdict.text;
  EXPECT_TRUE(verdict.text.ends_with("; sure after 5 s; top new messages: Call to undefined method (40 on 5 canaries)"))
      << verdict.text;
  ASSERT_EQ(verdict.hosts.size(), 5U);
  EXPECT_TRUE(verdict.hosts[0].over);
  EXPECT_DOUBLE_EQ(verdict.hosts[0].rate_before, 1);
  EXPECT_DOUBLE_EQ(verdict.hosts[0].rate_after, 10);
}

TEST(VerdictText, a_pass_says_what_it_rules_out) {
  SequentialJudge busy({}, baseline_of(5, 30, 300, every(1, 5)));
  EXPECT_NE(
      run(busy, seconds_of(35, 60, every(1, 5))).text.find("; as before (2 times as many: ruled out, chance 1 in "),
      std::string::npos);
  SequentialJudge silent({}, baseline_of(5, 30, 300, every(1, 0)));
  EXPECT_NE(run(silent, seconds_of(35, 60, every(1, 0)))
                .text.find("; as before (0.08 errors/s/host more: ruled out, chance 1 in "),
            std::string::npos);
}

}  // namespace
}  // namespace serin::judge
