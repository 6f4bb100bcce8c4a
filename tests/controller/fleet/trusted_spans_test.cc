#include "controller/fleet/trusted_spans.h"

#include <gmock/gmock.h>

namespace serin::fleet {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TrustedSpans, an_open_one_lasts_until_what_is_asked_for) {
  TrustedSpans spans;
  EXPECT_FALSE(spans.since());
  spans.begin(start_of(100));
  EXPECT_EQ(spans.since(), start_of(100));
  EXPECT_THAT(spans.seconds_before(150), ElementsAre(SecondSpan{100, 150}));
  EXPECT_THAT(spans.seconds_before(100), IsEmpty());
}

TEST(TrustedSpans, whole_seconds_lie_within_them) {
  TrustedSpans spans;
  spans.begin(start_of(100) + 1ms);
  spans.end(start_of(109) + 999ms);
  EXPECT_THAT(spans.seconds_before(150), ElementsAre(SecondSpan{101, 109}));
  EXPECT_THAT(spans.seconds_before(105), ElementsAre(SecondSpan{101, 105}));
}

TEST(TrustedSpans, what_was_trusted_before_a_deployment_that_was_taken_back_stays_so) {
  TrustedSpans spans;
  spans.begin(start_of(0));
  spans.end(start_of(1'000));
  EXPECT_FALSE(spans.since());
  spans.begin(start_of(1'020));
  EXPECT_THAT(spans.seconds_before(1'022), ElementsAre(SecondSpan{0, 1'000}, SecondSpan{1'020, 1'022}));
}

TEST(TrustedSpans, a_host_that_never_left_its_release_has_one) {
  TrustedSpans spans;
  spans.begin(start_of(500));  // the controller restarted then, and the host had not told for how long it ran that
  spans.end(start_of(1'000));
  spans.begin(start_of(100));
  EXPECT_THAT(spans.seconds_before(1'022), ElementsAre(SecondSpan{100, 1'022}));
  spans.begin(start_of(900));
  EXPECT_EQ(spans.since(), start_of(100));
}

TEST(TrustedSpans, one_that_ends_before_it_began_is_none) {
  TrustedSpans spans;
  spans.begin(start_of(102));
  spans.end(start_of(101));
  EXPECT_THAT(spans.seconds_before(200), IsEmpty());
  spans.end(start_of(150));
  EXPECT_THAT(spans.seconds_before(200), IsEmpty());
}

TEST(TrustedSpans, what_is_cut_out_does_not_come_back) {
  TrustedSpans spans;
  spans.begin(start_of(100));
  spans.end(start_of(200));
  spans.begin(start_of(210));
  spans.cut(start_of(150), start_of(300));
  EXPECT_THAT(spans.seconds_before(400), ElementsAre(SecondSpan{100, 150}, SecondSpan{300, 400}));
  spans.end(start_of(400));
  spans.cut(start_of(350), start_of(450));
  EXPECT_FALSE(spans.since());
  spans.begin(start_of(120));
  EXPECT_THAT(spans.seconds_before(500), ElementsAre(SecondSpan{100, 150}, SecondSpan{300, 350}, SecondSpan{450, 500}));
}

TEST(TrustedSpans, the_newest_are_kept) {
  TrustedSpans spans;
  for (std::int64_t i = 0; i < 40; ++i) {
    spans.begin(start_of(100 * i));
    spans.end(start_of(100 * i + 50));
  }
  const auto kept = spans.seconds_before(10'000);
  ASSERT_EQ(kept.size(), TrustedSpans::kKept);
  EXPECT_EQ(kept.back(), (SecondSpan{3'900, 3'950}));
}

}  // namespace
}  // namespace serin::fleet
