#include "controller/judge/sequential_judge.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <random>

#include "fleet_of.h"

namespace serin::judge {
namespace {

using namespace std::chrono_literals;

/// 300 s with `before`, then `after` until it is decided or `seconds` are over.
Verdict judge(std::size_t canaries, std::size_t controls, const Errors& before, const Errors& after,
              std::size_t seconds = 60, const SequentialSettings& settings = {}) {
  SequentialJudge judge(settings, baseline_of(canaries, controls, 300, before));
  return run(judge, seconds_of(canaries + controls, seconds, after));
}

/// As `usual`, and canaries below `canaries` log `more` besides.
Errors canaries_log(std::size_t canaries, std::uint64_t more, const Errors& usual) {
  return [=](std::size_t host, std::size_t second) { return usual(host, second) + (host < canaries ? more : 0); };
}

TEST(SequentialJudge, says_nothing_while_it_settles) {
  EXPECT_EQ(said(judge(5, 30, every(1), canaries_log(5, 1'000, every(1)), 4)), "undecided 4");
  EXPECT_EQ(said(judge(5, 30, every(1), canaries_log(5, 1'000, every(1)), 5)), "fail 5");
}

TEST(SequentialJudge, fails_ten_times_as_many_errors_in_the_fifth_second) {
  EXPECT_EQ(said(judge(5, 30, every(1), canaries_log(5, 9, every(1)))), "fail 5");
}

TEST(SequentialJudge, passes_a_busy_fleet_that_goes_on_as_before_in_the_eighth_second) {
  EXPECT_EQ(said(judge(5, 30, every(1, 50), every(1, 50))), "pass 8");
}

TEST(SequentialJudge, passes_a_silent_fleet_on_its_traffic_alone) {
  // l2 with lam about 0: 0.08 T x 5 >= ln 50, and without one canary 0.08 T x 4 >= ln 6: 10 s of evidence and some.
  const Verdict verdict = judge(5, 30, every(1, 0), every(1, 0));
  EXPECT_EQ(verdict.answer, Answer::pass);
  EXPECT_NEAR(verdict.seconds, 3 + std::log(50.0) / (0.08 * 5), 4);
}

TEST(SequentialJudge, an_outage_of_all_is_no_fault_of_the_release) {
  EXPECT_EQ(judge(5, 30, every(1), every(1, 40)).answer, Answer::pass);
  EXPECT_EQ(said(judge(5, 30, every(1), canaries_log(5, 360, every(1, 40)))), "fail 5");
}

TEST(SequentialJudge, a_hundredfold_inside_an_outage_is_not_hidden_by_the_cap) {
  EXPECT_EQ(said(judge(5, 30, every(1), canaries_log(5, 3'960, every(1, 40)))), "fail 5");
}

TEST(SequentialJudge, one_loud_canary_never_fails_alone_and_holds_the_pass_of_a_pair) {
  EXPECT_EQ(judge(5, 30, every(1), canaries_log(1, 300, every(1))).answer, Answer::inconclusive);
  EXPECT_EQ(judge(5, 30, every(1), canaries_log(1, 300, every(1))).reason, "one-canary");
  EXPECT_EQ(judge(2, 6, every(1), canaries_log(1, 300, every(1))).reason, "one-canary");
}

TEST(SequentialJudge, a_canary_that_was_loud_and_is_calm_again_does_not_forbid_a_pass) {
  const auto early = [](std::size_t host, std::size_t second) { return host == 0 && second < 10 ? 301U : 1U; };
  const Verdict verdict = judge(5, 30, every(1), early);
  EXPECT_EQ(verdict.answer, Answer::pass);
  ASSERT_EQ(verdict.numbers->set_aside.size(), 1U);
  EXPECT_EQ(verdict.numbers->set_aside[0],
            (SetAside{"c0", Role::canary, "logs far more errors than the other canaries"}));
}

TEST(SequentialJudge, one_loud_control_is_set_aside_and_hides_no_fault) {
  const auto loud = [](std::size_t host, std::size_t) { return host == 7 ? 500U : host < 5 ? 10U : 1U; };
  const Verdict verdict = judge(5, 30, every(1), loud);
  EXPECT_EQ(said(verdict), "fail 5");
  ASSERT_EQ(verdict.numbers->set_aside.size(), 1U);
  EXPECT_EQ(verdict.numbers->set_aside[0].host, "k2");
}

TEST(SequentialJudge, a_burst_that_is_over_is_no_fail_as_it_is_not_live) {
  // Ten errors a second on each canary until second 4, then none: seconds 3 and 4 are evidence.
  const auto burst = [](std::size_t host, std::size_t second) { return host < 5 ? (second < 4 ? 10U : 0U) : 1U; };
  SequentialSettings settings;
  settings.min_fail = 4s;
  SequentialJudge judge(settings, baseline_of(5, 30, 300, every(1)));
  for (std::size_t t = 0; t < 12; ++t) {
    judge.add_second(second_of(35, t, burst));
    EXPECT_EQ(judge.state().live, t == 3 || t == 4 || t == 5) << t;
  }
  EXPECT_NE(judge.verdict().answer, Answer::fail);
}

TEST(SequentialJudge, a_fail_must_hold_for_two_seconds_in_a_row) {
  SequentialJudge judge(as_specified(), baseline_of(5, 30, 300, every(1)));
  for (std::size_t t = 0; t < 4; ++t) judge.add_second(second_of(35, t, canaries_log(5, 9, every(1))));
  EXPECT_TRUE(judge.state().fail_holds);
  EXPECT_EQ(judge.fail_seconds(), 1U);
  EXPECT_EQ(judge.verdict().answer, Answer::undecided);
  judge.add_second(second_of(35, 4, [](std::size_t host, std::size_t) { return host < 5 ? 0U : 60U; }));
  EXPECT_EQ(judge.fail_seconds(), 0U);
}

TEST(SequentialJudge, too_small_an_excess_is_no_fail_however_sure) {
  SequentialSettings settings;
  settings.excess_fail = 3;
  EXPECT_NE(judge(5, 30, every(1), canaries_log(5, 2, every(1)), 60, settings).answer, Answer::fail);
  EXPECT_EQ(judge(5, 30, every(1), canaries_log(5, 4, every(1)), 60, settings).answer, Answer::fail);
}

TEST(SequentialJudge, some_evidence_of_a_fault_vetoes_a_pass) {
  SequentialSettings settings;
  settings.veto_odds = 1e-99;  // everything vetoes
  EXPECT_NE(judge(5, 30, every(1), every(1), 60, settings).answer, Answer::pass);
}

TEST(SequentialJudge, one_canary_fails_on_more_evidence_than_two) {
  const Verdict verdict = judge(1, 30, every(1), canaries_log(1, 9, every(1)));
  EXPECT_EQ(verdict.answer, Answer::fail);
  EXPECT_GE(verdict.numbers->fail_evidence, std::log(12.0) + 2);
  EXPECT_DOUBLE_EQ(verdict.numbers->fail_evidence - verdict.numbers->fail_evidence_without_one, 2);
  EXPECT_EQ(judge(1, 30, every(1), every(1)).answer, Answer::pass);
}

TEST(SequentialJudge, what_it_asks_without_one_canary_depends_on_their_number_and_the_fleets_calm) {
  struct Row {
    std::size_t canaries, controls;
    double odds;
  };
  for (const Row row : {Row{1, 6, 12}, Row{2, 6, 3}, Row{2, 2, 12}, Row{3, 6, 4}, Row{3, 2, 4}}) {
    SequentialJudge judge(as_specified(), baseline_of(row.canaries, row.controls, 300, every(1)));
    for (std::size_t t = 0; t < 5; ++t) judge.add_second(second_of(row.canaries + row.controls, t, every(1)));
    EXPECT_DOUBLE_EQ(judge.state().fail_needs_without_one, std::log(row.odds)) << row.canaries << "+" << row.controls;
    EXPECT_DOUBLE_EQ(judge.state().fail_needs, std::log(30));
    EXPECT_EQ(judge.state().fail_needs_seconds, 2U);
  }
}

TEST(SequentialJudge, two_canaries_that_agree_in_a_quiet_fleet_bear_each_other_out) {
  struct Row {
    std::string name;
    std::size_t canaries;
    std::uint64_t before;  ///< errors every other second of each host
    Errors after;
    double odds, odds_without_one;
    std::size_t seconds;
  };
  const auto loud = [](std::size_t host, std::size_t) { return host == 0 ? 30U : 1U; };
  for (const Row& row :
       {Row{"even", 2, 2, every(2, 2), 10, 1, 2}, Row{"one is loud", 2, 2, loud, 30, 3, 2},
        Row{"controls hardly log", 2, 0, every(90), 10, 1, 4}, Row{"three", 3, 2, every(2, 2), 30, 4, 2}}) {
    SequentialJudge judge({}, baseline_of(row.canaries, 6, 300, every(2, row.before)));
    for (std::size_t t = 0; t < 7; ++t) judge.add_second(second_of(row.canaries + 6, t, row.after));
    ASSERT_TRUE(judge.state().controls.quiet) << row.name;
    EXPECT_DOUBLE_EQ(judge.state().fail_needs, std::log(row.odds)) << row.name;
    EXPECT_DOUBLE_EQ(judge.state().fail_needs_without_one, std::log(row.odds_without_one)) << row.name;
    EXPECT_EQ(judge.state().fail_needs_seconds, row.seconds) << row.name;
  }
}

TEST(SequentialJudge, the_virtual_control_helps_only_a_calm_fleet) {
  SequentialJudge judge({}, baseline_of(2, 6, 300, every(100)));
  for (std::size_t t = 0; t < 6; ++t) judge.add_second(second_of(8, t, every(1, 0)));
  EXPECT_TRUE(judge.state().controls.quiet);
  EXPECT_EQ(judge.state().controls.calm_errors, 6);
  for (std::size_t t = 6; t < 12; ++t) judge.add_second(second_of(8, t, every(1)));  // a hundredfold, everywhere
  EXPECT_FALSE(judge.state().controls.quiet);
  EXPECT_EQ(judge.state().controls.calm_errors, 0);
}

TEST(SequentialJudge, one_control_never_passes_and_may_fail) {
  EXPECT_EQ(said(judge(2, 1, every(1, 50), every(1, 50))), "inconclusive 60 few-controls");
  EXPECT_EQ(judge(2, 1, every(1), canaries_log(2, 99, every(1))).answer, Answer::fail);
}

TEST(SequentialJudge, without_lines_error_lines_are_the_only_proof_of_traffic) {
  const auto without_lines = [](const Errors& after) {
    Baseline baseline = baseline_of(3, 12, 300, every(2));
    baseline.lines_known = false;
    SequentialJudge judge({}, baseline);
    return said(run(judge, seconds_of(15, 60, after)));
  };
  EXPECT_TRUE(without_lines(every(2)).starts_with("pass"));
  EXPECT_EQ(without_lines(every(1, 0)), "inconclusive 60 too-few-errors");
  // One canary without a single error proves nothing of itself.
  EXPECT_EQ(without_lines([](std::size_t host, std::size_t t) { return host == 0 ? 0 : every(2)(host, t); }),
            "inconclusive 60 too-few-errors");
}

TEST(SequentialJudge, a_canary_without_a_good_line_before_counts_as_one_without_lines) {
  Baseline baseline = baseline_of(3, 12, 300, every(50));
  for (Counts& counts : baseline.hosts[1].seconds) counts.lines = counts.errors;
  SequentialJudge silent({}, baseline);
  const auto not_on_1 = [](std::size_t host, std::size_t t) { return host == 1 ? 0 : every(50)(host, t); };
  EXPECT_EQ(said(run(silent, seconds_of(15, 60, not_on_1))), "inconclusive 60 too-few-errors");
}

TEST(SequentialJudge, a_silent_canary_never_passes_and_missing_seconds_are_not_zeros) {
  SequentialJudge judge({}, baseline_of(3, 12, 300, every(1)));
  auto seconds = seconds_of(15, 60, every(1));
  for (auto& second : seconds) second[2] = {};
  EXPECT_EQ(said(run(judge, seconds)), "inconclusive 60 no-report");
  EXPECT_EQ(judge.verdict().hosts[2].trouble, "was heard in 0 of 57 s");
}

TEST(SequentialJudge, judges_a_thousand_hosts) {
  EXPECT_EQ(said(judge(11, 989, every(1), every(1))), "pass 8");
  EXPECT_EQ(said(judge(11, 989, every(1), canaries_log(11, 9, every(1)))), "fail 5");
}

TEST(SequentialJudge, a_verdict_stands_whatever_comes_later) {
  SequentialJudge judge({}, baseline_of(5, 30, 300, every(1, 50)));
  const Verdict passed = run(judge, seconds_of(35, 60, every(1, 50)));
  ASSERT_EQ(passed.answer, Answer::pass);
  for (std::size_t t = 0; t < 20; ++t) judge.add_second(second_of(35, t, canaries_log(5, 900, every(1))));
  EXPECT_EQ(judge.verdict(), passed);
}

TEST(SequentialJudge, extending_goes_on_with_the_same_evidence) {
  const Errors usual = every(40);
  SequentialSettings longer;
  longer.horizon = 90s;
  SequentialSettings brief;
  brief.horizon = 12s;
  SequentialJudge extended(brief, baseline_of(3, 12, 300, usual));
  for (std::size_t t = 0; t < 12; ++t) extended.add_second(second_of(15, t, usual));
  ASSERT_EQ(extended.verdict().answer, Answer::inconclusive);
  EXPECT_EQ(extended.extend(78s).answer, Answer::undecided);
  SequentialJudge straight(longer, baseline_of(3, 12, 300, usual));
  for (std::size_t t = 0; t < 90; ++t) straight.add_second(second_of(15, t, usual));
  for (std::size_t t = 12; t < 90; ++t) extended.add_second(second_of(15, t, usual));
  EXPECT_EQ(extended.verdict(), straight.verdict());
}

TEST(SequentialJudge, seconds_of_a_hold_count_when_it_is_extended) {
  SequentialSettings brief;
  brief.horizon = 10s;
  const Errors usual = every(40);
  SequentialJudge judge(brief, baseline_of(3, 12, 300, usual));
  for (std::size_t t = 0; t < 59; ++t) judge.add_second(second_of(15, t, usual));
  EXPECT_EQ(said(judge.verdict()), "inconclusive 10 too-few-errors");
  EXPECT_EQ(judge.state().seconds, 59U);
  judge.extend(50s);
  EXPECT_EQ(judge.verdict().answer, Answer::pass);
}

TEST(SequentialJudge, is_the_same_of_stored_weights) {
  const Baseline baseline = baseline_of(3, 12, 300, every(3));
  SequentialJudge fresh({}, baseline);
  SequentialJudge stored({}, fresh.weights());
  EXPECT_EQ(run(fresh, seconds_of(15, 60, every(3))), run(stored, seconds_of(15, 60, every(3))));
}

}  // namespace
}  // namespace serin::judge
