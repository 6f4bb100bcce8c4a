#include "slow_judge.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "fleet_of.h"

namespace serin::judge {
namespace {

/// A fleet and what befalls it.
struct Story {
  std::string name;
  std::size_t canaries = 5, controls = 12;
  double rate = 1;
  double factor = 1;     ///< of the canaries, after the deploy
  double host_sd = 0.3;  ///< log
  double burst = 0;      ///< chance that a second of a host counts tenfold
  double missing = 0;    ///< chance that a host's second is not seen
  bool lines = true;
  double canary_spam = 0;   ///< errors a second of canary 0, seconds 10 to 25
  double control_spam = 0;  ///< likewise of a control
  double outage = 1;        ///< everybody times this, from second 5
};

struct Case {
  Baseline baseline;
  Seconds after;
};

Case make(const Story& story, unsigned seed) {
  std::mt19937_64 random(seed);
  const std::size_t hosts = story.canaries + story.controls;
  std::vector<double> rates;
  rates.reserve(hosts);
  for (std::size_t h = 0; h < hosts; ++h) {
    rates.push_back(story.rate * std::exp(std::normal_distribution<>(0, story.host_sd)(random)));
  }
  const auto draw = [&](double mean, double good_lines) {
    Counts counts;
    if (std::uniform_real_distribution<>(0, 1)(random) < story.missing) return counts;
    if (std::uniform_real_distribution<>(0, 1)(random) < story.burst) mean *= 10;
    counts.seen = true;
    counts.errors = mean > 0 ? std::poisson_distribution<std::uint64_t>(mean)(random) : 0;
    counts.lines = counts.errors + std::poisson_distribution<std::uint64_t>(good_lines)(random);
    return counts;
  };
  Case made{.baseline = baseline_of(story.canaries, story.controls, 0, every(1)), .after = {}};
  made.baseline.lines_known = story.lines;
  for (std::size_t h = 0; h < hosts; ++h) {
    for (int t = 0; t < 75; ++t) made.baseline.hosts[h].seconds.push_back(draw(rates[h], 5));
  }
  for (std::size_t t = 0; t < 40; ++t) {
    std::vector<Counts> second;
    for (std::size_t h = 0; h < hosts; ++h) {
      double mean = rates[h] * (h < story.canaries ? story.factor : 1) * (t >= 5 ? story.outage : 1);
      if (t >= 10 && t < 25) mean += h == 0 ? story.canary_spam : h == story.canaries ? story.control_spam : 0;
      second.push_back(draw(mean, 5));
    }
    made.after.push_back(second);
  }
  return made;
}

const std::vector<Story> kStories{
    {.name = "ordinary"},
    {.name = "triple", .factor = 3},
    {.name = "tenfold at a low rate", .rate = 0.02, .factor = 10},
    {.name = "silent fleet", .rate = 0},
    {.name = "one canary", .canaries = 1, .factor = 2},
    {.name = "two canaries, quiet", .canaries = 2, .controls = 6, .rate = 0.1, .factor = 5, .host_sd = 0.01},
    {.name = "two controls", .controls = 2, .factor = 2},
    {.name = "one control", .controls = 1, .factor = 3},
    {.name = "no control", .controls = 0, .factor = 3},
    {.name = "bursty", .factor = 2, .burst = 0.05},
    {.name = "reports are missing", .factor = 2, .missing = 0.4},
    {.name = "no lines", .rate = 0.3, .lines = false},
    {.name = "a canary spams", .canary_spam = 50},
    {.name = "controls spam", .controls = 30, .control_spam = 50},
    {.name = "outage", .outage = 30},
    {.name = "outage and fault", .factor = 10, .outage = 30},
    {.name = "busy", .rate = 40, .factor = 1.3},
};

TEST(SlowJudge, has_the_same_weights) {
  for (const Story& story : kStories) {
    const Case made = make(story, 7);
    const HostWeights weights = weigh_hosts(made.baseline, {});
    const slow::Weights slow = slow::weigh(made.baseline, {});
    EXPECT_NEAR(weights.dispersion, slow.D1, 1e-9) << story.name;
    EXPECT_NEAR(weights.slow_spread, slow.s2slow, 1e-9) << story.name;
    EXPECT_NEAR(weights.shape, slow.a, 1e-6) << story.name;
    EXPECT_NEAR(weights.fleet_rate, slow.r, 1e-12) << story.name;
    for (std::size_t h = 0; h < weights.hosts.size(); ++h) {
      EXPECT_NEAR(weights.hosts[h].rate, slow.w[h], 1e-9) << story.name;
      EXPECT_NEAR(weights.hosts[h].variance, slow.vb[h], 1e-9) << story.name;
    }
  }
}

void compare_seconds(const Story& story, unsigned seed, const SequentialSettings& settings) {
  const Case made = make(story, seed);
  SequentialSettings endless = settings;  // so that no verdict ends the comparison
  endless.fail_odds = endless.pass_odds = 1e300;
  SequentialJudge judge(endless, made.baseline);
  for (std::size_t t = 1; t <= made.after.size(); ++t) {
    judge.add_second(made.after[t - 1]);
    if (t <= 3) continue;
    const std::string where = story.name + ", seed " + std::to_string(seed) + ", second " + std::to_string(t);
    const RuleState& fast = judge.state();
    const slow::Evidence slow = slow::judge_at(made.baseline, settings, made.after, t);
    const double near = 1e-6 * (1 + std::abs(slow.lf) + std::abs(slow.l));
    EXPECT_NEAR(fast.fail, slow.lf, near) << where;
    EXPECT_NEAR(fast.fail_without_one, slow.lmin, near) << where;
    EXPECT_NEAR(fast.pass, slow.l, near) << where;
    EXPECT_NEAR(fast.pass_adverse, slow.l_adverse, near) << where;
    EXPECT_NEAR(fast.excess, slow.excess, 1e-9) << where;
    EXPECT_NEAR(fast.controls.multiplier, slow.gT, 1e-9) << where;
    EXPECT_NEAR(fast.controls.spread, slow.s2, 1e-9) << where;
    EXPECT_EQ(fast.controls.quiet, slow.quiet) << where;
    EXPECT_EQ(fast.live, slow.live) << where;
    EXPECT_EQ(fast.controls.set_aside, slow.dropped) << where;
    EXPECT_EQ(fast.fail_needs_seconds, static_cast<std::size_t>(slow.hold)) << where;
  }
}

TEST(SlowJudge, has_the_same_evidence_in_every_second) {
  for (const Story& story : kStories) {
    for (unsigned seed = 1; seed <= 3; ++seed) {
      compare_seconds(story, seed, {});
      compare_seconds(story, seed, as_specified());
    }
  }
}

TEST(SlowJudge, has_the_same_verdicts_in_the_same_seconds) {
  std::size_t passes = 0, fails = 0, none = 0;
  for (const Story& story : kStories) {
    for (unsigned seed = 1; seed <= 6; ++seed) {
      const Case made = make(story, seed);
      SequentialJudge judge({}, made.baseline);
      const Verdict verdict = run(judge, made.after);
      std::string fast = "none";
      if (verdict.answer == Answer::pass) fast = "PASS " + std::to_string(static_cast<int>(verdict.seconds));
      if (verdict.answer == Answer::fail) fast = "FAIL " + std::to_string(static_cast<int>(verdict.seconds));
      EXPECT_EQ(fast, slow::verdict(made.baseline, {}, made.after)) << story.name << ", seed " << seed;
      passes += verdict.answer == Answer::pass;
      fails += verdict.answer == Answer::fail;
      none += verdict.answer == Answer::undecided;
    }
  }
  // The stories must show every answer, or the comparison says little.
  EXPECT_GT(passes, 15U);
  EXPECT_GT(fails, 15U);
  EXPECT_GT(none, 10U);
}

}  // namespace
}  // namespace serin::judge
