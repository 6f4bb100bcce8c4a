#include "controller/operate/errors.h"

#include "tests/controller/operate/operate_fixture.h"

namespace serin::operate {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// Four hosts, web-01 the canary, that log what a test says in each second.
struct Errors : Operating, ::testing::Test {
  void log(std::size_t host, std::vector<SignatureCount> messages, std::vector<SignatureText> texts = {},
           std::uint32_t requests = 0) {
    std::uint32_t errors = 0;
    for (const auto& message : messages) errors += message.count;
    ApplicationCounts counts{.application = kShop, .rules_hash = "rules", .texts = std::move(texts)};
    counts.seconds.push_back({second_of(now.steady) - 1, errors, errors + 10, requests, std::move(messages)});
    totals[host].errors += errors;
    counts.totals = totals[host];
    say(host, Report{.run = "run",
                     .sequence = ++sequence,
                     .clock_ms = now.steady.time_since_epoch().count(),
                     .applications = {counts}});
  }
  void pass(Duration length) {
    now.steady += length;
    now.wall += length;
  }
  OperatorEvent errors(const OperatorRequest& more = {}) {
    OperatorRequest request = more;
    request.verb = "errors";
    const auto events = told_alice(ask(request));
    EXPECT_EQ(events.size(), 1U);
    return events.back();
  }
  std::map<std::size_t, RunTotals> totals;
  std::uint64_t sequence = 0;
};

TEST_F(Errors, lists_the_most_frequent_messages_with_hosts_age_and_where) {
  log(2, {{7, 1}}, {{.id = 7, .rule = "php", .text = "Uncaught <q> in <p>/Cart.php"}});
  pass(60s);
  log(1, {{9, 5}}, {{.id = 9, .rule = "php", .text = "Call to \x1b[2J undefined"}});
  log(2, {{7, 2}});
  log(3, {{7, 1}});
  const auto event = errors();
  EXPECT_THAT(event.text, HasSubstr("9 errors in 49 lines within 10m; 3 of 4 hosts report"));
  EXPECT_THAT(event.text, HasSubstr("only canary"));
  EXPECT_THAT(event.text, HasSubstr("php: Call to \\e[2J undefined"));
  EXPECT_LT(event.text.find("Call to"), event.text.find("Uncaught")) << "the most frequent comes first";
  const json document = json::parse(event.json);
  EXPECT_EQ(document.at("errors"), 9);
  ASSERT_EQ(document.at("messages").size(), 2U);
  const json& first = document.at("messages").at(0);
  EXPECT_EQ(first.at("id"), "0000000000000009");
  EXPECT_EQ(first.at("count"), 5);
  EXPECT_EQ(first.at("hosts"), 1);
  EXPECT_EQ(first.at("groups"), json::array({"canary"}));
  EXPECT_EQ(document.at("hosts").at(1).at("totals").at("errors"), 3);
}

TEST_F(Errors, a_message_is_new_until_a_trusted_release_has_logged_it) {
  state.trusted_hosts.clear();
  for (std::size_t host = 1; host <= 4; ++host) state.ledger.end_trust(web(host), kShop, now.steady);
  log(1, {{9, 1}}, {{.id = 9, .rule = "php", .text = "Uncaught"}});
  EXPECT_THAT(errors().text, HasSubstr("NEW"));
  state.ledger.trust(web(2), kShop, now.steady);
  pass(2s);
  log(2, {{9, 2}});
  EXPECT_THAT(errors().text, HasSubstr("NEW")) << "workers of before may still be there";
  pass(state.settings.applications.at(kShop).sequential.baseline_min);
  log(2, {{9, 1}});
  EXPECT_THAT(errors().text, Not(HasSubstr("NEW")));
}

TEST_F(Errors, only_the_group_and_the_time_that_are_asked_for_count) {
  log(1, {{9, 5}});
  log(2, {{7, 2}});
  pass(60s);
  log(2, {{7, 1}}, {}, 300);
  EXPECT_EQ(json::parse(errors({.since_ms = 30'000}).json).at("errors"), 1);
  EXPECT_EQ(json::parse(errors({.since_ms = 30'000}).json).at("requests"), 300);
  EXPECT_EQ(json::parse(errors({.group = "canary"}).json).at("errors"), 5);
  EXPECT_EQ(json::parse(errors({.group = "fleet"}).json).at("errors"), 3);
}

TEST_F(Errors, refuses_a_group_without_hosts_and_a_time_that_is_not_kept) {
  EXPECT_EQ(answer(ask({.verb = "errors", .group = "rack-9"})),
            "error 2: no host of shop is in group 'rack-9': canary, proxy, fleet, or a label that `serin hosts` shows");
  EXPECT_EQ(answer(ask({.verb = "errors", .since_ms = 3'600'000})),
            "error 2: --since: 1s to 10m are kept second by second");
  EXPECT_EQ(answer(ask({.verb = "errors", .since_ms = 10})), "error 2: --since: 1s to 10m are kept second by second");
}

TEST_F(Errors, says_who_is_blind_and_what_was_never_read) {
  status(2).blind = "cannot read /var/log/shop: Permission denied";
  heartbeat(2);
  totals[1].skipped_bytes = 3 << 20;
  totals[1].suppressed = 12;
  log(1, {});
  const auto event = errors();
  EXPECT_THAT(event.text, HasSubstr("1 BLIND (`serin status` says why)"));
  EXPECT_THAT(event.text, HasSubstr("never read since counting began: 3.1 MB of log"));
  EXPECT_THAT(event.text, HasSubstr("dropped by journald since counting began: 12 lines"));
  EXPECT_THAT(event.text, HasSubstr("no errors seen, but blind hosts do not see all their logs\n"));
  status(2).blind.clear();
  heartbeat(2);
  EXPECT_THAT(errors().text, HasSubstr("no errors\n"));
}

TEST_F(Errors, tells_hosts_without_a_report_from_hosts_without_errors) {
  pass(1min);
  EXPECT_THAT(errors().text, HasSubstr("0 of 4 hosts report\nno host reports: nothing is known\n"));
  log(1, {});
  log(3, {});
  EXPECT_THAT(errors().text, HasSubstr("2 of 4 hosts report (not web-02 web-04)\nno errors\n"));
}

TEST_F(Errors, a_message_without_words_is_shown_by_its_id) {
  log(2, {{7, 1}});
  EXPECT_THAT(errors().text, HasSubstr("0000000000000007"));
  pass(1s);
  log(2, {{8, 1}}, {{.id = 8, .rule = "php", .text = ""}});
  EXPECT_THAT(errors().text, HasSubstr("php (0000000000000008)"));
}

}  // namespace
}  // namespace serin::operate
