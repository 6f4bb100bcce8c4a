// What hosts report, second by second, and where it lands on the controller's clock.
#include "controller/fleet/report_ledger.h"

#include <gmock/gmock.h>

#include "protocol/limits.h"
#include "tests/controller/fleet/ledger_fixture.h"

namespace serin::fleet {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ReportLedgerTest = LedgerFixture;
using Tally = judge::Tally;

std::vector<Sample> samples_of(const std::vector<ChangedSample>& changed) {
  std::vector<Sample> samples;
  samples.reserve(changed.size());
  for (const ChangedSample& change : changed) samples.push_back(change.sample);
  return samples;
}

TEST_F(ReportLedgerTest, a_second_of_the_host_lands_on_the_same_second_of_the_controller) {
  hello();
  const auto changed = report({{99'998, 1, 10}, {99'999, 2, 20}});
  EXPECT_THAT(samples_of(changed), ElementsAre(sample(999'998, 1, 10), sample(999'999, 2, 20)));
  EXPECT_EQ(changed.front().application, kShop);
  EXPECT_THAT(samples(0, INT64_MAX / 2), ElementsAre(sample(999'998, 1, 10), sample(999'999, 2, 20)));
  EXPECT_EQ(window(999'998, 1'000'000), (Tally{.errors = 3, .lines = 30, .seconds = 2}));
  EXPECT_EQ(window(999'998, 999'999), (Tally{.errors = 1, .lines = 10, .seconds = 1})) << "the end is not in it";
}

TEST_F(ReportLedgerTest, a_second_that_comes_again_replaces_what_was_there) {
  hello();
  report({{99'999, 5, 50}});
  EXPECT_THAT(report({{99'999, 5, 50}}), IsEmpty()) << "nothing is new";
  EXPECT_THAT(samples_of(report({{99'999, 7, 70}})), ElementsAre(sample(999'999, 7, 70)));
  EXPECT_EQ(window(999'000, 1'000'001), (Tally{.errors = 7, .lines = 70, .seconds = 1}));
}

TEST_F(ReportLedgerTest, a_second_without_a_report_is_unknown_and_never_zero) {
  hello();
  report({{99'990, 0, 1}, {99'991, 0, 0}, {99'995, 0, 1}});
  EXPECT_EQ(window(999'990, 1'000'000), (Tally{.errors = 0, .lines = 2, .seconds = 3}));
  EXPECT_EQ(ledger.longest_silence(kHost, kShop, 999'990, 999'996), 3U);
  EXPECT_EQ(ledger.longest_silence(kHost, kShop, 999'990, 1'000'000), 4U) << "at the end";
  EXPECT_EQ(ledger.longest_silence(kHost, kShop, 999'985, 999'992), 5U) << "at the beginning";
  EXPECT_EQ(ledger.longest_silence(kHost, kShop, 999'990, 999'992), 0U);
  EXPECT_EQ(ledger.longest_silence(kHost, kShop, 999'992, 999'992), 0U) << "nothing was to be heard";
  EXPECT_EQ(ledger.longest_silence("web-02", kShop, 999'990, 1'000'000), 10U);
  EXPECT_EQ(ledger.longest_silence(kHost, "blog", 999'990, 1'000'000), 10U);
}

TEST_F(ReportLedgerTest, keeps_the_seconds_of_ten_minutes) {
  hello();
  count(1'000'000, 1'000'700, 1, 2);
  EXPECT_EQ(window(0, 1'000'700).seconds, 600U);
  EXPECT_EQ(window(1'000'100, 1'000'101).seconds, 1U);
  EXPECT_EQ(window(1'000'099, 1'000'100).seconds, 0U);
  EXPECT_THAT(report({{100'099, 9, 9}}), IsEmpty()) << "too late for everybody";
  EXPECT_EQ(window(1'000'699, 1'000'700), (Tally{.errors = 1, .lines = 2, .seconds = 1}))
      << "and it must not take the place of another";
}

TEST_F(ReportLedgerTest, seconds_of_the_future_are_dropped) {
  hello();
  EXPECT_THAT(report({{100'010, 1, 1}, {100'011, 1, 1}}), ElementsAre(::testing::_));
  EXPECT_EQ(ledger.wanted_since(kHost), 100'010);
}

TEST_F(ReportLedgerTest, a_message_that_was_under_way_for_long_does_not_shift_the_host) {
  hello();
  report({{99'999, 1, 1}}, {}, 5s);
  ledger.begin_session(kHost, "boot 1", host_ms() - 20'000, now);
  go_to(1'000'002);
  EXPECT_THAT(samples_of(report({{100'001, 1, 1}})), ElementsAre(sample(1'000'001, 1, 1)));
}

TEST_F(ReportLedgerTest, a_slow_hello_is_corrected_by_the_first_quick_message) {
  ledger.begin_session(kHost, "boot 1", host_ms() - 7'000, now);
  EXPECT_THAT(samples_of(report({{99'998, 1, 1}, {99'999, 2, 2}})),
              ElementsAre(sample(999'998, 1, 1), sample(999'999, 2, 2)));
}

TEST_F(ReportLedgerTest, differences_of_less_than_a_second_move_nothing) {
  hello();
  for (int i = 0; i < 500; ++i) {
    go_to(1'000'000 + i);
    const auto changed = report({{99'999 + i, 1, 1}}, {}, Duration{(i * 37) % 900});
    ASSERT_THAT(samples_of(changed), ElementsAre(sample(999'999 + i, 1, 1))) << i;
  }
}

TEST_F(ReportLedgerTest, a_host_clock_that_drifts_is_followed) {
  hello();
  for (const int direction : {1, -1}) {
    std::int64_t off_ms = 0;
    for (int i = 0; i < 3'000; ++i) {
      now.steady += 1s;
      off_ms += direction;  // a thousand times worse than a clock may be
      const std::int64_t host = host_ms() - off_ms;
      const auto changed = ledger.record(
          kHost,
          {.clock_ms = host,
           .applications = {{.application = kShop, .rules_hash = rules, .seconds = {{host / 1'000 - 1, 1, 1}}}}},
          now);
      const std::int64_t expected = second_of(now.steady) - 1;
      for (const ChangedSample& change : changed) ASSERT_LE(std::abs(change.sample.second - expected), 2) << i;
    }
    shift += std::int64_t{3} * direction;
  }
}

TEST_F(ReportLedgerTest, after_a_reboot_the_clock_of_the_host_begins_anew) {
  hello("boot 1");
  report({{99'999, 1, 1}});
  EXPECT_EQ(ledger.wanted_since(kHost), 99'999);
  go_to(1'000'060);
  shift = 1'000'050;  // it booted ten seconds ago
  hello("boot 2");
  EXPECT_EQ(ledger.wanted_since(kHost), 0) << "all that it keeps";
  EXPECT_THAT(samples_of(report({{9, 3, 3}})), ElementsAre(sample(1'000'059, 3, 3)));
  EXPECT_EQ(window(0, 1'000'060), (Tally{.errors = 4, .lines = 4, .seconds = 2})) << "what was counted before stays";
}

TEST_F(ReportLedgerTest, a_reboot_within_the_same_seconds_of_uptime_is_noticed) {
  hello("boot 1");
  report({{99'999, 1, 1}});
  hello("boot 2");
  EXPECT_EQ(ledger.wanted_since(kHost), 0);
}

TEST_F(ReportLedgerTest, a_machine_whose_clock_stood_still_for_an_hour_is_aligned_anew) {
  hello();
  report({{99'999, 1, 1}});
  go_to(1'003'600);
  shift += 3'600;  // paused, and resumed with the clock that it had
  hello("boot 1");
  EXPECT_THAT(samples_of(report({{99'999, 2, 2}})), ElementsAre(sample(1'003'599, 2, 2)));
}

TEST_F(ReportLedgerTest, a_host_clock_that_jumps_ahead_is_aligned_anew) {
  hello();
  report({{99'999, 1, 1}});
  go_to(1'000'001);
  shift -= 3'600;
  EXPECT_THAT(samples_of(report({{103'600, 2, 2}})), ElementsAre(sample(1'000'000, 2, 2)));
}

TEST_F(ReportLedgerTest, a_stepped_wall_clock_changes_nothing) {
  hello();
  now.wall += 1h;
  EXPECT_THAT(samples_of(report({{99'999, 1, 1}})), ElementsAre(sample(999'999, 1, 1)));
}

TEST_F(ReportLedgerTest, no_clock_that_a_host_may_claim_breaks_the_arithmetic) {
  for (const std::int64_t claimed : {INT64_MIN, INT64_MIN + 1, std::int64_t{-1}, INT64_MAX}) {
    ledger.begin_session(kHost, "boot", claimed, now);
    ledger.record(kHost,
                  {.clock_ms = claimed,
                   .applications = {{.application = kShop, .seconds = {{claimed, 1, 1}, {INT64_MAX, 1, 1}}}}},
                  now);
  }
  EXPECT_THAT(samples(0, 2'000'000), IsEmpty());
}

TEST_F(ReportLedgerTest, acknowledges_the_newest_report_of_the_present_run) {
  EXPECT_EQ(ledger.position(kHost).run, "");
  hello();
  ledger.record(kHost, {.run = "a", .sequence = 5, .clock_ms = host_ms()}, now);
  ledger.record(kHost, {.run = "a", .sequence = 4, .clock_ms = host_ms()}, now);
  EXPECT_EQ(ledger.position(kHost).run, "a");
  EXPECT_EQ(ledger.position(kHost).sequence, 5U);
  ledger.record(kHost, {.run = "b", .sequence = 1, .clock_ms = host_ms()}, now);
  EXPECT_EQ(ledger.position(kHost).run, "b");
  EXPECT_EQ(ledger.position(kHost).sequence, 1U);
  EXPECT_EQ(ledger.position("web-02").sequence, 0U);
}

TEST_F(ReportLedgerTest, wants_again_what_followed_the_newest_second_that_it_has) {
  EXPECT_EQ(ledger.wanted_since(kHost), 0);
  hello();
  EXPECT_EQ(ledger.wanted_since(kHost), 0);
  report({{99'998, 0, 0}, {99'999, 0, 0}});
  hello();
  EXPECT_EQ(ledger.wanted_since(kHost), 99'999);
}

TEST_F(ReportLedgerTest, a_gap_taints_its_own_seconds) {
  hello();
  report({{99'990, 0, 1}});
  report({{99'991, 0, 1}, {99'992, 0, 1}}, "cannot read /var/log/shop.log");
  EXPECT_EQ(ledger.gap(kHost, kShop, 999'990, 999'991), "");
  EXPECT_EQ(ledger.gap(kHost, kShop, 999'990, 999'992), "cannot read /var/log/shop.log");
  EXPECT_EQ(ledger.gap(kHost, kShop, 999'992, 999'993), "cannot read /var/log/shop.log");
  EXPECT_EQ(ledger.gap(kHost, kShop, 999'993, 1'000'000), "");
  EXPECT_EQ(ledger.gap("web-02", kShop, 0, 1'000'000), "");
}

TEST_F(ReportLedgerTest, a_gap_of_five_minutes_is_remembered_from_its_first_second_though_told_each_second) {
  hello();
  count(1'000'000, 1'000'010, 0, 1, "10 lines were skipped");
  count(1'000'010, 1'000'300, 0, 1, "cannot read /var/log/shop.log");
  EXPECT_EQ(ledger.gap(kHost, kShop, 1'000'000, 1'000'001), "10 lines were skipped");
  EXPECT_EQ(ledger.gap(kHost, kShop, 1'000'010, 1'000'011), "cannot read /var/log/shop.log");
}

TEST_F(ReportLedgerTest, a_gap_that_is_sent_again_pushes_out_no_other) {
  hello();
  report({{99'900, 0, 1}}, "rotated file missing");
  for (int i = 0; i < 200; ++i) report({{99'950, 0, 1}, {99'951, 0, 1}}, "lag");
  EXPECT_EQ(ledger.gap(kHost, kShop, 999'900, 999'901), "rotated file missing");
}

TEST_F(ReportLedgerTest, the_text_of_a_gap_is_cut) {
  hello();
  report({{99'999, 0, 1}}, std::string(100'000, 'x'));
  EXPECT_EQ(ledger.gap(kHost, kShop, 999'999, 1'000'000).size(), 256U);
}

TEST_F(ReportLedgerTest, shows_errors_per_second_over_the_newest_seconds) {
  hello();
  EXPECT_EQ(ledger.error_rate(kHost, kShop, now.steady, 10), std::nullopt);
  count(1'000'000, 1'000'005, 100, 0);
  count(1'000'005, 1'000'015, 3, 0);
  EXPECT_EQ(ledger.error_rate(kHost, kShop, now.steady, 10), 3.0);
  EXPECT_EQ(ledger.error_rate(kHost, kShop, now.steady, 15), (500.0 + 30.0) / 15.0);
  EXPECT_EQ(ledger.error_rate(kHost, kShop, now.steady, 100), (500.0 + 30.0) / 15.0) << "no second is made up";
  EXPECT_EQ(ledger.error_rate(kHost, kShop, now.steady + 9s, 10), 3.0);
  EXPECT_EQ(ledger.error_rate(kHost, kShop, now.steady + 10s, 10), std::nullopt) << "10 s ago is no present";
}

TEST_F(ReportLedgerTest, samples_from_the_database_stand_where_they_were) {
  ledger.restore(kShop, sample(999'990, 4, 40, true));
  ledger.restore(kShop, sample(999'991, 5, 50, false));
  EXPECT_THAT(samples(0, 1'000'000), ElementsAre(sample(999'990, 4, 40, true), sample(999'991, 5, 50, false)));
  hello();
  EXPECT_THAT(report({{99'990, 4, 40}}), IsEmpty()) << "sent again after the restart: known";
  EXPECT_THAT(samples_of(report({{99'991, 6, 60}})), ElementsAre(sample(999'991, 6, 60, false)));
}

TEST_F(ReportLedgerTest, a_forgotten_host_has_counted_nothing) {
  hello();
  report({{99'999, 1, 1}});
  ledger.forget(kHost);
  EXPECT_THAT(samples(0, 2'000'000), IsEmpty());
  EXPECT_EQ(ledger.position(kHost).run, "");
  EXPECT_EQ(ledger.wanted_since(kHost), 0);
}

TEST_F(ReportLedgerTest, what_a_host_reports_of_too_many_applications_is_dropped) {
  hello();
  Report many{.run = "run", .sequence = 1, .clock_ms = host_ms()};
  for (std::size_t i = 0; i < 10 * limits::kApplicationsPerHostMax; ++i) {
    many.applications.push_back({.application = "app-" + std::to_string(i), .seconds = {{99'999, 1, 1}}});
  }
  EXPECT_EQ(ledger.record(kHost, many, now).size(), limits::kApplicationsPerHostMax);
  EXPECT_THAT(report({{99'999, 1, 1}}), IsEmpty());
  go_to(1'000'001);
  Report known{.clock_ms = host_ms(), .applications = {{.application = "app-0", .seconds = {{100'000, 1, 1}}}}};
  EXPECT_EQ(ledger.record(kHost, known, now).size(), 1U) << "those that it began with go on";
  EXPECT_EQ(ledger.record("web-02", known, now).size(), 1U) << "the bound is each host's own";
}

}  // namespace
}  // namespace serin::fleet
