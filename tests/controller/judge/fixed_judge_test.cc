#include "controller/judge/fixed_judge.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace serin::judge {
namespace {

using namespace std::chrono_literals;

const FixedJudgeSettings kSettings;  // wait 20 s, 10 times, floor 0.1/s, 60 s of baseline, 3 s of silence

/// 20 s with this many errors, after an hour with 0.2 errors and 10 lines a second: its limit is 40 errors.
CanaryEvidence canary(std::uint64_t errors, std::size_t number = 1) {
  return {.host = fmt::format("web-{:02}", number),
          .before = {.errors = 720, .lines = 36'000, .seconds = 3'600},
          .after = {.errors = errors, .lines = 200 + errors, .seconds = 20}};
}

Verdict judge(const std::vector<CanaryEvidence>& canaries, const FixedJudgeSettings& settings = kSettings) {
  return judge_fixed(settings, canaries, 20s);
}

Answer answer_of(const CanaryEvidence& evidence) {
  return judge({evidence}).answer;
}

TEST(FixedJudge, says_nothing_before_the_wait_is_over) {
  const Verdict early = judge_fixed(kSettings, {canary(1'000)}, 19'999ms);
  EXPECT_EQ(early.answer, Answer::undecided);
  EXPECT_EQ(early.text, "19 s of 20s waited");
  EXPECT_EQ(judge_fixed(kSettings, {}, 0s).answer, Answer::undecided);
  EXPECT_EQ(judge_fixed(kSettings, {canary(1'000)}, 20s).answer, Answer::fail);
}

TEST(FixedJudge, a_canary_is_over_above_ten_times_its_own_rate_and_not_at_it) {
  EXPECT_EQ(answer_of(canary(40)), Answer::pass);
  EXPECT_EQ(answer_of(canary(41)), Answer::fail);
}

TEST(FixedJudge, a_silent_canary_is_over_above_the_floor_and_not_at_it) {
  CanaryEvidence evidence = canary(2);
  evidence.before.errors = 0;
  EXPECT_EQ(answer_of(evidence), Answer::pass);
  evidence.after.errors = 3;
  EXPECT_EQ(answer_of(evidence), Answer::fail);
}

TEST(FixedJudge, the_limit_does_not_move_by_rounding) {
  // 0.07 x 10 is 0.7000000000000001 and 0.29 x 100 is 28.999999999999996 in binary.
  for (std::uint64_t errors = 1; errors < 100; ++errors) {
    CanaryEvidence evidence = canary(2 * errors);
    evidence.before = {.errors = errors, .lines = 1'000, .seconds = 100};
    EXPECT_EQ(answer_of(evidence), Answer::pass) << errors;
    ++evidence.after.errors;
    EXPECT_EQ(answer_of(evidence), Answer::fail) << errors;
  }
}

TEST(FixedJudge, fails_at_a_quarter_of_the_canaries_rounded_up) {
  struct Row {
    std::size_t canaries, enough;
  };
  for (const Row row : {Row{1, 1}, Row{2, 1}, Row{4, 1}, Row{5, 2}, Row{8, 2}, Row{9, 3}}) {
    for (std::size_t over = 0; over <= row.canaries; ++over) {
      std::vector<CanaryEvidence> canaries;
      for (std::size_t i = 1; i <= row.canaries; ++i) canaries.push_back(canary(i <= over ? 41 : 40, i));
      EXPECT_EQ(judge(canaries).answer, over >= row.enough ? Answer::fail : Answer::pass)
          << over << " of " << row.canaries;
    }
  }
}

TEST(FixedJudge, fails_at_the_number_that_is_configured) {
  auto settings = kSettings;
  settings.hosts_over = 3;
  EXPECT_EQ(judge({canary(41, 1), canary(41, 2), canary(40, 3), canary(40, 4)}, settings).answer, Answer::pass);
  EXPECT_EQ(judge({canary(41, 1), canary(41, 2), canary(41, 3), canary(40, 4)}, settings).answer, Answer::fail);
  // More than there are canaries: all of them are enough.
  EXPECT_EQ(judge({canary(41, 1), canary(41, 2)}, settings).answer, Answer::fail);
  EXPECT_EQ(judge({canary(41, 1), canary(40, 2)}, settings).answer, Answer::pass);
}

TEST(FixedJudge, every_number_of_the_rule_is_configurable) {
  auto settings = kSettings;
  settings.threshold = 2;
  settings.floor = 0.05;
  EXPECT_EQ(judge({canary(8)}, settings).answer, Answer::pass);
  EXPECT_EQ(judge({canary(9)}, settings).answer, Answer::fail);
  settings.floor = 5;
  EXPECT_EQ(judge({canary(100)}, settings).answer, Answer::pass);
  EXPECT_EQ(judge({canary(101)}, settings).answer, Answer::fail);
  settings.wait = 21s;
  EXPECT_EQ(judge({canary(101)}, settings).answer, Answer::undecided);
}

TEST(FixedJudge, silence_of_more_than_three_seconds_is_inconclusive) {
  CanaryEvidence evidence = canary(0);
  evidence.longest_silence_s = 3;
  EXPECT_EQ(answer_of(evidence), Answer::pass);
  evidence.longest_silence_s = 4;
  const Verdict verdict = judge({evidence});
  EXPECT_EQ(verdict.answer, Answer::inconclusive);
  EXPECT_EQ(verdict.reason, "no-report");
  EXPECT_EQ(verdict.text,
            "cannot tell for 1 of 1 canary: web-01 sent no report for 4 s (3s may be missing); see `serin status` for "
            "the host's connection");
  EXPECT_EQ(verdict.hosts[0].trouble, "sent no report for 4 s (3s may be missing)");
}

TEST(FixedJudge, no_second_at_all_is_no_report) {
  CanaryEvidence evidence = canary(0);
  evidence.after = {};
  EXPECT_EQ(judge({evidence}).reason, "no-report");
}

TEST(FixedJudge, a_gap_that_the_host_reported_is_inconclusive) {
  CanaryEvidence evidence = canary(0);
  evidence.gap = "cannot read /var/log/shop.log\x1b";
  const Verdict verdict = judge({evidence});
  EXPECT_EQ(verdict.answer, Answer::inconclusive);
  EXPECT_EQ(verdict.reason, "gap");
  EXPECT_EQ(verdict.text.find('\x1b'), std::string::npos);
}

TEST(FixedJudge, less_than_a_minute_of_trusted_baseline_is_inconclusive) {
  CanaryEvidence evidence = canary(0);
  evidence.before.seconds = 60;
  EXPECT_EQ(answer_of(evidence), Answer::pass);
  evidence.before.seconds = 59;
  EXPECT_EQ(judge({evidence}).reason, "no-baseline");
  EXPECT_EQ(judge({evidence}).hosts[0].trouble, "has 59 s of trusted baseline, 1m are needed");
}

TEST(FixedJudge, a_canary_without_any_baseline_is_not_over_but_inconclusive) {
  CanaryEvidence evidence = canary(1'000);
  evidence.before = {};
  const Verdict verdict = judge({evidence});
  EXPECT_EQ(verdict.answer, Answer::inconclusive);
  EXPECT_EQ(verdict.reason, "no-baseline");
}

TEST(FixedJudge, no_line_where_five_were_to_be_expected_is_inconclusive) {
  CanaryEvidence evidence = canary(0);
  evidence.before = {.errors = 0, .lines = 900, .seconds = 3'600};  // 5 lines in 20 s
  evidence.after.lines = 0;
  EXPECT_EQ(judge({evidence}).answer, Answer::inconclusive);
  EXPECT_EQ(judge({evidence}).reason, "no-traffic");
  EXPECT_EQ(judge({evidence}).hosts[0].trouble, "wrote no line at all where 5 were to be expected");
  evidence.after.lines = 1;
  EXPECT_EQ(judge({evidence}).answer, Answer::pass);
  evidence.after.lines = 0;
  evidence.before.lines = 899;
  EXPECT_EQ(judge({evidence}).answer, Answer::pass);
}

TEST(FixedJudge, a_fail_stands_whatever_the_other_canaries_lack) {
  CanaryEvidence silent = canary(0, 1);
  silent.longest_silence_s = 20;
  CanaryEvidence blind = canary(0, 2);
  blind.gap = "cannot read /var/log/shop.log";
  CanaryEvidence fresh = canary(0, 3);
  fresh.before = {};
  EXPECT_EQ(judge({silent, blind, fresh, canary(41, 4)}).answer, Answer::fail);
  EXPECT_EQ(judge({silent, blind, fresh, canary(40, 4)}).answer, Answer::inconclusive);
  EXPECT_EQ(judge({silent, blind, fresh, canary(40, 4)}).reason, "no-report");
  EXPECT_EQ(judge({fresh, blind, canary(40, 4)}).reason, "gap");
}

TEST(FixedJudge, one_over_among_too_few_is_inconclusive_when_another_cannot_tell) {
  CanaryEvidence silent = canary(0, 5);
  silent.longest_silence_s = 20;
  EXPECT_EQ(judge({canary(41, 1), canary(0, 2), canary(0, 3), canary(0, 4), silent}).answer, Answer::inconclusive);
}

TEST(FixedJudge, no_canary_is_inconclusive) {
  EXPECT_EQ(judge({}).answer, Answer::inconclusive);
  EXPECT_EQ(judge({}).reason, "no-canary");
}

TEST(FixedJudge, a_fleet_too_silent_to_tell_passes_and_says_so) {
  CanaryEvidence evidence = canary(0);
  evidence.before = {.errors = 0, .lines = 90, .seconds = 3'600};
  evidence.after.lines = 1;
  const Verdict verdict = judge({evidence});
  EXPECT_EQ(verdict.answer, Answer::pass);
  EXPECT_EQ(verdict.reason, "quiet");
  EXPECT_EQ(verdict.text,
            "1 canary wrote 1 line in 20 s where 0.5 were to be expected: no alarm, but too silent to tell; a longer "
            "--wait tells more");
}

TEST(FixedJudge, few_lines_of_many_canaries_together_are_not_too_silent) {
  std::vector<CanaryEvidence> canaries;
  for (std::size_t i = 1; i <= 5; ++i) {
    canaries.push_back(canary(0, i));
    canaries.back().before = {.errors = 0, .lines = 180, .seconds = 3'600};  // 1 line in 20 s
    canaries.back().after.lines = 0;
  }
  EXPECT_EQ(judge(canaries).reason, "as-before");
  canaries.pop_back();
  EXPECT_EQ(judge(canaries).reason, "quiet");
}

TEST(FixedJudge, a_verdict_has_its_numbers) {
  const Verdict verdict = judge({canary(82, 1), canary(0, 2), canary(60, 3)});
  EXPECT_EQ(
      verdict,
      (Verdict{.answer = Answer::fail,
               .judge = "fixed",
               .reason = "over",
               .text = "2 of 3 canaries log more errors: web-01 4.10/s against 0.20/s before (limit 2.00/s), web-03 "
                       "3.00/s against 0.20/s before (limit 2.00/s); 1 over the limit is enough to fail",
               .seconds = 20,
               .hosts = {{"web-01", 0.2, 4.1, 2.0, true, ""},
                         {"web-02", 0.2, 0.0, 2.0, false, ""},
                         {"web-03", 0.2, 3.0, 2.0, true, ""}}}));
}

TEST(FixedJudge, a_pass_has_its_numbers_and_names_who_is_over_alone) {
  EXPECT_EQ(judge({canary(4, 1), canary(8, 2)}).text, "2 canaries log 0.30 errors/s each, 0.20/s before, over 20 s");
  const Verdict one_over = judge({canary(82, 1), canary(4, 2), canary(4, 3), canary(4, 4), canary(4, 5)});
  EXPECT_EQ(one_over.answer, Answer::pass);
  EXPECT_TRUE(one_over.text.ends_with("; over its limit, too few to fail: web-01 4.10/s (limit 2.00/s)"))
      << one_over.text;
}

TEST(FixedJudge, a_source_that_cannot_tell_is_inconclusive_with_its_own_reason_and_never_hides_a_fail) {
  CanaryEvidence behind = canary(0, 2);
  behind.after = {};
  behind.gap = "has its newest document 70 s before the question";
  behind.gap_reason = "behind";
  const Verdict unknown = judge({canary(4), behind});
  EXPECT_EQ(unknown.answer, Answer::inconclusive);
  EXPECT_EQ(unknown.reason, "behind");
  EXPECT_EQ(unknown.text,
            "cannot tell for 1 of 2 canaries: web-02 has its newest document 70 s before the question; `serin evidence "
            "test` asks the source now");
  EXPECT_EQ(judge({canary(41), behind}).answer, Answer::fail);
}

TEST(FixedJudge, without_lines_their_absence_says_nothing) {
  CanaryEvidence evidence{.host = "web-01",
                          .before = {.errors = 0, .lines = 0, .seconds = 3'600},
                          .after = {.errors = 0, .lines = 0, .seconds = 20}};
  EXPECT_EQ(judge({evidence}).reason, "quiet");
  evidence.lines_known = false;
  EXPECT_EQ(judge({evidence}).reason, "as-before");
}

TEST(FixedJudge, rates_are_of_reported_seconds_only) {
  CanaryEvidence evidence = canary(40);
  evidence.after.seconds = 17;  // three seconds have no report: 40 errors in 17 s
  evidence.longest_silence_s = 3;
  EXPECT_EQ(answer_of(evidence), Answer::fail);
}

}  // namespace
}  // namespace serin::judge
