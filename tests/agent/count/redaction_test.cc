#include "agent/count/redaction.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace serin::count {
namespace {

constexpr std::pair<std::string_view, std::string_view> kCases[] = {
    {"cart 7 of \"shop\" is gone in /srv/x.php:12", "cart 7 of \"shop\" is gone in /srv/x.php:12"},
    {"to bob.smith+x@mail.example.org: no", "to <email>: no"},
    {"<bob@example.org> com.example.Bar@1a2b", "<<email>> com.example.Bar@1a2b"},
    {"peer 192.0.2.7:4711, 10.0.0.1.", "peer <ip>, <ip>."},
    {"peer [2001:db8::1]:80 ::1 fe80::dead:beef", "peer [<ip>]:80 <ip> <ip>"},
    {"version 1.2.3 at 03:04:05 Foo::add", "version 1.2.3 at 03:04:05 Foo::add"},
    {"password=hunter2&x=1 passwd: 'a b' pwd=", "password=<secret>&x=1 passwd: '<secret>' pwd="},
    {R"({"access_token": "a b", "n": 1} ['token' => 'x'])",
     R"({"access_token": "<secret>", "n": 1} ['token' => '<secret>'])"},
    {"Authorization: Basic Ym9i\nnext", "Authorization: <secret>\nnext"},
    {"sent bearer abc.def-ghi, Cookie: a=b; c=d", "sent bearer <secret>, Cookie: <secret>"},
    {"card 4111 1111 1111 1111, 4111-1111-1111-1111, 4111111111111", "card <digits>, <digits>, <digits>"},
    {"081109 203615 148 port 123456789012", "081109 203615 148 port 123456789012"},
    {"GET /w/index.php?title=Foo&x=1 HTTP/1.1 really? yes", "GET /w/index.php?<query> HTTP/1.1 really? yes"},
    {"https://bob:hunter@example.org/x", "https://bob:<email>/x"},
};

TEST(Redaction, leaves_out_addresses_secrets_long_numbers_and_queries) {
  for (const auto& [text, wanted] : kCases) EXPECT_EQ(redacted(text, 1'000), wanted);
}

TEST(Redaction, changes_nothing_the_second_time) {
  for (const auto& [text, wanted] : kCases) EXPECT_EQ(redacted(redacted(text, 1'000), 1'000), wanted);
}

TEST(Redaction, stops_when_there_is_enough_but_not_within_an_address) {
  EXPECT_EQ(redacted("abc bob.smith@example.org def", 5), "abc <email>");
  EXPECT_LT(redacted(std::string(1'000'000, ' '), 200).size(), 202U);
}

}  // namespace
}  // namespace serin::count
