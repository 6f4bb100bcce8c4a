#include "agent/count/signature.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/count/event_parts.h"
#include "agent/count/xxh64.h"
#include "tests/agent/count/signature_samples.h"

namespace serin::count {
namespace {

std::string text_of(std::string_view event) {
  return std::string(Signature(event).text());
}
SignatureId id_of(std::string_view event) {
  return Signature(event).id();
}

TEST(Xxh64, is_what_its_specification_says) {
  EXPECT_EQ(xxh64("", 0), 0xEF46DB3751D8E999ULL);
  EXPECT_EQ(xxh64("abc", 0), 0x44BC2CF5AD770999ULL);
  EXPECT_EQ(xxh64("Nobody inspects the spammish repetition", 0), 0xFBCEA83C8A378BF1ULL);
  EXPECT_EQ(xxh64("xxhash", 20141025), 13067679811253438005ULL);
}

TEST(Signature, is_what_it_was_in_this_version) {
  for (const auto& sample : kSignatureSamples) {
    const Signature signature(sample.event);
    EXPECT_EQ(signature.text(), sample.text) << "raise kSignatureVersion: hosts of two releases would disagree";
    EXPECT_EQ(signature.id(), sample.id) << sample.text
                                         << "\nraise kSignatureVersion: hosts of two releases would disagree";
  }
  EXPECT_EQ(kSignatureVersion, 1U) << "then the ids above must be new ones";
}

// Case 26 of the notes.
TEST(Signature, is_one_for_two_hosts_and_two_releases) {
  const auto on = [](const char* host, const char* release, int line) {
    return fmt::format(
        "2026-01-02T03:04:05.12{}+00:00 {} php-fpm[{}]: PHP Fatal error:  Uncaught Error: Class \"Cdn\" not found in "
        "/srv/mediawiki/{}/includes/Cdn.php:{}\nStack trace:\n#0 /srv/mediawiki/{}/index.php({}): run()\n#1 {{main}}\n"
        "  thrown in /srv/mediawiki/{}/includes/Cdn.php on line {}",
        line % 10, host, line * 3, release, line, release, line, release, line);
  };
  const auto id = id_of(on("mw1001", "php-1.43.0-wmf.5", 100));
  EXPECT_EQ(id, id_of(on("mw2002", "php-1.43.0-wmf.6", 105)));
  EXPECT_EQ(id, id_of(on("mw2002", "php-master", 7)));
  EXPECT_EQ(text_of(on("a", "b", 1)), "PHP Fatal error: Uncaught Error: Class <q> not found in <p>/Cdn.php");
  EXPECT_NE(id, id_of("PHP Fatal error:  Uncaught TypeError: Class \"Cdn\" not found in /srv/x/Cdn.php:5"))
      << "a new class of exception is a new message";
  EXPECT_NE(id, id_of("PHP Fatal error:  Uncaught Error: Class \"Cdn\" not found in /srv/x/Page.php:5"));
}

TEST(Signature, is_one_for_a_serin_slot_and_the_next) {
  EXPECT_EQ(text_of("cannot load /srv/shop/current.slots/2/lib/Base64.php:12"), "cannot load <p>/Base64.php");
  EXPECT_EQ(id_of("cannot load /srv/shop/current.slots/2/lib/Cart.php:12"),
            id_of("cannot load /srv/shop/current.slots/0/lib/Cart.php on line 9"));
  EXPECT_EQ(id_of("at f (/srv/shop/a/main.3f2a9c81.js:1:20)"), id_of("at f (/srv/shop/b/main.99aa01ff.js:2:4)"));
}

/// Events of one row have one signature, and no other row has it.
TEST(Signature, is_one_for_two_hosts_whose_rsyslog_writes_no_process_id) {
  const auto text = [](const std::string& line) { return std::string(Signature(line).text()); };
  EXPECT_EQ(text("2026-05-01T10:00:00.123456+02:00 web-alpha kernel: I/O error on disk"), "I/O error on disk");
  EXPECT_EQ(text("2026-05-01T10:00:00.123456-07:00 web-beta kernel: I/O error on disk"), "I/O error on disk");
  EXPECT_EQ(text("2026-05-01T10:00:00.123+02:00 ERROR shop: cannot pay"), "shop: cannot pay");
}

TEST(Signature, is_one_for_an_access_log_of_any_site_user_and_month) {
  for (const char* before :
       {"10.0.0.1 - - [01/May/2026:10:00:00 +0000] ", "2001:db8::1 - alice [31/Dec/2026:23:59:59 -0130] ",
        "shop.example.org:80 10.0.0.1 - a [b] [01/Jun/2026:10:00:00 +0000] "}) {
    EXPECT_EQ(text_of(std::string(before) + R"("GET /x HTTP/1.1" 502 17 "-" "curl")"), "<q> <#> <#> <q> <q>") << before;
  }
  EXPECT_EQ(text_of(R"(cannot read [01/May/2026] "x")"), "cannot read [<#>/May/<#>] <q>") << "that is no access log";
}

TEST(Signature, is_one_for_a_list_of_any_length) {
  const auto text = [](const std::string& line) { return std::string(Signature(line).text()); };
  EXPECT_EQ(text("Deadlock: DELETE FROM cart WHERE id IN (1, 22, 333)"),
            "Deadlock: DELETE FROM cart WHERE id IN (<#>)");
  EXPECT_EQ(text("Deadlock: DELETE FROM cart WHERE id IN (1)"), "Deadlock: DELETE FROM cart WHERE id IN (<#>)");
  EXPECT_EQ(text("in ('a','bob','c') of (1,2,3)"), "in (<q>) of (<#>)");
  EXPECT_EQ(text("VALUES (1,'a'), (2,'b'),(33,'cc') failed"), "VALUES (<#>,<q>) failed");
  EXPECT_EQ(text("f(1) g(2), h(3)"), "f(<#>) g(<#>), h(<#>)");
  std::set<std::string> of_long_ones;
  for (int ids = 400; ids < 420; ++ids) {
    std::string list = "id IN (";
    for (int id = 1; id <= ids; ++id) list += std::to_string(id * 37) + (ids % 2 == 0 ? ", " : ",");
    of_long_ones.insert(
        text((list + "7) failed").substr(0, Signature::kBytesSeen - static_cast<std::size_t>(ids % 7))));
  }
  EXPECT_EQ(of_long_ones, std::set<std::string>{"id IN (<#>"}) << "wherever it is cut";
  EXPECT_EQ(text("no user of ('a', 'bob')"), text("no user of ('a', 'bob', 'carol')"));
}

TEST(Signature, looks_into_what_php_fpm_says_of_its_workers) {
  const auto said = [](const std::string& child, const std::string& words) {
    return Signature("[01-May-2026 10:00:00] WARNING: [pool www] child " + child + " said into stderr: \"" + words +
                     "\"");
  };
  const auto fatal = said("12", "NOTICE: PHP message: PHP Fatal error:  Uncaught TypeError in /srv/a/Cart.php:3");
  EXPECT_EQ(fatal.text(),
            said("99", "NOTICE: PHP message: PHP Fatal error:  Uncaught TypeError in /srv/b/Cart.php:4").text());
  EXPECT_NE(fatal.text(),
            said("12", "NOTICE: PHP message: PHP Fatal error:  Uncaught ValueError in /srv/a/Cart.php:3").text());
}

TEST(Signature, tells_messages_apart_and_nothing_else) {
  const std::vector<std::vector<std::string>> rows = {
      {"[Sun Dec 04 04:47:44 2005] [error] worker child in error state 6",
       "[Mon Dec 05 14:00:01 2005] [error] [client 10.1.1.1] worker child in error state 10"},
      {"[error] worker child is gone"},
      {"Jun 14 15:16:01 combo sshd(pam_unix)[19939]: session opened for user 12 by 0",
       "Jun 14 15:16:01 combo sshd(pam_unix)[7]: session opened for user 99 by 0",
       "<6>sshd[7]: session opened for user 99 by 0",
       "2026-06-14T15:16:01+00:00 h sshd[7]: session opened for user 1 by 2"},
      {"Dec  1 06:55:46 h sshd[1]: Failed password for invalid user bob from 1.2.3.4 port 1 ssh2",
       "Dec 10 06:55:46 h sshd[22222]: Failed password for invalid user alice from fe80::1 port 65000 ssh2"},
      {"17/06/09 20:10:40 ERROR storage.Block: block rdd_2_3 is lost",
       "17/06/10 00:00:00 ERROR storage.Block: block rdd_20_31 is lost"},
      {"2026-01-02 03:04:05,678 ERROR [app] late\nTraceback (most recent call last):\n  File \"/a/x.py\", line 3, in "
       "f\n"
       "    g()\nValueError: 5 is bad",
       "2026-01-02 03:04:06,111 ERROR [app] late\nTraceback (most recent call last):\n  File \"/b/x.py\", line 4, in "
       "f\n"
       "    g(1)\nValueError: 6 is bad",
       "<3>app[1]: ERROR late\n<3>app[1]: \tTraceback (most recent call last):\n<3>app[1]: \t  File \"/b/x.py\", line "
       "4, in "
       "f\n<3>app[1]: \t    g(1)\n<3>app[1]: \tValueError: 6 is bad",
       "<3>app[1]: ERROR late\n\tTraceback (most recent call last):\n\t  File \"/b/x.py\", line 4, in f\n\t    g(1)\n"
       "\tValueError: 6 is bad"},
      {"ERROR late\nTraceback (most recent call last):\n  File \"/a/x.py\", line 3, in f\n    g()\nKeyError: 5"},
      {"ERROR late\nTraceback (most recent call last):\n  File \"/a/y.py\", line 3, in f\n    g()\nKeyError: 5"},
      {"ERROR x - failed\njava.lang.IllegalStateException: 1\n\tat com.shop.A.f(A.java:1)\n\tat com.shop.B.f(B.java:1)",
       "ERROR x - failed\njava.lang.IllegalStateException: 2\n\tat java.util.Map.g(Map.java:9)\n"
       "\tat com.shop.A.f(A.java:5)\nCaused by: java.io.IOException: 3\n\tat com.shop.C.f(C.java:5)"},
      {"Traceback (most recent call last):\nshop.CartError: 5 is gone", "shop.CartError: 6 is gone"},
      {"ERROR x - failed\njava.lang.NullPointerException\n\tat com.shop.A.f(A.java:1)"},
  };
  std::set<SignatureId> all;
  for (const auto& row : rows) {
    for (const auto& event : row) EXPECT_EQ(text_of(event), text_of(row.front())) << event;
    EXPECT_TRUE(all.insert(id_of(row.front())).second) << text_of(row.front());
  }
}

// Case 27 of the notes.
TEST(Signature, holds_no_address_or_secret) {
  const std::vector<std::string> secrets = {
      "from bob.smith+x@mail.example.org failed",
      "peer 192.0.2.77:4711 is gone",
      "peer 2001:db8::dead:beef is gone",
      "header Authorization: Basic Ym9iOmh1bnRlcjI=",
      "sent Bearer abcdefGHIJKL",
      "set-cookie: sid=abcdef; path=secret",
      "url https://bob:hunter@example.org/private/page?name=Robert",
      "password=hunter, csrf_token=abcdef apiKey=abcdef",
      "card 4111 1111 1111 1111 refused",
      "user=bob rhost=example-host session=abcdef",
      "no such file \"/home/bob/thesis\"",
      "no such file /home/bob/thesis",
      "10.0.0.1 - bob [01/May/2026:10:00:00 +0000] \"GET /private HTTP/1.1\" 502 1 \"-\" \"hunter\"",
      "value 'Robert' is \"hunter and so on without an end",
  };
  for (const auto& event : secrets) {
    const auto text = text_of(event);
    for (const std::string_view word :
         {"bob", "smith", "mail.ex", "192", "77", "dead", "beef", "Ym9", "GHI", "abcdef", "hunter", "secret", "private",
          "Robert", "4111", "host.", "example-host", "thesis"}) {
      EXPECT_EQ(text.find(word), std::string::npos) << text << " holds " << word;
    }
  }
}

TEST(Signature, is_the_same_of_an_event_that_is_seen_line_by_line) {
  const std::pair<std::string, std::string> rows[] = {
      {"java.lang.IllegalStateException: 7",
       "ERROR late\njava.lang.IllegalStateException: 7\n\tat java.util.Map.f(Map.java:1)\n\tat com.shop.A.f(A.java:1)\n"
       "\tat com.shop.B.f(B.java:1)"},
      {"ValueError: 5",
       "ERROR late\nTraceback (most recent call last):\n  File \"/a/x.py\", line 3, in f\n    g()\n"
       "  File \"/a/y.py\", line 3, in g\n    h()\n  File \"/usr/lib/python3/z.py\", line 3, in h\n"
       "    raise X\nValueError: 5"},
      {"ValueError: 5",
       "Traceback (most recent call last):\n  File \"/usr/lib/python3/z.py\", line 3, in h\n"
       "    raise X\nValueError: 5"},
      {"", "PHP Fatal error:  Uncaught Error: x in /a/b.php:1\nStack trace:\n#0 /a/c.php(4): f()\n#1 {main}"},
      {"", "Error: x\n    at f (node:net:1)\n    at g (/srv/a.js:1:2)"},
      {"", "one line only"},
  };
  for (const auto& [exception, whole] : rows) {
    std::string frame;
    for (std::size_t from = 0; from != std::string::npos; from = whole.find('\n', from + 1)) {
      keep_frame(whole.substr(from + 1, whole.find('\n', from + 1) - from - 1), frame);
    }
    EXPECT_EQ(text_of(event_text(whole.substr(0, whole.find('\n')), exception, frame)), text_of(whole));
  }
}

TEST(Signature, does_not_depend_on_how_long_numbers_names_and_secrets_are) {
  const auto event = [](std::string_view number, std::string_view quoted) {
    std::string text = "failed";
    for (int i = 0; i < 40; ++i) text += fmt::format(" part {} of \"{}\"", number, quoted);
    return text;
  };
  EXPECT_EQ(id_of(event("1", "a")), id_of(event("123456", "b c")));
}

TEST(Signature, is_bounded_and_has_an_id_whatever_the_text_is) {
  EXPECT_NE(id_of(""), 0U);
  EXPECT_EQ(text_of("ERROR"), "ERROR") << "a line of a prefix alone is its own message";
  EXPECT_EQ(text_of(std::string(1'000'000, 'x')), std::string(Signature::kMessageBytes, 'x'));
  std::string lines = "failed\n";
  for (int i = 0; i < 100'000; ++i) lines += "\tat java.util.Map.f(Map.java:1)\n";
  EXPECT_EQ(text_of(lines), "failed @ at java.util.Map.f(Map.java:<#>)");
  EXPECT_EQ(text_of("a\tb\r"), "a b");
}

}  // namespace
}  // namespace serin::count
