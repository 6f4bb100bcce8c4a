#include "controller/judge/share_test.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace serin::judge {
namespace {

TEST(ShareTest, is_the_beta_binomial_of_the_treated_share) {
  // Equal weights and no more: p0 = 1/2; with theta = 1 and v = 1/4, 1/(q(1-q)v) - 1 = 15: Beta(7.5, 7.5). One error on
  // the treated side of one: B(8.5, 7.5)/B(7.5, 7.5) = 7.5/15 = 1/2. Two of two: 7.5 x 8.5/(15 x 16).
  ShareCounts counts{.treated = 1, .treated_weight = 3, .control = 0, .control_weight = 3, .variance = 0.25};
  EXPECT_NEAR(share_likelihood(1, counts), std::log(0.5), 1e-12);
  counts.treated = 2;
  EXPECT_NEAR(share_likelihood(1, counts), std::log(7.5 * 8.5 / 240), 1e-12);
  // theta = 3: q = 3/4, kap = 1/(3/16 x 1/4) - 1 = 61/3; 2 of 2: q (q kap + 1)/(kap + 1).
  EXPECT_NEAR(share_likelihood(3, counts), std::log(0.75 * (0.75 * 61 / 3 + 1) / (61.0 / 3 + 1)), 1e-12);
}

TEST(ShareTest, is_the_binomial_where_the_hosts_are_alike) {
  const ShareCounts counts{.treated = 3, .treated_weight = 1, .control = 5, .control_weight = 3, .variance = 1e-6};
  EXPECT_NEAR(share_likelihood(1, counts), 3 * std::log(0.25) + 5 * std::log(0.75), 1e-4);
  EXPECT_NEAR(share_likelihood(3, counts), 8 * std::log(0.5), 1e-4);
}

TEST(ShareTest, dispersed_counts_weigh_as_fewer) {
  const ShareCounts ten{
      .treated = 30, .treated_weight = 1, .control = 50, .control_weight = 3, .variance = 0.01, .dispersion = 10};
  ShareCounts one = ten;
  one.treated = 3;
  one.control = 5;
  one.dispersion = 1;
  EXPECT_DOUBLE_EQ(share_likelihood(2, ten), share_likelihood(2, one));
}

TEST(ShareTest, evidence_saturates_at_what_host_noise_allows) {
  // A share of 3/4 where 1/2 is usual, with ever more errors: certain without noise, hardly a hint with much of it.
  const std::array<double, 4> factors{2, 4, 10, 60};
  const auto evidence = [&](double errors, double variance) {
    return fail_evidence(
        {.treated = 3 * errors, .treated_weight = 1, .control = errors, .control_weight = 1, .variance = variance},
        factors, 1.5);
  };
  EXPECT_GT(evidence(1e5, 1e-6), 1'000);
  EXPECT_LT(evidence(1e5, 0.5), 1);
  EXPECT_NEAR(evidence(1e5, 0.5), evidence(1e6, 0.5), 1e-3);
}

TEST(ShareTest, says_nothing_without_errors_or_without_a_side) {
  const std::array<double, 4> factors{2, 4, 10, 60};
  EXPECT_NEAR(fail_evidence({.treated_weight = 1, .control_weight = 2, .variance = 0.1}, factors, 1.5), 0, 1e-12);
  EXPECT_EQ(share_likelihood(2, {.treated = 9, .treated_weight = 1, .control_weight = 0, .variance = 0.1}), 0);
  EXPECT_EQ(share_likelihood(2, {.control = 9, .control_weight = 1, .variance = 0.1}), 0);
}

TEST(ShareTest, a_mean_of_exponentials_neither_overflows_nor_underflows) {
  EXPECT_NEAR(log_mean_exp(std::array{0.0, std::log(3.0)}), std::log(2.0), 1e-12);
  EXPECT_NEAR(log_mean_exp(std::array{5'000.0, 5'000.0}), 5'000, 1e-9);
  EXPECT_NEAR(log_mean_exp(std::array{-5'000.0, -9'000.0}), -5'000 - std::log(2.0), 1e-9);
}

}  // namespace
}  // namespace serin::judge
