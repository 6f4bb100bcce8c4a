#include "controller/operate/host_commands.h"

#include <fmt/format.h>

#include "tests/controller/operate/operate_fixture.h"

namespace serin::operate {
namespace {

using controller::AdmitKey;
using controller::RefuseKey;
using controller::RemoveHost;
using controller::StoreHost;
using controller::Turn;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using namespace std::chrono_literals;

const std::string kKey = "\xab\xcd\xef\x01\x23\x45\x67\x89" + std::string(24, '\x11');
const std::string kKeyText = to_hex(kKey);

struct Admitting : Operating {
  Admitting() { pending = {{.public_key = kKey, .address = "10.0.0.9", .tries = 3}}; }
  Turn accept(const std::string& key, const std::string& name, const std::vector<std::string>& labels = {}) {
    return ask({.verb = "hosts accept", .arguments = {key}, .labels = labels, .name = name});
  }
  Turn import(const std::string& text) { return ask({.verb = "hosts import", .message = text}); }
};

TEST(HostCommands, a_pending_key_is_accepted_by_its_first_digits) {
  Admitting fleet;
  const auto turn = fleet.accept("abcdef01", "web-09", {"canary", "zone-a"});
  EXPECT_EQ(fleet.answer(turn), "done 0: web-09 is accepted with key abcdef0123456789; it connects at its next try");
  const fleet::HostRecord record{.name = "web-09",
                                 .public_key = kKey,
                                 .labels = {"canary", "zone-a"},
                                 .accepted_by = "alice",
                                 .accepted_wall_ms = fleet.now.wall.time_since_epoch().count()};
  ASSERT_EQ(fleet.records<StoreHost>(turn).size(), 1U);
  EXPECT_EQ(fleet.records<StoreHost>(turn).front().record, record);
  ASSERT_EQ(fleet.effects<AdmitKey>(turn).size(), 1U);
  EXPECT_EQ(fleet.effects<AdmitKey>(turn).front().public_key, kKey);
  EXPECT_EQ(fleet.effects<AdmitKey>(turn).front().host, "web-09");
  ASSERT_NE(fleet.state.roster.find("web-09"), nullptr);
  EXPECT_EQ(fleet.state.roster.find("web-09")->record, record);
}

TEST(HostCommands, a_key_that_has_not_called_yet_is_accepted_when_it_is_given_in_full) {
  Admitting fleet;
  fleet.pending.clear();
  EXPECT_THAT(fleet.answer(fleet.accept(kKeyText, "web-09")), StartsWith("done 0: web-09 is accepted"));
}

TEST(HostCommands, digits_may_be_typed_in_capitals) {
  Admitting fleet;
  EXPECT_THAT(fleet.answer(fleet.accept("ABCDEF01", "web-09")), StartsWith("done 0: web-09 is accepted"));
}

TEST(HostCommands, accepting_by_sudo_keeps_who_it_was) {
  Admitting fleet;
  const auto turn = fleet.ask({.verb = "hosts accept", .arguments = {kKeyText}, .sudo_user = "carol", .name = "web-09"},
                              {.uid = 0, .name = "root"});
  EXPECT_EQ(fleet.records<StoreHost>(turn).at(0).record.accepted_by, "carol (sudo)");
}

TEST(HostCommands, digits_that_fit_no_key_or_several_are_refused) {
  Admitting fleet;
  fleet.pending.push_back({.public_key = kKey.substr(0, 8) + std::string(24, '\x22')});
  EXPECT_EQ(fleet.answer(fleet.accept("abcdef01", "web-09")),
            "error 2: 2 pending keys begin with 'abcdef01': give more digits");
  EXPECT_EQ(fleet.answer(fleet.accept("abcdef0", "web-09")),
            "error 2: 'abcdef0' is too short for a key: give 8 digits of it at least");
  EXPECT_EQ(fleet.answer(fleet.accept("ffffffff", "web-09")),
            "error 1: no pending key begins with 'ffffffff': `serin hosts` lists them; a key that has not called yet "
            "must be given in full (64 hexadecimal digits)");
  EXPECT_THAT(fleet.answer(fleet.accept("\x1b[1mabcdefgh", "web-09")), HasSubstr("'\\e[1mabcdefgh'"));
  EXPECT_THAT(fleet.answer(fleet.accept(kKeyText.substr(0, 17), "web-09")), StartsWith("done 0: "));
}

TEST(HostCommands, a_name_or_label_that_is_none_is_a_usage_error) {
  for (const std::string& name : std::vector<std::string>{"web 9", "-web", "web/9", "web\n", std::string(65, 'w')}) {
    Admitting fleet;
    const auto turn = fleet.accept(kKeyText, name);
    EXPECT_THAT(fleet.answer(turn), StartsWith("error 2: '")) << name;
    EXPECT_THAT(fleet.answer(turn), HasSubstr("is no host name: letters, digits, '.', '-' and '_', at most 64"));
    EXPECT_THAT(fleet.records<StoreHost>(turn), IsEmpty());
    EXPECT_THAT(fleet.effects<AdmitKey>(turn), IsEmpty());
  }
  Admitting fleet;
  EXPECT_EQ(fleet.answer(fleet.accept(kKeyText, "web-09", {"canary", "label:x"})),
            "error 2: 'label:x' is no label: letters, digits, '.', '-' and '_'");
  EXPECT_THAT(fleet.answer(fleet.accept(kKeyText, "")), StartsWith("error 2: say which key and which name"));
  EXPECT_THAT(fleet.answer(fleet.ask({.verb = "hosts accept", .name = "web-09"})),
              StartsWith("error 2: say which key"));
}

TEST(HostCommands, two_hosts_never_have_one_name_or_one_key) {
  Admitting fleet;
  EXPECT_THAT(fleet.answer(fleet.accept(kKeyText, "web-01")), StartsWith("error 5: another key is called web-01"));
  fleet.accept(kKeyText, "web-09");
  EXPECT_THAT(fleet.answer(fleet.accept(kKeyText, "web-10")), StartsWith("error 5: this key is called web-09 already"));
}

TEST(HostCommands, an_import_accepts_every_good_line) {
  Admitting fleet;
  const auto turn =
      fleet.import(fmt::format("# key name labels\n\n{:064x} db-01\r\n{:064X} db-02 canary zone-a # two\n   "
                               "\n{:064x}\tdb-03",
                               1, 0xabc, 3));
  EXPECT_EQ(fleet.answer(turn), "done 0: 3 accepted, 0 known already, 0 refused");
  ASSERT_NE(fleet.state.roster.find("db-03"), nullptr);
  EXPECT_EQ(fleet.records<StoreHost>(turn).size(), 3U);
  EXPECT_EQ(fleet.effects<AdmitKey>(turn).size(), 3U);
  EXPECT_EQ(fleet.records<StoreHost>(turn).front().record.accepted_by, "alice");
}

TEST(HostCommands, an_import_keeps_labels_and_says_when_all_is_well) {
  Admitting fleet;
  EXPECT_EQ(fleet.answer(fleet.import(fmt::format("{:064x} db-01 canary zone-a # the first", 1))),
            "done 0: 1 accepted, 0 known already, 0 refused");
  EXPECT_THAT(fleet.state.roster.find("db-01")->record.labels, ElementsAre("canary", "zone-a"));
}

TEST(HostCommands, an_import_can_be_repeated) {
  Admitting fleet;
  const std::string text = fmt::format("{:064x} db-01 canary\n{:064x} db-02\n", 1, 2);
  fleet.import(text);
  const auto again = fleet.import(text + fmt::format("{:064x} db-03\n", 3));
  EXPECT_EQ(fleet.answer(again), "done 0: 1 accepted, 2 known already, 0 refused");
  EXPECT_EQ(fleet.records<StoreHost>(again).size(), 1U);
  EXPECT_EQ(fleet.answer(fleet.import(fmt::format("{:064x} db-01 other-label\n", 1))),
            "error 1: 0 accepted, 0 known already, 1 refused");
}

TEST(HostCommands, bad_lines_of_an_import_are_named_and_hinder_no_good_one) {
  Admitting fleet;
  const auto turn =
      fleet.import(fmt::format("nokey db-01\n{0:064x}\n{0:064x} bad/name\n{0:064x} db-04 bad/label\n"
                               "{1:064x} web-01\n{2:064x} db-06\n{2:064x} db-07\n",
                               1, 2, 3));
  EXPECT_EQ(fleet.answer(turn), "error 1: 1 accepted, 0 known already, 6 refused");
  const auto events = fleet.told_alice(turn);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(
      events.front().text,
      "line 1: 'nokey' is no key (64 hexadecimal digits)\n"
      "line 2: '' is no host name: letters, digits, '.', '-' and '_', at most 64 of them\n"
      "line 3: 'bad/name' is no host name: letters, digits, '.', '-' and '_', at most 64 of them\n"
      "line 4: 'bad/label' is no label: letters, digits, '.', '-' and '_'\n"
      "line 5: another key is called web-01: revoke it first (serin hosts revoke web-01), or choose another name\n"
      "line 7: this key is called db-06 already: revoke that first (serin hosts revoke db-06)");
}

TEST(HostCommands, a_file_that_is_no_list_of_hosts_is_answered_in_few_words) {
  Admitting fleet;
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "\x1b[31m nonsense\xff\n";
  const auto events = fleet.told_alice(fleet.import(text));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_THAT(events[0].text, HasSubstr("line 20: '\\e[31m' is no key"));
  EXPECT_THAT(events[0].text, ::testing::EndsWith("and 19980 more"));
  EXPECT_EQ(events[1].text, "0 accepted, 0 known already, 20000 refused");
}

TEST(HostCommands, a_revoked_host_is_refused_and_forgotten_and_keeps_what_it_runs) {
  Admitting fleet;
  fleet.say(2, Report{.run = "counter", .sequence = 1, .clock_ms = 1'000});
  const auto turn = fleet.ask({.verb = "hosts revoke", .arguments = {"web-02"}});
  EXPECT_EQ(fleet.answer(turn),
            "done 0: web-02 is revoked: its messages are refused from now on; what it runs stays as it is");
  ASSERT_EQ(fleet.records<RemoveHost>(turn).size(), 1U);
  EXPECT_EQ(fleet.records<RemoveHost>(turn).front().name, "web-02");
  ASSERT_EQ(fleet.effects<RefuseKey>(turn).size(), 1U);
  EXPECT_EQ(fleet.effects<RefuseKey>(turn).front().public_key, std::string(32, '\x02'));
  EXPECT_EQ(fleet.state.roster.find("web-02"), nullptr);
  EXPECT_EQ(fleet.state.ledger.position("web-02").run, "");
  EXPECT_FALSE(fleet.trusted(2));
  EXPECT_THAT(fleet.orders(turn), IsEmpty());
}

TEST(HostCommands, a_host_that_is_revoked_in_its_deployment_is_gone_for_it) {
  Admitting fleet;
  fleet.soak();
  fleet.ask_as_bob({.verb = "hosts revoke", .arguments = {"web-03"}});
  EXPECT_FALSE(fleet.plan(3).connected);
  EXPECT_EQ(fleet.rollout().hosts.size(), 4U) << "it stays in the plan";
}

TEST(HostCommands, revoking_nobody_is_an_error) {
  Admitting fleet;
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "hosts revoke", .arguments = {"web-\n99"}})),
            "error 1: no host is called 'web-\\n99': `serin hosts` lists them");
  EXPECT_THAT(fleet.answer(fleet.ask({.verb = "hosts revoke"})), StartsWith("error 2: say which host"));
  EXPECT_THAT(fleet.answer(fleet.ask({.verb = "hosts revoke", .arguments = {"web-01", "web-02"}})),
              StartsWith("error 2: say which host"));
}

}  // namespace
}  // namespace serin::operate
