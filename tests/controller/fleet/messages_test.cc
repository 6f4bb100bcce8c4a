// What hosts say of their error messages: the ring of one host, the book of an application, and both behind a report.
#include <gmock/gmock.h>

#include "controller/fleet/message_book.h"
#include "controller/fleet/message_ring.h"
#include "protocol/limits.h"
#include "tests/controller/core_fixture.h"
#include "tests/controller/fleet/ledger_fixture.h"

namespace serin::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using Row = std::vector<SignatureCount>;
using Sums = std::map<SignatureId, std::uint64_t>;
using namespace std::chrono_literals;

Sums since(const MessageRing& ring, std::int64_t second) {
  Sums sums;
  ring.add_since(second, sums);
  return sums;
}

TEST(MessageRing, a_second_that_comes_again_replaces_itself) {
  MessageRing ring;
  ring.put(100, {{7, 2}}, false);
  ring.put(101, {{7, 1}, {9, 4}}, false);
  ring.put(100, {{7, 3}}, true);
  EXPECT_EQ(ring.at(100), (Row{{7, 3}}));
  EXPECT_EQ(ring.at(99), Row{});
  EXPECT_EQ(since(ring, 0), (Sums{{7, 4}, {9, 4}}));
  EXPECT_EQ(since(ring, 101), (Sums{{7, 1}, {9, 4}}));
}

