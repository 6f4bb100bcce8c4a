#include "agent/report/report_queue.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <list>
#include <set>

#include "protocol/limits.h"

namespace serin::report {
namespace {

using count::ErrorCounter;
using Applications = std::vector<ApplicationCounts>;

SteadyTime at(std::int64_t second) {
  return SteadyTime{std::chrono::seconds{second}};
}

/// One application "shop" whose every second has that second's number of lines.
class ReportQueueTest : public testing::Test {
 protected:
  void run_until(std::int64_t second) {
    while (now_ < second) {
      counter_.advance(at(++now_));
      counter_.add({.lines = static_cast<std::uint64_t>(now_), .errors = 1}, count::Written::lately);
    }
  }
  Report next() { return queue_.next({{"shop", &counter_}}, {{"shop", "hash"}}, at(now_)); }
  static std::vector<std::int64_t> seconds_of(const Report& report) {
    std::vector<std::int64_t> seconds;
    for (const auto& entry : report.applications) {
      for (const auto& counts : entry.seconds) seconds.push_back(counts.second);
    }
    return seconds;
  }
  using Numbers = std::vector<std::int64_t>;

  std::int64_t now_ = 9;
  ErrorCounter counter_;
  ReportQueue queue_{"run-1"};
};

TEST_F(ReportQueueTest, holds_the_finished_seconds_with_all_that_belongs_to_them) {
  run_until(12);
  EXPECT_EQ(next(), (Report{.run = "run-1",
                            .sequence = 1,
                            .clock_ms = 12'000,
                            .applications = {{.application = "shop",
                                              .rules_hash = "hash",
                                              .seconds = {{10, 1, 10}, {11, 1, 11}},
                                              .gap = "",
                                              .totals = {.errors = 3, .lines = 33}}}}));
}

TEST_F(ReportQueueTest, sends_again_until_acknowledged_and_not_after) {
  run_until(12);
  next();
  run_until(13);
  EXPECT_EQ(seconds_of(next()), (Numbers{10, 11, 12}));
  queue_.acknowledged("run-1", 1);
  EXPECT_EQ(seconds_of(next()), Numbers{12}) << "only the first report is safe";
  queue_.acknowledged("run-1", 3);
  run_until(14);
  const auto report = next();
  EXPECT_EQ(seconds_of(report), Numbers{13});
  EXPECT_EQ(report.sequence, 4U);
}

TEST_F(ReportQueueTest, an_idle_second_is_reported_too) {
  run_until(12);
  queue_.acknowledged("run-1", next().sequence);
  counter_.advance(at(13));
  counter_.advance(at(14));
  now_ = 14;
  queue_.acknowledged("run-1", next().sequence);
  counter_.advance(at(15));
  now_ = 15;
  EXPECT_EQ(next().applications, (Applications{{"shop", "hash", {{14, 0, 0}}, "", {.errors = 3, .lines = 33}}}));
}

TEST_F(ReportQueueTest, ignores_acknowledgements_that_are_not_its_own) {
  run_until(12);
  next();
  queue_.acknowledged("run-0", 1);
  queue_.acknowledged("run-1", 0);
  queue_.acknowledged("run-1", 99);
  EXPECT_EQ(seconds_of(next()), (Numbers{10, 11}));
}

TEST_F(ReportQueueTest, an_older_acknowledgement_takes_nothing_back) {
  run_until(12);
  next();
  run_until(13);
  next();
  queue_.acknowledged("run-1", 2);
  queue_.acknowledged("run-1", 1);
  run_until(14);
  EXPECT_EQ(seconds_of(next()), Numbers{13});
}

TEST_F(ReportQueueTest, a_new_session_gets_again_what_it_asks_for) {
  run_until(20);
  const auto before = next().sequence;
  queue_.acknowledged("run-1", before);
  queue_.send_again_since(17);
  queue_.acknowledged("run-1", before);
  EXPECT_EQ(seconds_of(next()), (Numbers{17, 18, 19}))
      << "the old session's acknowledgement is no longer worth a thing";
  queue_.send_again_since(0);
  EXPECT_EQ(seconds_of(next()).size(), 10U);
}

TEST_F(ReportQueueTest, a_session_that_asks_for_the_future_gets_everything) {
  run_until(12);
  queue_.send_again_since(5'000'000);
  EXPECT_EQ(seconds_of(next()), (Numbers{10, 11}));
}

TEST_F(ReportQueueTest, is_bounded_while_the_controller_is_away) {
  for (int i = 0; i < 1'000; ++i) {
    run_until(now_ + 1);
    ASSERT_LE(seconds_of(next()).size(), 120U);
  }
  const auto newest = next();
  EXPECT_EQ(seconds_of(newest).front(), now_ - 120);
  queue_.acknowledged("run-1", newest.sequence - 500);
  EXPECT_EQ(seconds_of(next()).size(), 120U) << "an acknowledgement from so long ago says nothing of these seconds";
  queue_.acknowledged("run-1", newest.sequence);
  EXPECT_EQ(seconds_of(next()), Numbers{});
}

TEST_F(ReportQueueTest, a_gap_taints_its_own_seconds_only) {
  run_until(12);
  counter_.note_gap("truncated");
  run_until(13);
  counter_.note_gap("truncated");
  run_until(15);
  EXPECT_EQ(next().applications, (Applications{{"shop", "hash", {{10, 1, 10}, {11, 1, 11}}, ""},
                                               {"shop", "hash", {{12, 1, 12}, {13, 1, 13}}, "truncated"},
                                               {"shop", "hash", {{14, 1, 14}}, "", {.errors = 6, .lines = 75}}}));
}

TEST_F(ReportQueueTest, an_absent_second_is_absent_in_the_report) {
  run_until(11);
  counter_.advance(at(20));
  counter_.advance(at(21));
  now_ = 21;
  EXPECT_EQ(seconds_of(next()), (Numbers{10, 11, 20}));
}

TEST(ReportQueue, names_every_application_and_carries_on_without_a_hash) {
  ErrorCounter busy, fresh;
  busy.advance(at(10));
  busy.advance(at(11));
  fresh.advance(at(11));
  ReportQueue queue("run");
  EXPECT_EQ(queue.next({{"busy", &busy}, {"fresh", &fresh}}, {{"busy", "h"}}, at(11)).applications,
            (Applications{{"busy", "h", {{10, 0, 0}}, ""}, {"fresh", "", {}, ""}}));
}

// 64 applications, two minutes each, every second with a gap of its own: more than a frame holds.
TEST(ReportQueue, cuts_what_one_message_cannot_hold_and_sends_the_rest_after_the_acknowledgement) {
  std::list<ErrorCounter> counters;
  std::map<ApplicationName, const ErrorCounter*> by_name;
  for (std::size_t i = 0; i < limits::kApplicationsPerHostMax; ++i) {
    auto& counter = counters.emplace_back();
    by_name[fmt::format("application-{}", i)] = &counter;
    for (int second = 0; second <= 120; ++second) {
      counter.advance(at(second));
      counter.note_gap(fmt::format("{}{}", second, std::string(200, 'x')));
    }
  }
  ReportQueue queue("run");
  std::int64_t expected = 0;
  int reports = 0;
  while (expected < 120) {
    ASSERT_LT(++reports, 121);
    const auto report = queue.next(by_name, {}, at(120));
    std::size_t seconds = 0, bytes = 0;
    for (const auto& entry : report.applications) {
      if (entry.application == "application-0") {
        for (const auto& counts : entry.seconds) ASSERT_EQ(counts.second, expected++);
      }
      seconds += entry.seconds.size();
      bytes += entry.gap.size() + entry.application.size() + 50;
    }
    EXPECT_LE(report.applications.size(), limits::kUnpackItemsMax);
    EXPECT_LT(bytes + seconds * 40, limits::kControlFrameBytesMax);
    EXPECT_EQ(seconds % limits::kApplicationsPerHostMax, 0U) << "no application is left behind";
    queue.acknowledged("run", report.sequence);
  }
  EXPECT_GT(reports, 1);
}

TEST_F(ReportQueueTest, totals_have_what_no_second_has_any_more) {
  run_until(12 + limits::kReportedSecondsKept.count());
  EXPECT_EQ(next().applications.back().totals.errors, 3U + limits::kReportedSecondsKept.count());
  counter_.add({.lines = 5, .errors = 4}, count::Written::earlier);
  const auto totals = next().applications.back().totals;
  EXPECT_EQ(totals.late_errors, 4U);
  EXPECT_EQ(totals.late_lines, 5U);
}

TEST_F(ReportQueueTest, says_what_a_message_is_until_that_is_acknowledged_and_again_in_a_new_session) {
  const auto logs = [&](const std::string& text) {
    counter_.signatures().add("php", text, at(now_));
    counter_.add({.lines = 1, .errors = 1}, count::Written::lately);
  };
  const auto texts = [&] {
    std::vector<std::string> all;
    const auto report = next();
    for (const auto& entry : report.applications) {
      for (const auto& text : entry.texts) all.push_back(text.rule + ": " + text.text);
    }
    return all;
  };
  using Texts = std::vector<std::string>;
  run_until(10);
  logs("disk is gone");
  run_until(11);
  EXPECT_EQ(texts(), Texts{"php: disk is gone"});
  EXPECT_EQ(texts(), Texts{"php: disk is gone"});
  queue_.acknowledged("run-1", 1);
  logs("disk is gone");
  logs("cart is empty");
  run_until(12);
  EXPECT_EQ(texts(), Texts{"php: cart is empty"}) << "that of the first is known";
  queue_.send_again_since(0);
  EXPECT_EQ(texts().size(), 2U);
}

/// Messages of many rules, of each as many as it may make within a minute.
void log_messages(ErrorCounter& counter, std::size_t messages, std::int64_t second) {
  for (std::size_t i = 0; i < messages; ++i) {
    const std::string word(1, static_cast<char>('a' + i % 26));
    counter.signatures().add(fmt::format("rule-{}", i / 26), word + std::string(1 + i / 26, 'x'), at(second));
    if (i % 30 == 29) {
      counter.add({.lines = 30, .errors = 30}, count::Written::lately);
      counter.advance(at(++second));
    }
  }
  counter.advance(at(second + 2));
}

std::set<SignatureId> ids_told(const Report& report) {
  std::set<SignatureId> ids;
  for (const auto& entry : report.applications) {
    for (const auto& text : entry.texts) ids.insert(text.id);
  }
  return ids;
}

TEST(ReportQueue, what_one_report_cannot_say_follows_when_it_is_acknowledged) {
  ErrorCounter counter;
  counter.advance(at(100));
  log_messages(counter, 180, 100);
  ReportQueue queue("run");
  std::set<SignatureId> told;
  for (const std::size_t more : {64U, 64U, 52U, 0U}) {
    const auto lost = ids_told(queue.next({{"shop", &counter}}, {}, at(109)));
    const auto report = queue.next({{"shop", &counter}}, {}, at(109));
    EXPECT_EQ(ids_told(report), lost) << "again until acknowledged";
    EXPECT_EQ(lost.size(), more);
    told.merge(ids_told(report));
    queue.acknowledged("run", report.sequence);
    EXPECT_EQ(queue.safe_until(), 109) << "the seconds themselves are safe at once";
  }
  EXPECT_EQ(told.size(), 180U);
}

TEST(ReportQueue, what_was_not_told_is_told_by_the_next_process) {
  ErrorCounter counter;
  counter.advance(at(100));
  log_messages(counter, 90, 100);
  ReportQueue queue("run");
  const auto report = queue.next({{"shop", &counter}}, {}, at(105));
  queue.acknowledged("run", report.sequence);
  counter.signatures().add("php", "half a second before it was killed", at(105));
  counter.add({.lines = 1, .errors = 1}, count::Written::lately);

  ErrorCounter next_counter;
  next_counter.advance(at(107));
  next_counter.restore(counter.state(queue.safe_until()), at(107));
  ReportQueue next_queue("run", 200);
  next_queue.restore_untold("shop", queue.untold("shop", counter));
  const auto next = next_queue.next({{"shop", &next_counter}}, {}, at(107));
  EXPECT_EQ(ids_told(next).size(), 90U - limits::kSignatureTextsPerReport + 1);
  EXPECT_EQ(next.applications.back().texts.back().text, "half a second before it was killed");
}

TEST(ReportQueue, texts_of_all_applications_together_leave_room_in_the_frame) {
  std::list<ErrorCounter> counters;
  std::map<ApplicationName, const ErrorCounter*> by_name;
  for (std::size_t i = 0; i < limits::kApplicationsPerHostMax; ++i) {
    auto& counter = counters.emplace_back();
    by_name[fmt::format("application-{}", i)] = &counter;
    counter.advance(at(100));
    log_messages(counter, 30, 100);
  }
  ReportQueue queue("run");
  std::size_t told = 0, reports = 0;
  while (told < 30 * limits::kApplicationsPerHostMax) {
    ASSERT_LT(++reports, 100U);
    const auto report = queue.next(by_name, {}, at(103));
    std::size_t bytes = 0;
    for (const auto& entry : report.applications) {
      told += entry.texts.size();
      for (const auto& text : entry.texts) bytes += text.text.size() + text.rule.size() + 30;
    }
    EXPECT_LT(bytes, limits::kControlFrameBytesMax / 8);
    queue.acknowledged("run", report.sequence);
  }
  EXPECT_EQ(told, 30 * limits::kApplicationsPerHostMax);
}

TEST(MessageTexts, keeps_the_newest_of_very_many) {
  MessageTexts texts;
  std::vector<SignatureText> many;
  for (SignatureId id = 1; id <= MessageTexts::kUntoldMax + 10; ++id)
    many.push_back({.id = id, .rule = "r", .text = ""});
  texts.restore(many);
  EXPECT_EQ(texts.untold().size(), MessageTexts::kUntoldMax);
  EXPECT_EQ(texts.untold().front().id, 11U);
}

}  // namespace
}  // namespace serin::report
