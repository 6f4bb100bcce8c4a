#include "controller/judge/post_counts.h"

#include <gtest/gtest.h>

#include "fleet_of.h"

namespace serin::judge {
namespace {

/// Two canaries (0, 1) and four controls, one error a second each before: rates 1, caps 18.
struct Posted {
  SequentialSettings settings = as_specified();  // seconds count for what they are
  HostWeights weights = weigh_hosts(baseline_of(2, 4, 100, every(1)), {});
  PostCounts counts{settings, weights, std::vector<std::size_t>{0, 1}, std::vector<std::size_t>{2, 3, 4, 5}};
  void settle() {
    for (int t = 0; t < 3; ++t) counts.add_second(second_of(6, 0, every(1, 1'000)));
  }
};

TEST(PostCounts, nobodys_seconds_count_while_it_settles) {
  Posted post;
  post.settle();
  EXPECT_EQ(post.counts.seconds(), 3U);
  EXPECT_EQ(post.counts.evidence_seconds(), 0);
  EXPECT_EQ(post.counts.treated()[0].errors, 0);
}

TEST(PostCounts, a_burst_counts_up_to_the_cap) {
  Posted post;
  post.settle();
  post.counts.add_second(second_of(6, 0, [](std::size_t host, std::size_t) { return host == 0 ? 500U : 1U; }));
  EXPECT_EQ(post.counts.treated()[0].errors, 18);
  EXPECT_EQ(post.counts.treated()[0].raw_errors, 500);
  EXPECT_EQ(post.counts.treated_errors(1), 19);
}

TEST(PostCounts, the_cap_follows_an_outage_of_the_fleet) {
  Posted post;
  post.settle();
  post.counts.add_second(second_of(6, 0, every(1, 100)));  // g = 300/3: cap(100) = 882
  EXPECT_EQ(post.counts.treated()[0].errors, 100);
  post.counts.add_second(second_of(6, 0, [](std::size_t host, std::size_t) { return host == 0 ? 5'000U : 100U; }));
  EXPECT_EQ(post.counts.treated()[0].errors, 982);
}

TEST(PostCounts, one_loud_control_lifts_nobodys_cap) {
  Posted post;
  post.settle();
  post.counts.add_second(second_of(6, 0, [](std::size_t host, std::size_t) { return host == 2 ? 9'000U : 50U; }));
  // g = 150/3 without it: cap(50) = 459.
  EXPECT_EQ(post.counts.controls()[0].errors, 459);
  EXPECT_EQ(post.counts.treated()[0].errors, 50);
}

TEST(PostCounts, a_storm_of_the_fleet_weighs_as_little_more_than_a_usual_second) {
  SequentialSettings settings;
  settings.storm_rise = 1.5;
  settings.storm_doubt = 3;
  const HostWeights weights = weigh_hosts(baseline_of(2, 4, 100, every(1)), {});
  PostCounts counts{settings, weights, std::vector<std::size_t>{0, 1}, std::vector<std::size_t>{2, 3, 4, 5}};
  for (int t = 0; t < 3; ++t) counts.add_second(second_of(6, 0, every(1, 1'000)));
  counts.add_second(second_of(6, 0, every(1)));
  EXPECT_EQ(counts.treated()[0].errors, 1);  // (3 + 3)/(3 + 3) is no rise
  counts.add_second(second_of(6, 0, every(1, 15)));
  // A canary by three controls: (45 + 3)/(3 + 3) = 8 times; a control by two others: (30 + 3)/(2 + 3) = 6.6 times.
  EXPECT_DOUBLE_EQ(counts.treated()[0].errors, 1 + 15 * 1.5 / 8);
  EXPECT_DOUBLE_EQ(counts.controls()[0].errors, 1 + 15 * 1.5 / 6.6);
  EXPECT_DOUBLE_EQ(counts.treated_errors(1), 2 * 15 * 1.5 / 8);
  EXPECT_EQ(counts.treated()[0].raw_errors, 16);
}

TEST(PostCounts, one_loud_control_makes_no_storm) {
  SequentialSettings settings;
  const HostWeights weights = weigh_hosts(baseline_of(2, 4, 100, every(1)), {});
  PostCounts counts{settings, weights, std::vector<std::size_t>{0, 1}, std::vector<std::size_t>{2, 3, 4, 5}};
  for (int t = 0; t < 3; ++t) counts.add_second(second_of(6, 0, every(1, 1'000)));
  counts.add_second(second_of(6, 0, [](std::size_t host, std::size_t) { return host == 2 ? 9'000U : 1U; }));
  EXPECT_EQ(counts.treated()[0].errors, 1);
  EXPECT_EQ(counts.controls()[0].errors, 18);
  EXPECT_EQ(counts.controls()[1].errors, 1);
}

TEST(PostCounts, a_calm_fleet_does_not_lower_the_cap) {
  Posted post;
  post.settle();
  post.counts.add_second(second_of(6, 0, [](std::size_t host, std::size_t) { return host == 0 ? 500U : 0U; }));
  EXPECT_EQ(post.counts.treated()[0].errors, 18);
}

struct HalfRow {
  std::size_t canaries_seen, controls_seen;
  bool counts;
};
TEST(PostCounts, a_second_with_fewer_than_half_of_a_side_counts_for_nobody) {
  for (const HalfRow row :
       {HalfRow{2, 4, true}, HalfRow{1, 2, true}, HalfRow{0, 4, false}, HalfRow{2, 1, false}, HalfRow{0, 0, false}}) {
    Posted post;
    post.settle();
    auto second = second_of(6, 0, every(1, 2));
    for (std::size_t h = row.canaries_seen; h < 2; ++h) second[h] = {.seen = false, .errors = 77, .lines = 77};
    for (std::size_t h = 2 + row.controls_seen; h < 6; ++h) second[h] = {.seen = false, .errors = 77, .lines = 77};
    post.counts.add_second(second);
    EXPECT_EQ(post.counts.treated_errors(1), row.counts ? 2 * static_cast<double>(row.canaries_seen) : 0);
    EXPECT_EQ(post.counts.void_seconds(), row.counts ? 0U : 1U);
    EXPECT_EQ(post.counts.evidence_seconds(), 1);
    for (const Member& member : post.counts.controls()) EXPECT_LE(member.errors, 2);
  }
}

TEST(PostCounts, a_host_weighs_by_the_seconds_in_which_it_was_seen) {
  Posted post;
  post.settle();
  for (std::size_t t = 0; t < 4; ++t) {
    auto second = second_of(6, t, every(1));
    if (t == 0) second[1].seen = second[5].seen = false;
    second.resize(t == 1 ? 5 : 6);  // what is not there was not seen
    post.counts.add_second(second);
  }
  EXPECT_DOUBLE_EQ(post.counts.weight(post.counts.treated()[0]), 1);
  EXPECT_DOUBLE_EQ(post.counts.weight(post.counts.treated()[1]), 0.75);
  EXPECT_DOUBLE_EQ(post.counts.weight(post.counts.controls()[3]), 0.5);
  EXPECT_EQ(post.counts.weight(Member{.rate = 1}), 1e-9);
}

TEST(PostCounts, traffic_is_good_lines_against_the_usual_ones_and_at_most_one_a_second) {
  Posted post;  // 10 good lines a second are usual
  post.settle();
  auto second = second_of(6, 0, every(1));
  second[0] = {.seen = true, .errors = 5, .lines = 10};
  second[1] = {.seen = true, .errors = 3, .lines = 400};
  post.counts.add_second(second);
  EXPECT_DOUBLE_EQ(post.counts.treated()[0].traffic, 0.5);
  EXPECT_DOUBLE_EQ(post.counts.treated()[1].traffic, 1);
  second[0] = {.seen = true, .errors = 9, .lines = 2};  // a counter that is out of step
  post.counts.add_second(second);
  EXPECT_DOUBLE_EQ(post.counts.treated()[0].traffic, 0.5);
}

/// As Posted, with 100 requests a second before, and `canary`/`control` since.
PostCounts with_requests(std::uint64_t canary, std::uint64_t control) {
  Baseline baseline = baseline_of(2, 4, 100, every(1));
  baseline.requests_known = true;
  for (HostBaseline& host : baseline.hosts) {
    for (Counts& counts : host.seconds) counts.requests = 100;
  }
  PostCounts counts({}, weigh_hosts(baseline, {}), std::vector<std::size_t>{0, 1},
                    std::vector<std::size_t>{2, 3, 4, 5});
  for (std::size_t t = 0; t < 103; ++t) {
    auto second = second_of(6, t, every(1));
    for (std::size_t h = 0; h < 6; ++h) second[h].requests = h < 2 ? canary : control;
    counts.add_second(second);
  }
  return counts;
}

struct ExposureRow {
  std::uint64_t canary, control;
  double exposure;
};
TEST(PostCounts, more_requests_than_the_controls_get_are_exposure_of_up_to_four) {
  for (const ExposureRow row : {ExposureRow{100, 100, 1}, ExposureRow{200, 100, 2}, ExposureRow{200, 200, 1},
                                ExposureRow{900, 100, 4}, ExposureRow{50, 100, 1}, ExposureRow{100, 50, 2}}) {
    const PostCounts counts = with_requests(row.canary, row.control);
    EXPECT_NEAR(counts.exposure(counts.treated()[0]), row.exposure, 0.01) << row.canary << " " << row.control;
  }
}

TEST(PostCounts, a_canary_without_requests_has_no_traffic) {
  EXPECT_DOUBLE_EQ(with_requests(0, 100).treated()[0].traffic, 0);
  EXPECT_DOUBLE_EQ(with_requests(25, 100).treated()[0].traffic, 25);
}

TEST(PostCounts, a_control_that_leaves_is_forgotten) {
  Posted post;
  post.settle();
  post.counts.add_second(second_of(6, 0, every(1)));
  post.counts.remove_control(3);
  ASSERT_EQ(post.counts.controls().size(), 3U);
  EXPECT_EQ(post.counts.controls()[1].host, 4U);
}

}  // namespace
}  // namespace serin::judge
