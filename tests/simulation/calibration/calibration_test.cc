// The short form of the calibration: the rows of judge.md that are bounded, with fewer runs and a margin for that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "tests/simulation/calibration/bounds.h"
#include "tests/simulation/calibration/dice.h"
#include "tests/simulation/calibration/later_stages.h"
#include "tests/simulation/calibration/rank_test.h"
#include "tests/simulation/calibration/table.h"

namespace serin::calibration {

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kSeed = 1;

Row run(const Scenario& scenario, std::size_t runs, bool with_peers) {
  std::vector<Trial> trials;
  trials.reserve(runs);
  for (std::size_t at = 0; at < runs; ++at) {
    trials.push_back(run_trial(scenario, seed_of(kSeed, scenario.name(), at), {}, with_peers));
  }
  return count(scenario.name(), scenario, trials);
}

Row run_late(const Scenario& scenario, std::size_t runs) {
  std::vector<Trial> trials;
  trials.reserve(runs);
  const auto name = late_name(scenario);
  for (std::size_t at = 0; at < runs; ++at) {
    trials.push_back(run_late_trial(scenario, seed_of(kSeed, name, at), {}));
  }
  return count(name, scenario, trials);
}

std::string test_name(std::string name) {
  const auto plain = [](unsigned char c) { return std::isalnum(c) != 0; };
  std::ranges::replace_if(name, [&](char c) { return !plain(static_cast<unsigned char>(c)); }, '_');
  return name;
}

class SequentialJudgeRow : public testing::TestWithParam<Scenario> {};
class LateRow : public testing::TestWithParam<Scenario> {};

/// What the rule reads is not what it is to be held to: a fleet of 211 hosts is left to the long form.
std::vector<Scenario> short_rows() {
  auto rows = printed_rows();
  std::erase_if(rows, [](const Scenario& row) { return row.limit || row.fleet.name == 'L'; });
  return rows;
}

}  // namespace

TEST_P(SequentialJudgeRow, is_within_its_bounds) {
  const auto row = run(GetParam(), 60, false);
  EXPECT_THAT(broken(row, true), IsEmpty()) << markdown_line(row, false);
}

INSTANTIATE_TEST_SUITE_P(Calibration, SequentialJudgeRow, testing::ValuesIn(short_rows()),
                         [](const auto& row) { return test_name(row.param.name()); });

TEST_P(LateRow, is_within_its_bounds) {
  const auto row = run_late(GetParam(), 30);
  EXPECT_THAT(broken(row, true), IsEmpty()) << markdown_line(row, false);
}

INSTANTIATE_TEST_SUITE_P(Calibration, LateRow, testing::ValuesIn(late_rows()),
                         [](const auto& row) { return test_name(late_name(row.param)); });

TEST(Calibration, tells_the_same_of_the_same_seed) {
  const Scenario scenario{.base = 1, .noise = Noise::all | Noise::trans | Noise::spam_canary, .factor = 3};
  EXPECT_EQ(csv_line(run(scenario, 5, true), "default"), csv_line(run(scenario, 5, true), "default"));
  EXPECT_EQ(record(scenario, 7).baseline, record(scenario, 7).baseline);
  EXPECT_NE(record(scenario, 7).after, record(scenario, 8).after);
}

/// The columns of judge.md, section 3, by rules whose share is far from chance: the generator is the one that it used.
TEST(Calibration, gives_the_peers_the_rows_that_the_specification_prints) {
  const auto shares = [](const Scenario& scenario) {
    const auto row = run(scenario, 100, true);
    std::vector<double> percent;
    percent.reserve(kPeers.size());
    for (const auto failed : row.peers) percent.push_back(row.share(failed));
    return percent;
  };
  const auto near = [](double percent) { return testing::DoubleNear(percent, 14); };
  EXPECT_THAT(shares({kSmall, 0.01, Noise::pois, 10}),
              ElementsAre(near(44), near(8), near(0), near(1.3), near(0), near(0), near(0), near(100), near(35),
                          near(91), near(61)));
  EXPECT_THAT(shares({kMedium, 1, Noise::nb}), ElementsAre(near(0), near(0), near(99), near(100), near(1.7), near(6.7),
                                                           near(8.3), near(1.7), near(19), near(40), near(26)));
  EXPECT_THAT(shares({kMedium, 1, Noise::all}),
              ElementsAre(near(60), near(46), near(100), near(100), near(1), near(1.7), near(2.7), near(6), near(33),
                          near(57), near(48)));
}

TEST(RankTest, gives_the_interval_of_samples_that_do_not_overlap) {
  const auto shift = shift_of({10, 20, 30, 40}, {1, 2, 3, 4}, 1.959964);
  EXPECT_NEAR(shift.lower, 6, 1e-4);
  EXPECT_NEAR(shift.estimate, 22.5, 4);  // between 16 and 29 ranks do not change their sum
}

TEST(RankTest, says_nothing_of_samples_that_are_the_same) {
  EXPECT_FALSE(kayenta_says_high({1, 2, 3}, {1, 2, 3}, 1));
  EXPECT_FALSE(kayenta_says_high({0, 0, 0}, {0, 0, 0, 0}, 1));
  EXPECT_FALSE(kayenta_says_high({}, {1, 2}, 1));
}

TEST(Dice, have_the_moments_of_their_distributions) {
  for (const double mean : {0.01, 1.0, 9.9, 10.1, 50.0, 5000.0}) {
    Dice dice(static_cast<std::uint64_t>(mean * 1000));
    constexpr int kDraws = 40000;
    double sum = 0;
    double squares = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      const auto value = static_cast<double>(dice.poisson(mean));
      sum += value;
      squares += (value - mean) * (value - mean);
    }
    EXPECT_NEAR(sum / kDraws, mean, 5 * std::sqrt(mean / kDraws)) << mean;
    EXPECT_NEAR(squares / kDraws / mean, 1, 5 * std::sqrt((2 + 1 / mean) / kDraws)) << mean;
  }
}

TEST(Bounds, have_a_margin_of_chance) {
  EXPECT_EQ(most_of(60, 0), 0U);
  EXPECT_EQ(most_of(60, 1), 60U);
  EXPECT_EQ(most_of(1, 0.5), 1U);
  EXPECT_EQ(most_of(300, 0.015), 12U);
}

TEST(Bounds, name_what_is_broken) {
  Row row{.name = "M 1 pois x10", .scenario = {.factor = 10}, .runs = 100};
  row.fail_seconds.assign(90, 7);
  row.pass_seconds.assign(2, 9);
  EXPECT_THAT(broken(row, false),
              ElementsAre("M 1 pois x10: FAIL in 90.0 %, at least 99 %", "M 1 pois x10: PASS in 2.0 %, at most 1 %",
                          "M 1 pois x10: FAIL p95 after 7 s, at most 6 s"));
}

}  // namespace serin::calibration
