// What a canary is compared with: its own trusted seconds of the last 60 minutes.
#include <gmock/gmock.h>

#include "tests/controller/fleet/ledger_fixture.h"

namespace serin::fleet {
namespace {

using ::testing::ElementsAre;
using LedgerBaseline = LedgerFixture;
using Tally = judge::Tally;

TEST_F(LedgerBaseline, counts_trusted_seconds_only) {
  hello();
  count(1'000'000, 1'000'030, 9, 90);
  trust_from(1'000'030);
  count(1'000'030, 1'000'050, 1, 10);
  ledger.end_trust(kHost, kShop, now.steady);
  count(1'000'050, 1'000'080, 9, 90);
  EXPECT_EQ(baseline(1'000'080), (Tally{.errors = 20, .lines = 200, .seconds = 20}));
  EXPECT_EQ(window(1'000'000, 1'000'080).seconds, 80U) << "the window counts them all";
}

TEST_F(LedgerBaseline, is_empty_for_a_host_that_nobody_trusts_or_knows) {
  hello();
  count(1'000'000, 1'000'030, 9, 90);
  EXPECT_EQ(baseline(1'000'030), Tally{});
  EXPECT_EQ(ledger.baseline("web-02", kShop, 1'000'030), Tally{});
}

TEST_F(LedgerBaseline, trust_reaches_back_to_when_the_release_was_loaded) {
  hello();
  trust_from(999'990);
  report({{99'988, 1, 1}, {99'989, 1, 1}, {99'990, 1, 1}, {99'991, 1, 1}});
  EXPECT_EQ(baseline(1'000'000), (Tally{.errors = 2, .lines = 2, .seconds = 2}))
      << "seconds that are sent again after a restart of the controller are a baseline at once";
}

TEST_F(LedgerBaseline, what_was_trusted_when_it_was_first_heard_stays_so) {
  hello();
  trust_from(1'000'000);
  count(1'000'000, 1'000'010, 1, 1);
  ledger.end_trust(kHost, kShop, now.steady);
  EXPECT_EQ(report({{100'009, 5, 5}}).front().sample, sample(1'000'009, 5, 5, true));
  EXPECT_EQ(baseline(1'000'010), (Tally{.errors = 14, .lines = 14, .seconds = 10}));
  trust_from(1'000'000);
  count(1'000'010, 1'000'011, 0, 0);
  EXPECT_EQ(baseline(1'000'011).seconds, 11U);
}

TEST_F(LedgerBaseline, ends_before_the_second_that_is_asked_for) {
  hello();
  trust_from(1'000'000);
  count(1'000'000, 1'000'025, 1, 2);
  EXPECT_EQ(baseline(1'000'025), (Tally{.errors = 25, .lines = 50, .seconds = 25}));
  EXPECT_EQ(baseline(1'000'020), (Tally{.errors = 20, .lines = 40, .seconds = 20}));
  EXPECT_EQ(baseline(1'000'017), (Tally{.errors = 17, .lines = 34, .seconds = 17})) << "in the middle of ten seconds";
  EXPECT_EQ(baseline(1'000'003), (Tally{.errors = 3, .lines = 6, .seconds = 3}));
  EXPECT_EQ(baseline(1'000'000), Tally{});
}

TEST_F(LedgerBaseline, reaches_back_sixty_minutes) {
  hello();
  trust_from(1'000'000);
  count(1'000'000, 1'000'100, 100, 100);
  count(1'000'100, 1'003'700, 1, 2);
  EXPECT_EQ(baseline(1'003'700), (Tally{.errors = 3'600, .lines = 7'200, .seconds = 3'600}));
  count(1'003'700, 1'003'705, 1, 2);
  const Tally later = baseline(1'003'705);
  EXPECT_GT(later.seconds, 3'590U);
  EXPECT_LE(later.seconds, 3'600U);
}

TEST_F(LedgerBaseline, an_hour_of_silence_leaves_nothing_of_it) {
  hello();
  trust_from(1'000'000);
  count(1'000'000, 1'000'100, 1, 2);
  EXPECT_EQ(baseline(1'003'710), Tally{});
  count(1'003'700, 1'003'710, 1, 2);
  EXPECT_EQ(baseline(1'003'710), (Tally{.errors = 10, .lines = 20, .seconds = 10}));
}

TEST_F(LedgerBaseline, a_second_that_changes_changes_its_sum) {
  hello();
  trust_from(1'000'000);
  count(1'000'000, 1'000'100, 2, 2);
  go_to(1'000'100);
  report({{100'005, 1, 7}});
  EXPECT_EQ(baseline(1'000'100), (Tally{.errors = 199, .lines = 205, .seconds = 100}));
}

TEST_F(LedgerBaseline, begins_anew_when_the_rules_change) {
  hello();
  trust_from(1'000'000);
  count(1'000'000, 1'000'050, 5, 5);
  rules = "rules 2";
  count(1'000'050, 1'000'053, 1, 1);
  EXPECT_EQ(baseline(1'000'053), (Tally{.errors = 3, .lines = 3, .seconds = 3}));
  report({{100'040, 6, 6}});
  EXPECT_EQ(baseline(1'000'053), (Tally{.errors = 3, .lines = 3, .seconds = 3}))
      << "a second of before that is sent again is not that of the new rules";
}

TEST_F(LedgerBaseline, seconds_in_which_the_host_was_blind_are_none) {
  hello();
  trust_from(1'000'000);
  count(1'000'000, 1'000'010, 1, 1);
  count(1'000'010, 1'000'020, 0, 0, "cannot read /var/log/shop.log");
  EXPECT_EQ(baseline(1'000'020), (Tally{.errors = 10, .lines = 10, .seconds = 10}));
}

TEST_F(LedgerBaseline, what_comes_from_the_database_counts) {
  for (int i = 0; i < 20; ++i) ledger.restore(kShop, sample(1'000'000 + i, 1, 2, i % 2 == 0));
  EXPECT_EQ(baseline(1'000'020), (Tally{.errors = 10, .lines = 20, .seconds = 10}));
}

TEST_F(LedgerBaseline, applications_and_hosts_have_their_own) {
  hello();
  trust_from(1'000'000);
  count(1'000'000, 1'000'010, 1, 1);
  ledger.trust("web-02", kShop, start_of(1'000'000));
  ledger.trust(kHost, "blog", start_of(1'000'000));
  EXPECT_EQ(ledger.baseline("web-02", kShop, 1'000'010), Tally{});
  EXPECT_EQ(ledger.baseline(kHost, "blog", 1'000'010), Tally{});
}

}  // namespace
}  // namespace serin::fleet
