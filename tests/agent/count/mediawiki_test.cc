// The preset on what MediaWiki writes: the formats of its LegacyLogger, LineFormatter, CeeFormatter and
// MWExceptionHandler, in our own words.
#include <gtest/gtest.h>

#include <string>

#include "tests/agent/count/matcher_fixture.h"

namespace serin::count {
namespace {

const std::string kTrace =
    "#0 /srv/mediawiki/php-1.43.0-wmf.5/includes/Hooks.php(28): MediaWiki\\Hooks->run(string)\n"
    "#1 [internal function]: MediaWiki\\Page->view()\n"
    "#2 {main}\n";

Counted count(const std::string& text) {
  return count_in_any_steps(matcher_for({.preset = "mediawiki"}, {}), text);
}
/// The one message of a text that holds one error.
std::string message_of(const std::string& text) {
  const auto counted = count(text);
  EXPECT_EQ(counted.found.errors, 1U) << text << counted;
  return counted.messages.empty() ? std::string() : counted.messages.begin()->first;
}

TEST(MediaWiki, exception_log_of_a_debug_group_has_one_error_for_each_exception_and_its_trace) {
  const auto counted = count(
      "2026-05-01 10:00:00 mw1 enwiki: [aFZ3k2fe0123456789abcdef] /wiki/Main_Page   RuntimeException: no such page "
      "12\n" +
      kTrace +
      "2026-05-01 10:00:01 mw1 enwiki: [0b0c9e66-6a0e-4d6f-8a2e-0d3c5a1f7b11] [no req]   "
      "Wikimedia\\Rdbms\\DBQueryError: Error 1146: Table 'enwiki.job' doesn't exist\n"
      "Function: JobQueueDB::doGetSiblingQueuesWithJobs\n"
      "Query: SELECT DISTINCT job_cmd FROM `job` WHERE job_cmd IN ('deletePage')\n" +
      kTrace + "2026-05-01 10:00:02 mw1 enwiki: [aFZ3k2fe0123456789abcdee] /w/api.php   TypeError: must be int\n");
  EXPECT_EQ(counted.found.errors, 3U) << counted;
  EXPECT_EQ(counted.messages.size(), 3U);
}

TEST(MediaWiki, exception_log_of_versions_that_name_the_line_counts_too) {
  EXPECT_NE(
      message_of("2019-05-01 10:00:00 mw1243 enwiki: [XMlq3QpAAEcAAK4@Rd0AAAAS] /wiki/X   MWException from line 3 of "
                 "/srv/mediawiki/php-1.34.0-wmf.5/includes/A.php: boom\n")
          .find("MWException from line"),
      std::string::npos);
}

TEST(MediaWiki, error_log_has_phps_warnings_and_notices_and_no_deprecations) {
  const auto counted = count(
      "2026-05-01 10:00:00 mw1 enwiki: [aFZ3k2fe0123456789abcdef] /wiki/X   PHP Warning: Undefined variable $title\n" +
      kTrace +
      "2026-05-01 10:00:01 mw1 enwiki: [aFZ3k2fe0123456789abcdee] /wiki/X   PHP Notice: Trying to access array offset\n"
      "2026-05-01 10:00:02 mw1 enwiki: [aFZ3k2fe0123456789abcded] /wiki/X   PHP Deprecated: Use of Foo::bar was "
      "deprecated in MediaWiki 1.42\n");
  EXPECT_EQ(counted.found.errors, 2U) << counted;
  EXPECT_EQ(
      message_of("2019-05-01 10:00:00 mw1 enwiki: [XMlq3QpAAEcAAK4@Rd0AAAAS] /wiki/X   ErrorException from line 9 of "
                 "/srv/a.php: PHP Warning: Division by zero\n")
          .find("mediawiki-exception: "),
      0U);
}

TEST(MediaWiki, fatal_log_counts_what_ended_a_request_in_the_group_of_phps_own_word_for_it) {
  EXPECT_EQ(
      message_of("2026-05-01 10:00:00 mw1 enwiki: [aFZ3k2fe0123456789abcdef] /wiki/X   PHP Fatal Error from line 12 of "
                 "/srv/mediawiki/php-1.43.0-wmf.5/includes/A.php: Allowed memory size of 692060160 bytes exhausted\n")
          .find("php-fatal: "),
      0U);
}

TEST(MediaWiki, line_formatter_says_the_level_and_that_decides) {
  const std::string who = "2026-05-01 10:00:00 [aFZ3k2fe0123456789abcdef] mw1 enwiki 1.43.0-wmf.5 ";
  const std::string said = "[aFZ3k2fe0123456789abcdef] /wiki/X   ";
  for (const auto* level : {"ERROR", "CRITICAL", "ALERT", "EMERGENCY"}) {
    EXPECT_EQ(count(who + "DBReplication " + level + ": Server db1 has 12 s of lag {\"db\":\"db1\"}\n").found.errors,
              1U);
  }
  for (const auto* level : {"DEBUG", "INFO", "NOTICE", "WARNING"}) {
    EXPECT_EQ(count(who + "error " + level + ": " + said + "PHP Warning: triggered by wfWarn {}\n").found.errors, 0U);
    EXPECT_EQ(count(who + "exception " + level + ": " + said + "Foo\\BarException: was caught\n").found.errors, 0U);
    EXPECT_EQ(count(who + "session " + level + ": no ERROR: here\n").found.errors, 0U);
  }
  EXPECT_EQ(count(who + "error ERROR: " + said + "PHP Warning: Undefined variable $x {}\n").found.errors, 1U);
  EXPECT_EQ(count("2026-05-01 10:00:00 mw1 enwiki exception ERROR: " + said + "RuntimeException: boom\n").found.errors,
            1U)
      << "as it is without the request's id and the version";
}

TEST(MediaWiki, line_formatter_writes_exceptions_with_their_causes_below_and_all_is_one) {
  const std::string record =
      "2026-05-01 10:00:00 mw1 enwiki exception ERROR: [aFZ3k2fe0123456789abcdef] /wiki/X   RuntimeException: boom "
      "{\"caught_by\":\"entrypoint\"} \n"
      "[Exception RuntimeException] (/srv/mediawiki/php-1.43.0-wmf.5/includes/A.php:12) boom\n"
      "  #0 /srv/mediawiki/php-1.43.0-wmf.5/includes/B.php(7): MediaWiki\\A->b()\n"
      "  #1 {main}\n"
      "Caused by: [Error TypeError] (/srv/mediawiki/php-1.43.0-wmf.5/includes/C.php:3) must be int\n"
      "  #0 {main}\n";
  EXPECT_EQ(count(record + record).found.errors, 2U);
  EXPECT_EQ(count(record + record).messages.size(), 1U);
  EXPECT_NE(message_of(record).find("<p>/B.php"), std::string::npos) << message_of(record);
}

TEST(MediaWiki, monologs_own_line_and_syslog_and_cee_count_by_their_level) {
  const std::string said = "[aFZ3k2fe0123456789abcdef] /wiki/X   RuntimeException: boom {\"a\":1} []\n";
  EXPECT_EQ(count("[2026-05-01T10:00:00.123456+00:00] exception.ERROR: " + said).found.errors, 1U);
  EXPECT_EQ(count("[2026-05-01 10:00:00] session.CRITICAL: no key [] []\n").found.errors, 1U);
  EXPECT_EQ(count("[2026-05-01T10:00:00.123456+00:00] exception.WARNING: " + said).found.errors, 0U);
  const auto cee = [](const std::string& level) {
    return "<187>May  1 10:00:00 mw1 mediawiki: @cee: "
           "{\"@timestamp\":\"2026-05-01T10:00:00+00:00\",\"@version\":1,\"host\":"
           "\"mw1\",\"message\":\"boom\",\"type\":\"mediawiki\",\"channel\":\"exception\",\"level\":\"" +
           level + "\",\"monolog_level\":400}\n";
  };
  EXPECT_EQ(count(cee("ERROR")).found.errors, 1U);
  EXPECT_EQ(count(cee("WARNING")).found.errors, 0U);
}

TEST(MediaWiki, logstash_json_is_for_the_preset_json) {
  const auto matcher = matcher_for({.preset = "json"}, {});
  const auto line = [](const std::string& level) {
    return "{\"@timestamp\":\"2026-05-01T10:00:00+00:00\",\"@version\":1,\"host\":\"mw1\",\"message\":\"[abc] /wiki/X  "
           " "
           "RuntimeException: boom\",\"type\":\"mediawiki\",\"channel\":\"exception\",\"level\":\"" +
           level + "\",\"monolog_level\":400,\"url\":\"/wiki/X\"}\n";
  };
  EXPECT_EQ(count_all(matcher, line("ERROR") + line("WARNING")).found.errors, 1U);
  EXPECT_EQ(count("2026-05-01 10:00:00 mw1 enwiki: {\"id\":\"c41fb419\",\"type\":\"Exception\",\"message\":\"boom\"}\n")
                .found.errors,
            0U)
      << "exception-json.log says again what exception.log says";
}

TEST(MediaWiki, query_log_counts_failed_queries_and_connections) {
  const auto counted = count(
      "2026-05-01 10:00:00 mw1 enwiki: Error 1213 from WikiPage::insertOn, Deadlock found SELECT 1 db1\n"
      "Fri May 1 10:00:01 UTC 2026\tmw1\tenwiki\tError connecting to db2: :real_connect(): Connection refused\n"
      "2026-05-01 10:00:02 mw1 enwiki: Error connecting to db2 as user wikiuser: Connection refused\n"
      "2026-05-01 10:00:03 mw1 enwiki: Wikimedia\\Rdbms\\LoadBalancer::getReaderIndex: using server db3\n");
  EXPECT_EQ(counted.found.errors, 3U) << counted;
}

TEST(MediaWiki, a_message_is_one_on_each_host_and_wiki_of_each_release_and_request) {
  const auto one = message_of(
      "2026-05-01 10:00:00 mw1 enwiki: [aFZ3k2fe0123456789abcdef] /wiki/X   Foo\\BarException: no page in "
      "/srv/mediawiki/php-1.43.0-wmf.5/includes/A.php\n");
  for (const auto* other :
       {"2026-05-01 10:00:07 mw-web.eqiad.main-abc dewiki: [0b0c9e66-6a0e-4d6f-8a2e-0d3c5a1f7b11] /w/api.php?a=b   "
        "Foo\\BarException: no page in /srv/mediawiki/php-1.43.0-wmf.6/includes/A.php\n",
        "2026-05-01 10:00:00 mw1 enwiki exception ERROR: [aFZ3k2fe0123456789abcdef] [no req]   Foo\\BarException: no "
        "page in "
        "/srv/mediawiki/php-1.43.0-wmf.5/includes/A.php\n",
        "2026-05-01 10:00:00 [aFZ3k2fe0123456789abcdef] mw-web.a-b enwiki 1.43.0-wmf.5 exception ERROR: "
        "[aFZ3k2fe0123456789abcdef] https://a.b/wiki/X   Foo\\BarException: no page in "
        "/srv/mediawiki/php-1.43.0-wmf.5/includes/A.php\n"}) {
    EXPECT_EQ(message_of(other), one);
  }
}

TEST(MediaWiki, what_is_no_error_is_none) {
  EXPECT_EQ(count("2026-05-01 10:00:00 mw1 enwiki: [aFZ3k2fe0123456789abcdef] /wiki/X   took 3 s\n"
                  "[session] SessionBackend \"abc\" is unsaved, marking dirty in constructor\n"
                  "[DBQuery] MediaWiki\\Page\\WikiPage::pageData [0.5ms] localhost: SELECT page_id FROM `page`\n"
                  "2026-05-01 10:00:00 mw1 enwiki 1.43 ms to the ERROR page\n"
                  "[error] [aFZ3k2fe0123456789abcdef] /wiki/X   PHP Deprecated: x\n")
                .found.errors,
            0U);
  EXPECT_EQ(count("[error] [aFZ3k2fe0123456789abcdef] /wiki/X   PHP Warning: x\n").found.errors, 1U)
      << "a debug log of all channels names each";
}

}  // namespace
}  // namespace serin::count
