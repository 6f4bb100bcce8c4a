#include "controller/judge/signature_judge.h"

#include <gtest/gtest.h>

#include <random>

#include "controller/judge/verdict_text.h"
#include "fleet_of.h"

namespace serin::judge {
namespace {

/// Canaries 0 to 2, controls 3 to 14.
SignatureJudge judge_of(std::set<std::string> history = {}) {
  return {SequentialSettings{}, weigh_hosts(baseline_of(3, 12, 300, every(1)), {}), std::move(history)};
}

using Logged = std::function<std::vector<SignatureCount>(std::size_t t)>;

void run(SignatureJudge& judge, std::size_t seconds, const Logged& logged) {
  for (std::size_t t = 0; t < seconds; ++t) judge.add_second(second_of(15, t, every(1)), logged(t));
}

/// "x" once in `period` seconds on each of the hosts 0 .. `hosts`.
Logged every_few(std::size_t period, std::size_t hosts) {
  return [=](std::size_t t) {
    std::vector<SignatureCount> logged;
    for (std::size_t h = 0; h < hosts && t % period == 0; ++h) logged.push_back({0, h, "x", 1});
    return logged;
  };
}

TEST(SignatureJudge, fails_a_new_message_that_goes_on_on_all_canaries) {
  SignatureJudge judge = judge_of();
  run(judge, 15, every_few(1, 3));
  EXPECT_FALSE(judge.fails()) << "it may be the restart's";
  EXPECT_EQ(judge.found(), (std::vector<NewSignature>{{"x", "", 45, 3, false, true}}));
  run(judge, 15, every_few(1, 3));
  EXPECT_TRUE(judge.fails());
  EXPECT_EQ(judge.found(), (std::vector<NewSignature>{{"x", "", 90, 3, true}}));
}

TEST(SignatureJudge, what_workers_log_that_drain_is_named_and_does_not_fail) {
  SignatureJudge judge = judge_of();
  run(judge, 60, [](std::size_t t) { return t < 14 ? every_few(1, 3)(t) : std::vector<SignatureCount>{}; });
  EXPECT_FALSE(judge.fails());
  EXPECT_EQ(judge.found(), (std::vector<NewSignature>{{"x", "", 42, 3, false}}));
}

TEST(SignatureJudge, one_that_begins_when_the_restart_is_over_fails_within_seconds) {
  SignatureJudge judge = judge_of();
  run(judge, 40, [](std::size_t t) { return t >= 30 ? every_few(1, 3)(t) : std::vector<SignatureCount>{}; });
  EXPECT_TRUE(judge.fails());
}

TEST(SignatureJudge, fails_a_rare_one_that_all_errors_together_would_hide) {
  SignatureJudge judge = judge_of();  // one error a second is usual; this is a tenth of one a second
  run(judge, 60, every_few(10, 3));
  EXPECT_TRUE(judge.fails());
}

TEST(SignatureJudge, names_but_does_not_fail_what_was_logged_once) {
  SignatureJudge judge = judge_of();
  run(judge, 30, [](std::size_t t) {
    return t == 5 ? std::vector<SignatureCount>{{0, 0, "x", 1}, {0, 1, "x", 2}} : std::vector<SignatureCount>{};
  });
  EXPECT_FALSE(judge.fails());
  EXPECT_EQ(judge.found(), (std::vector<NewSignature>{{"x", "", 3, 2, false}}));
}

TEST(SignatureJudge, one_canary_alone_is_neither_named_nor_failed) {
  SignatureJudge judge = judge_of();
  run(judge, 60, every_few(1, 1));
  EXPECT_FALSE(judge.fails());
  EXPECT_TRUE(judge.found().empty());
}

TEST(SignatureJudge, what_a_control_shows_is_not_new_before_or_after) {
  for (const std::size_t at : {0U, 6U}) {
    SignatureJudge judge = judge_of();
    run(judge, 60, [at](std::size_t t) {
      auto logged = every_few(1, 3)(t);
      if (t == at) logged.push_back({0, 9, "x", 1});
      return logged;
    });
    // Sure after 5 s without the control; with it at 0 never.
    EXPECT_TRUE(judge.found().empty()) << at;
  }
}

TEST(SignatureJudge, what_history_knows_is_not_new) {
  SignatureJudge judge = judge_of({"x"});
  run(judge, 60, every_few(1, 3));
  EXPECT_FALSE(judge.fails());
  EXPECT_TRUE(judge.found().empty());
}

TEST(SignatureJudge, a_message_of_the_restart_alone_does_not_fail) {
  SignatureJudge judge = judge_of();
  run(judge, 60, [](std::size_t t) { return t < 3 ? every_few(1, 3)(t) : std::vector<SignatureCount>{}; });
  EXPECT_FALSE(judge.fails());
  EXPECT_EQ(judge.found().at(0).count, 9U);
}

/// In each second five messages that nobody ever logged before, once on each host of [from, until).
Logged each_once(std::size_t from, std::size_t until, const std::string& name) {
  return [=](std::size_t t) {
    std::vector<SignatureCount> logged;
    for (std::size_t i = 0; i < 5; ++i) {
      for (std::size_t h = from; h < until; ++h) logged.push_back({0, h, name + std::to_string(5 * t + i), 1});
    }
    return logged;
  };
}

TEST(SignatureJudge, messages_beyond_those_looked_at_one_by_one_are_told_and_judged_as_one) {
  SignatureJudge judge = judge_of();
  run(judge, 40, each_once(0, 2, "m"));
  const auto found = judge.found();
  ASSERT_EQ(found.size(), kSignaturesJudged + 1);
  EXPECT_EQ(found.front(), (NewSignature{.id = std::string(kOtherSignatures),
                                         .count = 2 * (200 - kSignaturesJudged),
                                         .hosts = 2,
                                         .fails = true,
                                         .together = 200 - kSignaturesJudged}));
  for (std::size_t i = 1; i < found.size(); ++i) EXPECT_FALSE(found[i].fails) << "each was logged once";
}

TEST(SignatureJudge, other_messages_of_the_restart_do_not_fail) {
  SignatureJudge judge = judge_of();
  run(judge, 60, [](std::size_t t) { return t < 20 ? each_once(0, 3, "m")(t) : std::vector<SignatureCount>{}; });
  EXPECT_FALSE(judge.fails());
  EXPECT_EQ(judge.found().front().together, 100 - kSignaturesJudged);
}

TEST(SignatureJudge, other_messages_that_a_control_shows_later_are_others_no_more) {
  SignatureJudge judge = judge_of();
  run(judge, 20, each_once(0, 3, "m"));
  run(judge, 20, each_once(5, 6, "m"));
  EXPECT_TRUE(judge.found().empty());
  EXPECT_FALSE(judge.fails());
}

TEST(SignatureJudge, where_each_host_has_messages_of_its_own_the_others_are_no_evidence) {
  for (const auto& [canaries, controls] : {std::pair{2U, 6U}, std::pair{5U, 30U}}) {
    for (const double rate : {0.3, 2.0}) {
      std::mt19937_64 random(7);
      std::size_t fails = 0, told = 0;
      for (int run = 0; run < 20; ++run) {
        SignatureJudge judge({}, weigh_hosts(baseline_of(canaries, controls, 300, every(1)), {}), {});
        std::size_t number = 0;
        for (std::size_t t = 0; t < 60; ++t) {
          std::vector<SignatureCount> logged;
          for (std::size_t h = 0; h < canaries + controls; ++h) {
            for (auto left = std::poisson_distribution<>(rate)(random); left > 0; --left) {
              logged.push_back({0, h, "m" + std::to_string(++number), 1});
            }
          }
          judge.add_second(second_of(canaries + controls, t, every(1)), logged);
        }
        fails += judge.fails();
        told += !judge.found().empty();
      }
      EXPECT_LE(fails, 1U) << canaries << " canaries, " << rate << "/s";
      EXPECT_TRUE(rate < 1 || told == 20U) << told;
    }
  }
}

TEST(SignatureJudge, beyond_very_many_messages_of_the_controls_nothing_more_is_new) {
  SignatureJudge judge = judge_of();
  std::vector<SignatureCount> flood;
  for (std::size_t i = 0; i <= kSignaturesKnown; ++i) flood.push_back({0, 9, "k" + std::to_string(i), 1});
  judge.add_second(second_of(15, 0, every(1)), flood);
  run(judge, 60, every_few(1, 3));
  EXPECT_FALSE(judge.fails());
  ASSERT_EQ(judge.found().size(), 1U);
  EXPECT_EQ(signatures_text(judge.found()), "; too many different messages: new ones are not told apart any more");
}

TEST(SignatureJudge, counts_of_hosts_that_it_does_not_know_are_left_out) {
  SignatureJudge judge = judge_of();
  run(judge, 20, [](std::size_t) { return std::vector<SignatureCount>{{0, 99, "x", 5}, {0, 1, "y", 0}}; });
  EXPECT_TRUE(judge.found().empty());
}

/// A fleet whose messages are all new to it, the n-th of 400 with frequency 1/n: how often of 40 a message fails.
std::size_t false_fails(std::size_t canaries, std::size_t controls, double rate) {
  std::vector<double> frequencies;
  frequencies.reserve(400);
  for (int n = 1; n <= 400; ++n) frequencies.push_back(1.0 / n);
  std::discrete_distribution<int> id(frequencies.begin(), frequencies.end());
  std::mt19937_64 random(9);
  std::size_t fails = 0;
  for (int run = 0; run < 40; ++run) {
    SignatureJudge judge({}, weigh_hosts(baseline_of(canaries, controls, 300, every(1)), {}), {});
    for (std::size_t t = 0; t < 60; ++t) {
      std::vector<SignatureCount> logged;
      for (std::size_t h = 0; h < canaries + controls; ++h) {
        for (auto left = std::poisson_distribution<>(rate)(random); left > 0; --left) {
          logged.push_back({0, h, std::to_string(id(random)), 1});
        }
      }
      judge.add_second(second_of(canaries + controls, t, every(1)), logged);
    }
    fails += judge.fails();
  }
  return fails;
}

TEST(SignatureJudge, messages_that_any_host_may_log_hardly_ever_fail_even_without_a_history) {
  for (const double rate : {0.05, 0.3, 1.0}) {
    EXPECT_LE(false_fails(2, 6, rate), 1U) << rate;
    EXPECT_LE(false_fails(5, 30, rate), 1U) << rate;
  }
}

}  // namespace
}  // namespace serin::judge
