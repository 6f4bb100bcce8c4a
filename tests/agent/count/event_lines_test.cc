#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/count/continuation.h"
#include "agent/count/open_events.h"
#include "tests/agent/count/matcher_fixture.h"

namespace serin::count {
namespace {

const std::string kJavaTrace =
    "2026-05-01 10:00:00.123 [main] ERROR c.e.shop.Cart - cannot pay\n"
    "java.lang.IllegalStateException: no money\n"
    "\tat c.e.shop.Cart.pay(Cart.java:17)\n"
    "\tat c.e.shop.Cart.main(Cart.java:3)\n"
    "Caused by: java.io.IOException: ERROR gone\n"
    "\tat c.e.shop.Bank.call(Bank.java:9)\n"
    "\t... 12 more\n"
    "Caused by: java.net.ConnectException: refused\n"
    "\tSuppressed: java.lang.RuntimeException: x\n"
    "\t... 14 more\n"
    "Caused by: java.lang.Error: deep\n"
    "\tat c.e.shop.Net.open(Net.java:1)\n";

const std::string kChainedPython =
    "Traceback (most recent call last):\n"
    "  File \"/srv/shop/app.py\", line 3, in pay\n"
    "    raise KeyError('x')\n"
    "KeyError: 'x'\n"
    "\n"
    "During handling of the above exception, another exception occurred:\n"
    "\n"
    "Traceback (most recent call last):\n"
    "  File \"/srv/shop/app.py\", line 9, in main\n"
    "    pay()\n"
    "shop.errors.NoMoney: ERROR 17\n";

Counted count(const std::string& preset, const std::string& text) {
  return count_in_any_steps(matcher_for({.preset = preset}, {}), text);
}

TEST(EventLines, a_java_trace_with_three_causes_is_one_error) {
  const auto matcher = matcher_for({}, {text_rule("error", "ERROR|Exception: |Error: ")});
  EXPECT_EQ(count_in_any_steps(matcher, kJavaTrace + kJavaTrace + "2026 INFO fine\n"),
            (Counted{.found = {.lines = 25, .errors = 2, .by_rule = {2}},
                     .messages = {{"error: c.e.shop.Cart - cannot pay | java.lang.IllegalStateException: no money @ at "
                                   "c.e.shop.Cart.pay(Cart.java:<#>)",
                                   2}}}));
}

TEST(EventLines, a_php_trace_inside_an_nginx_entry_is_one_error) {
  const std::string entry =
      "2026/05/01 10:00:00 [error] 12#12: *7 FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Uncaught "
      "RuntimeException: PHP Fatal error in /srv/shop/a.php:3\n"
      "Stack trace:\n"
      "#0 /srv/shop/b.php(4): PHP Fatal error()\n"
      "#1 {main}\n"
      "  thrown in /srv/shop/a.php on line 3\n"
      "PHP message: PHP Fatal error:  again\" while reading response header from upstream, client: 10.0.0.1\n";
  const auto counted = count("nginx", entry + entry);
  EXPECT_EQ(counted.found, (Findings{.lines = 12, .errors = 2, .by_rule = {2, 0}}));
}

TEST(EventLines, what_php_says_in_a_log_of_its_own_is_one_error_each) {
  const std::string text =
      "[01-May-2026 10:00:00 UTC] PHP Fatal error:  Uncaught Exception: x in /srv/a.php:10\n"
      "Stack trace:\n#0 /srv/a.php(1): b()\n#1 {main}\n  thrown in /srv/a.php on line 10\n"
      "[01-May-2026 10:00:01 UTC] PHP Warning:  y in /srv/a.php on line 3\n"
      "[01-May-2026 10:00:01 UTC] PHP Parse error:  z in /srv/a.php on line 3\n";
  EXPECT_EQ(count("php-fpm", text).found, (Findings{.lines = 7, .errors = 2, .by_rule = {2, 0, 0}}));
}

TEST(EventLines, chained_python_tracebacks_are_one_error_named_by_the_last_exception) {
  EXPECT_EQ(
      count("python", kChainedPython),
      (Counted{.found = {.lines = 11, .errors = 1, .by_rule = {1, 0}},
               .messages = {{"python-traceback: shop.errors.NoMoney: ERROR <#> @ File <p>/app.py, in main", 1}}}));
}

TEST(EventLines, one_python_traceback_after_the_other_is_two_errors) {
  EXPECT_EQ(count("python", kChainedPython + kChainedPython).found.errors, 2U);
}

TEST(EventLines, a_traceback_below_a_logged_error_belongs_to_it) {
  EXPECT_EQ(count("python", "2026-05-01 10:00:00 ERROR shop: no\n" + kChainedPython + "2026 INFO x\n").found,
            (Findings{.lines = 13, .errors = 1, .by_rule = {0, 1}}));
}

TEST(EventLines, two_processes_that_write_at_once_are_two_errors) {
  const std::string text =
      "May  1 10:00:00 web1 shop[12]: Traceback (most recent call last):\n"
      "May  1 10:00:00 web1 shop[13]: Traceback (most recent call last):\n"
      "May  1 10:00:00 web1 shop[12]:   File \"a.py\", line 1, in ERROR\n"
      "May  1 10:00:00 web1 shop[13]:   File \"a.py\", line 2, in ERROR\n"
      "May  1 10:00:00 web1 cron[99]: nothing\n"
      "May  1 10:00:00 web1 shop[13]: KeyError: ERROR y\n"
      "May  1 10:00:00 web1 shop[12]: ValueError: ERROR x\n";
  const auto matcher = matcher_for({}, {text_rule("error", "Traceback|ERROR")});
  const auto counted = count_in_any_steps(matcher, text);
  EXPECT_EQ(counted.found, (Findings{.lines = 7, .errors = 2, .by_rule = {2}}));
  EXPECT_EQ(counted.messages,
            (std::map<std::string, unsigned>{{"error: ValueError: ERROR x @ File <q>, line <#>, in ERROR", 1},
                                             {"error: KeyError: ERROR y @ File <q>, line <#>, in ERROR", 1}}));
}

TEST(EventLines, an_entry_of_the_journal_is_one_error_named_by_its_exception) {
  const std::string prefix = "<3>shop[12]: ";
  std::string text;
  for (std::string_view rest = kChainedPython; !rest.empty();) {
    const auto end = rest.find('\n') + 1;
    text += prefix + (text.empty() ? "" : "\t") + std::string(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  EXPECT_EQ(
      count("python", text + prefix + "fine\n"),
      (Counted{.found = {.lines = 12, .errors = 1, .by_rule = {1, 0}},
               .messages = {{"python-traceback: shop.errors.NoMoney: ERROR <#> @ File <p>/app.py, in main", 1}}}));
}

TEST(EventLines, an_application_that_indents_every_line_has_an_error_in_each) {
  const auto matcher = matcher_for({}, {text_rule("error", "ERROR")});
  EXPECT_EQ(count_in_any_steps(matcher, "  ERROR a\n  ERROR b\n    ERROR of b\n  ERROR c\nERROR d\n").found.errors, 4U);
}

TEST(EventLines, an_indented_line_without_an_open_error_is_one) {
  const auto matcher = matcher_for({}, {text_rule("error", "ERROR")});
  EXPECT_EQ(count_in_any_steps(matcher, "request 17:\n  ERROR a\n    more ERROR\nrequest 18:\n").found.errors, 1U);
}

TEST(EventLines, one_exceptions_line_after_the_other_is_an_error_each) {
  const auto matcher = matcher_for({}, {text_rule("error", "Error")});
  EXPECT_EQ(count_in_any_steps(matcher, "ValueError: a\nValueError: b\nTypeError: c\n").found.errors, 3U);
}

TEST(EventLines, multiline_off_counts_each_line) {
  const auto matcher = matcher_for({.multiline = false}, {text_rule("error", "ERROR")});
  EXPECT_EQ(count_in_any_steps(matcher, "ERROR a\n  ERROR b\nCaused by: ERROR\n").found.errors, 3U);
}

TEST(EventLines, record_start_says_what_begins_a_record) {
  const auto matcher = matcher_for({.record_start = "^# "}, {text_rule("error", "ERROR")});
  EXPECT_EQ(count_in_any_steps(matcher, "# ERROR a\nERROR still a\n  # ERROR a\n# fine\nERROR b\n# ERROR c\n").found,
            (Findings{.lines = 6, .errors = 3, .by_rule = {3}}));
}

TEST(EventLines, an_event_is_over_after_a_second_without_a_line) {
  const auto matcher = matcher_for({}, {text_rule("error", "ERROR")});
  TextState state;
  Findings found;
  SignatureTable signatures;
  matcher.take(state, "ERROR a\n", kNow, found, signatures);
  EXPECT_EQ(found.errors, 1U) << "counted at once";
  EXPECT_TRUE(signatures.take().empty()) << "named at its end";
  matcher.pause(state, kNow + std::chrono::milliseconds{999}, signatures);
  EXPECT_TRUE(signatures.take().empty());
  matcher.take(state, "  ERROR of a\n", kNow + std::chrono::milliseconds{999}, found, signatures);
  EXPECT_EQ(found.errors, 1U);
  matcher.pause(state, kNow + std::chrono::milliseconds{2'000}, signatures);
  EXPECT_EQ(signatures.take().size(), 1U);
  matcher.take(state, "  ERROR b\n", kNow + std::chrono::milliseconds{2'000}, found, signatures);
  EXPECT_EQ(found.errors, 2U);
}

TEST(EventLines, other_processes_keep_an_event_open_for_64_lines) {
  const std::string other = "May  1 10:00:00 web1 cron[99]: nothing\n";
  const auto matcher = matcher_for({}, {text_rule("error", "ERROR")});
  for (const unsigned lines : {64U, 65U}) {
    std::string text = "May  1 10:00:00 web1 shop[12]: ERROR a\n";
    for (unsigned i = 0; i < lines; ++i) text += other;
    text += "May  1 10:00:00 web1 shop[12]:   ERROR of a\n";
    EXPECT_EQ(count_in_any_steps(matcher, text).found.errors, lines == 64 ? 1U : 2U);
  }
}

TEST(EventLines, a_restart_in_an_event_makes_no_new_one) {
  const auto matcher = matcher_for({}, {text_rule("error", "ERROR|Exception: |Error: ")});
  const auto whole = count_all(matcher, kJavaTrace + kJavaTrace);
  for (auto at = kJavaTrace.find('\n') + 1; at < kJavaTrace.size(); at = kJavaTrace.find('\n', at) + 1) {
    Counted all;
    SignatureTable signatures;
    TextState first;
    const auto text = kJavaTrace + kJavaTrace;
    matcher.take(first, text.substr(0, at), kNow, all.found, signatures);
    EXPECT_LT(first.saved().size(), 1'000U);
    auto second = TextState::restored(first.saved());
    EXPECT_EQ(second.saved(), first.saved());
    // The clock of another boot.
    matcher.take(second, text.substr(at), SteadyTime{}, all.found, signatures);
    matcher.finish(second, SteadyTime{}, all.found, signatures);
    EXPECT_EQ(all.found, whole.found) << at;
    EXPECT_EQ(signatures.take().size(), 1U);
  }
}

TEST(EventLines, what_was_saved_can_be_any_bytes) {
  OpenEvents events;
  SignatureTable signatures;
  for (int i = 0; i < 9; ++i) events.begin("a[" + std::to_string(i) + "]:  Error: x", "rule", {signatures, kNow});
  const auto saved = events.saved();
  EXPECT_EQ(OpenEvents::restored(saved).saved(), saved);
  for (std::size_t at = 0; at < saved.size(); ++at) {
    OpenEvents::restored(saved.substr(0, at)).close_all({signatures, kNow});
    for (const int bit : {0, 3, 6}) {
      auto damaged = saved;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      EXPECT_LE(OpenEvents::restored(damaged).saved().size(), 2 * saved.size());
      std::ignore = TextState::restored("-" + damaged);
    }
  }
}

TEST(ProcessOfALine, is_its_name_and_number_near_the_beginning) {
  EXPECT_EQ(split_process("May  1 10:00:00 web1 shop[312]:   text"), (ProcessLine{"shop[312]", "  text"}));
  EXPECT_EQ(split_process("<3>shop[312]: text"), (ProcessLine{"shop[312]", "text"}));
  EXPECT_EQ(split_process("<3>kernel: \ttext: x"), (ProcessLine{"kernel", "\ttext: x"}));
  EXPECT_EQ(split_process("2026-05-01T10:00:00+00:00 web1 a/b.c-d[1]: "), (ProcessLine{"a/b.c-d[1]", ""}));
  for (const char* none : {"2026 ERROR [main]: text", "kernel: [12.345]: x", "[12]: x", "a[]: x", "a[12]:x", "",
                           "2026/05/01 10:00:00 [error] 12#12: *7 x", "a [12]: x"}) {
    EXPECT_EQ(split_process(none), (ProcessLine{"", none}));
  }
}

}  // namespace
}  // namespace serin::count