TEST(MessageRing, keeps_single_seconds_for_three_minutes_sums_of_ten_beyond_and_nothing_after_ten_minutes) {
  MessageRing ring;
  for (std::int64_t second = 1'000; second < 1'700; ++second) ring.put(second, {{7, 1}}, false);
  EXPECT_EQ(ring.at(1'519), Row{}) << "three minutes before the newest second";
  EXPECT_EQ(ring.at(1'520), (Row{{7, 1}}));
  EXPECT_EQ(since(ring, 1'450), (Sums{{7, 250}}));
  EXPECT_EQ(since(ring, 0), (Sums{{7, 610}})) << "to the ten seconds";
  ring.put(1'400, {{7, 5}}, true);
  EXPECT_EQ(since(ring, 0), (Sums{{7, 610}})) << "it is in a sum already";
  ring.put(1'401, {{8, 5}}, false);
  EXPECT_EQ(since(ring, 0), (Sums{{7, 610}, {8, 5}})) << "it came late and was not known";
  ring.put(1'000, {{8, 5}}, false);
  EXPECT_EQ(since(ring, 0), (Sums{{7, 610}, {8, 5}})) << "too old for everybody";
}

TEST(MessageRing, a_flood_of_different_messages_costs_the_oldest) {
  MessageRing ring;
  SignatureId id = 0;
  for (std::int64_t second = 0; second < 200; ++second) {
    Row row;
    for (std::size_t i = 0; i < limits::kSignaturesPerSecond; ++i) row.push_back({++id, 1});
    ring.put(second, row, false);
  }
  EXPECT_EQ(since(ring, 0).size(), MessageRing::kEntriesMax);
  EXPECT_EQ(ring.at(199).size(), limits::kSignaturesPerSecond);
  EXPECT_EQ(ring.at(30), Row{});
}

constexpr WallTime kNoon{std::chrono::hours{500'000}};

TEST(MessageBook, only_what_a_trusted_release_logged_is_history_and_for_thirty_days) {
  MessageBook book;
  book.seen("shop", 7, false, kNoon);
  EXPECT_THAT(book.history("shop", kNoon), IsEmpty());
  book.seen("shop", 7, true, kNoon + 1s);
  book.seen("shop", 7, false, kNoon + 40 * 24h);
  EXPECT_THAT(book.history("shop", kNoon + 30 * 24h), ElementsAre("0000000000000007"));
  EXPECT_THAT(book.history("shop", kNoon + 31 * 24h), IsEmpty());
  EXPECT_THAT(book.history("blog", kNoon), IsEmpty());
}

TEST(MessageBook, a_row_is_stored_when_it_is_new_is_named_and_once_an_hour) {
  MessageBook book;
  EXPECT_TRUE(book.seen("shop", 7, true, kNoon));
  EXPECT_FALSE(book.seen("shop", 7, true, kNoon + 59min));
  EXPECT_TRUE(book.name("shop", {.id = 7, .rule = "php", .text = "Uncaught <q>"}, kNoon + 59min));
  EXPECT_FALSE(book.name("shop", {.id = 7, .rule = "php", .text = "Uncaught <q>"}, kNoon + 59min));
  EXPECT_TRUE(book.name("shop", {.id = 7, .rule = "php", .text = "raw"}, kNoon + 59min));
  EXPECT_TRUE(book.name("shop", {.id = 7, .rule = "php", .text = "Uncaught <q>"}, kNoon + 59min))
      << "the newest words stay: `samples` may have been changed";
  EXPECT_FALSE(book.name("shop", {.id = 7, .rule = "", .text = ""}, kNoon + 59min)) << "these are none";
  EXPECT_TRUE(book.seen("shop", 7, true, kNoon + 60min));
  const KnownMessage expected{.rule = "php",
                              .text = "Uncaught <q>",
                              .first_wall_ms = kNoon.time_since_epoch().count(),
                              .last_wall_ms = (kNoon + 60min).time_since_epoch().count(),
                              .ordinary_wall_ms = (kNoon + 60min).time_since_epoch().count()};
  EXPECT_EQ(*book.find("shop", 7), expected);
  MessageBook restored;
  restored.restore("shop", 7, expected);
  EXPECT_EQ(*restored.find("shop", 7), expected);
  EXPECT_FALSE(restored.seen("shop", 7, true, kNoon + 61min));
}

TEST(MessageBook, a_flood_forgets_what_was_logged_least_recently) {
  MessageBook book;
  for (SignatureId id = 1; id <= limits::kMessagesPerApplication + 5'000; ++id) {
    book.seen("shop", id, true, kNoon + std::chrono::seconds{id});
  }
  const auto kept = book.history("shop", kNoon + 20h);
  EXPECT_LE(kept.size(), limits::kMessagesPerApplication);
  EXPECT_GE(kept.size(), limits::kMessagesPerApplication * 8 / 10);
  EXPECT_EQ(book.find("shop", 1), nullptr);
  EXPECT_NE(book.find("shop", limits::kMessagesPerApplication + 5'000), nullptr);
}

TEST(MessageBook, what_was_ordinary_outlives_a_flood_of_what_was_not) {
  MessageBook book;
  book.seen("shop", 1, true, kNoon);
  for (SignatureId id = 2; id <= 30'000; ++id) book.seen("shop", id, false, kNoon + std::chrono::seconds{id});
  EXPECT_NE(book.find("shop", 1), nullptr);
}

TEST(MessageBook, takes_in_so_many_new_ones_a_minute) {
  MessageBook book;
  for (SignatureId id = 1; id <= 2 * limits::kNewMessagesPerMinute; ++id) book.seen("shop", id, true, kNoon);
  EXPECT_EQ(book.history("shop", kNoon).size(), limits::kNewMessagesPerMinute);
  EXPECT_TRUE(book.seen("shop", 2 * limits::kNewMessagesPerMinute, true, kNoon + 1min));
}

TEST(MessageBook, ids_are_written_with_sixteen_digits_and_read_back) {
  EXPECT_EQ(id_text(0xabc), "0000000000000abc");
  EXPECT_EQ(id_of_text("ffffffffffffffff"), 0xffffffffffffffffULL);
  EXPECT_EQ(id_of_text("php-fatal"), std::nullopt);
  EXPECT_EQ(id_of_text(""), std::nullopt);
}

using LedgerMessages = LedgerFixture;

TEST_F(LedgerMessages, requests_and_messages_stand_beside_the_counts_of_their_second) {
  hello();
  report({{.second = 99'999, .errors = 3, .lines = 9, .requests = 40, .signatures = {{7, 2}, {9, 1}}}});
  EXPECT_EQ(ledger.at(kHost, kShop, 999'999),
            (SecondOfHost{.errors = 3, .lines = 9, .reported = true, .requests = 40}));
  EXPECT_EQ(ledger.signatures(kHost, kShop, 999'999), (Row{{7, 2}, {9, 1}}));
  EXPECT_THAT(ledger.messages(kHost, kShop, 999'000), ElementsAre(Pair(7, 2), Pair(9, 1)));
  EXPECT_THAT(ledger.messages(kHost, "blog", 0), IsEmpty());
  const Sample expected{
      .second = 999'999, .host = kHost, .errors = 3, .lines = 9, .requests = 40, .signatures = {{7, 2}, {9, 1}}};
  EXPECT_THAT(samples(999'000, 1'000'000), ElementsAre(expected));
  ReportLedger later;
  later.restore(kShop, expected);
  EXPECT_THAT(later.samples(kHost, kShop, 999'000, 1'000'000), ElementsAre(expected));
}

TEST_F(LedgerMessages, a_second_that_comes_again_with_other_messages_only_is_news) {
  hello();
  const Seconds first{{.second = 99'999, .errors = 3, .lines = 9, .signatures = {{7, 2}}}};
  EXPECT_EQ(report(first).size(), 1U);
  EXPECT_EQ(report(first).size(), 0U);
  EXPECT_EQ(report({{.second = 99'999, .errors = 3, .lines = 9, .signatures = {{9, 2}}}}).size(), 1U);
  EXPECT_EQ(ledger.signatures(kHost, kShop, 999'999), (Row{{9, 2}}));
}

TEST_F(LedgerMessages, totals_are_the_last_of_each_run_whatever_came_in_between) {
  hello();
  const auto told = [&](const std::string& run, std::uint64_t errors) {
    ledger.record(kHost,
                  {.run = run,
                   .sequence = ++sequence,
                   .clock_ms = host_ms(),
                   .applications = {{.application = kShop, .rules_hash = rules, .totals = {.errors = errors}}}},
                  now);
    return ledger.totals(kHost, kShop).errors;
  };
  EXPECT_EQ(told("a", 5), 5U);
  EXPECT_EQ(told("a", 5), 5U) << "it came again";
  EXPECT_EQ(told("a", 12), 12U);
  EXPECT_EQ(told("a", 9), 12U) << "it was late on its way";
  EXPECT_EQ(told("b", 2), 14U);
  EXPECT_EQ(told("b", 4), 16U);
  EXPECT_EQ(ledger.totals("web-9", kShop), RunTotals{});
}

struct MessagesOfReports : controller::testing::CoreFixture, ::testing::Test {
  controller::Turn report(std::size_t host, Row signatures, std::vector<SignatureText> texts = {}) {
    const std::int64_t at = second_of(now.steady);
    now.steady += 1s;
    now.wall += 1s;
    return say(host,
               Report{.run = "run",
                      .sequence = static_cast<std::uint64_t>(at),
                      .clock_ms = now.steady.time_since_epoch().count(),
                      .applications = {
                          {.application = kShop,
                           .rules_hash = "rules",
                           .seconds = {{.second = at, .errors = 2, .lines = 9, .signatures = std::move(signatures)}},
                           .texts = std::move(texts)}}});
  }
  static std::vector<SignatureId> stored(const controller::Turn& turn) {
    std::vector<SignatureId> ids;
    for (const auto& record : turn.records) {
      if (const auto* row = std::get_if<controller::StoreMessage>(&record)) ids.push_back(row->id);
    }
    return ids;
  }
};

TEST_F(MessagesOfReports, a_new_message_is_stored_once_with_its_words) {
  released(1);
  hello_all();
  EXPECT_THAT(stored(report(1, {{7, 1}}, {{.id = 7, .rule = "php", .text = "Uncaught <q>"}})), ElementsAre(7));
  EXPECT_THAT(stored(report(2, {{7, 1}}, {{.id = 7, .rule = "php", .text = "Uncaught <q>"}})), IsEmpty());
  EXPECT_EQ(state.messages.find(kShop, 7)->text, "Uncaught <q>");
}

TEST_F(MessagesOfReports, what_hosts_log_that_run_no_trusted_release_is_no_history) {
  add_release(1, controller::Trust::untried);
  hello_all();
  report(1, {{7, 1}});
  EXPECT_THAT(state.messages.history(kShop, now.wall), IsEmpty());
  EXPECT_NE(state.messages.find(kShop, 7), nullptr);
}

}  // namespace
}  // namespace serin::fleet
