// verify: who is asked, what is told of each host, and how it ends.
#include "controller/operate/verify_commands.h"

#include "tests/controller/operate/operate_fixture.h"

namespace serin::operate {
namespace {

using controller::SendToHost;
using controller::Turn;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Verifying : Operating {
  Turn verify(std::vector<std::string> arguments = {}, bool repair = false) {
    return ask({.verb = "verify", .arguments = std::move(arguments), .repair = repair});
  }
  [[nodiscard]] VerifyReport report_of(const Turn& turn) const {
    return {.application = kShop,
            .number = messages<VerifyRequest>(turn).at(0).number,
            .final = true,
            .release = 1,
            .files = 3,
            .bytes = 300,
            .files_checked = 3,
            .bytes_checked = 300};
  }
  static std::string all_told(const Turn& turn) {
    std::string text;
    for (const OperatorEvent& event : told_alice(turn)) text += event.kind + ": " + event.text + "\n";
    return text;
  }
};

TEST(VerifyCommands, every_connected_host_is_asked_about_the_release_that_it_runs) {
  Verifying fleet;
  const Turn turn = fleet.verify();
  const auto requests = Operating::messages<VerifyRequest>(turn);
  ASSERT_THAT(requests, SizeIs(4));
  EXPECT_EQ(requests[0].release, fleet.state.releases[Operating::kShop][1].signed_release);
  EXPECT_FALSE(requests[0].repair);
  EXPECT_THAT(turn.records, IsEmpty()) << "looking is no action";
  for (const SendToHost& send : Operating::effects<SendToHost>(turn)) {
    EXPECT_EQ(send.envelope.header.flags, kMustUnderstand);
    EXPECT_EQ(send.envelope.header.request, requests[0].number);
  }
}

TEST(VerifyCommands, hosts_are_named_after_the_application_or_without_it) {
  Verifying fleet;
  EXPECT_THAT(Operating::messages<VerifyRequest>(fleet.verify({"shop", "web-02"})), SizeIs(1));
  fleet.state.verifying.clear();
  EXPECT_THAT(Operating::messages<VerifyRequest>(fleet.verify({"web-0[13]"})), SizeIs(2));
  fleet.state.verifying.clear();
  EXPECT_THAT(Operating::answer(fleet.verify({"web-9"})), HasSubstr("error 2: shop has no host 'web-9'"));
}

TEST(VerifyCommands, a_clean_fleet_ends_with_0) {
  Verifying fleet;
  const Turn begun = fleet.verify({"web-01", "web-02"});
  EXPECT_THAT(Verifying::all_told(fleet.say(1, fleet.report_of(begun))), "line: web-01: clean: r1, 3 files, 300 B\n");
  EXPECT_THAT(Operating::answer(fleet.say(2, fleet.report_of(begun))), "done 0: shop: 2 of 2 hosts clean");
  EXPECT_THAT(fleet.state.verifying, IsEmpty());
}

TEST(VerifyCommands, drift_that_is_left_ends_with_8_and_names_the_paths) {
  Verifying fleet;
  const Turn begun = fleet.verify({"web-01"});
  VerifyReport report = fleet.report_of(begun);
  report.counts = {.missing = 200, .changed = 1};
  report.listed = {{.path = "lib/a\n.php", .kind = DriftKind::changed}};
  const std::string told = Verifying::all_told(fleet.say(1, report));
  EXPECT_THAT(told, HasSubstr("web-01: r1: 201 paths differ: 1 changed, 200 missing\n  changed  lib/a\\n.php\n"));
  EXPECT_THAT(told, HasSubstr("… and 200 more"));
  EXPECT_THAT(told, HasSubstr("done: shop: 0 of 1 hosts clean, 1 differ: serin verify --repair restores them"));
}

TEST(VerifyCommands, what_was_restored_ends_with_0_and_is_recorded) {
  Verifying fleet;
  const Turn begun = fleet.verify({"web-01"}, true);
  EXPECT_THAT(Operating::records<controller::StoreAction>(begun), SizeIs(1));
  EXPECT_TRUE(Operating::messages<VerifyRequest>(begun).at(0).repair);
  VerifyReport report = fleet.report_of(begun);
  report.counts.extra = 2;
  report.mended = 2;
  EXPECT_THAT(Operating::answer(fleet.say(1, report)), "done 0: shop: 0 of 1 hosts clean, 1 restored");
}

TEST(VerifyCommands, an_older_agent_is_named_as_such) {
  Verifying fleet;
  const Turn begun = fleet.verify({"web-01"});
  const Turn turn = fleet.say(1, Problem{"message type 13 is not known here"},
                              Operating::messages<VerifyRequest>(begun).at(0).number);
  EXPECT_THAT(Verifying::all_told(turn), HasSubstr("web-01: not verified: its agent ("));
  EXPECT_THAT(Verifying::all_told(turn), HasSubstr("cannot verify: upgrade it"));
  EXPECT_THAT(Operating::answer(turn), HasSubstr("done 1: "));
}

TEST(VerifyCommands, a_host_that_says_nothing_is_asked_again_and_then_given_up) {
  Verifying fleet;
  fleet.verify({"web-01"});
  std::size_t asked = 0;
  Turn last;
  for (int second = 0; second < 30; ++second) {
    fleet.heartbeat(1);
    last = fleet.tick(1s);
    tick_verifies(fleet.state, fleet.now, last);
    asked += Operating::messages<VerifyRequest>(last).size();
  }
  EXPECT_EQ(asked, 5U);
  EXPECT_THAT(Operating::answer(last), HasSubstr("done 1: "));
  EXPECT_THAT(Verifying::all_told(last), HasSubstr("web-01: not verified: it did not answer for 30 s"));
}

TEST(VerifyCommands, progress_keeps_it_alive_and_is_told_once_a_second) {
  Verifying fleet;
  const Turn begun = fleet.verify({"web-01"});
  VerifyReport report = fleet.report_of(begun);
  report.final = false;
  report.bytes_checked = 100;
  for (int second = 0; second < 100; ++second) {
    fleet.say(1, report);
    Turn turn = fleet.tick(1s);
    tick_verifies(fleet.state, fleet.now, turn);
    EXPECT_THAT(Operating::messages<VerifyRequest>(turn), IsEmpty());
    EXPECT_EQ(Verifying::all_told(turn), "progress: shop verify: 0 of 1 hosts, 100 B of 300 B\n");
  }
}

TEST(VerifyCommands, a_host_that_is_away_or_runs_what_nobody_built_is_told_at_once) {
  Verifying fleet;
  fleet.status(2).live_root = digest_of("not ours");
  fleet.heartbeat(2);
  const std::string told = Verifying::all_told(fleet.verify({"web-02"}));
  EXPECT_THAT(told, HasSubstr("web-02: not verified: it runs r1 ("));
  EXPECT_THAT(told, HasSubstr("which this controller did not build"));
}

TEST(VerifyCommands, one_of_an_application_at_a_time_until_its_operator_is_gone) {
  Verifying fleet;
  fleet.verify();
  EXPECT_THAT(Operating::answer_to_bob(fleet.ask_as_bob({.verb = "verify"})), HasSubstr("error 5: refused"));
  drop_client(fleet.state, Operating::alices().connection);
  EXPECT_THAT(Operating::messages<VerifyRequest>(fleet.ask_as_bob({.verb = "verify"})), SizeIs(4));
}

TEST(VerifyCommands, the_report_of_an_earlier_verify_is_ignored) {
  Verifying fleet;
  VerifyReport old = fleet.report_of(fleet.verify({"web-01"}));
  drop_client(fleet.state, Operating::alices().connection);
  const Turn second = fleet.verify({"web-01"});
  EXPECT_GT(fleet.report_of(second).number, old.number);
  old.counts.changed = 9;
  EXPECT_EQ(Operating::answer(fleet.say(1, old)), "");
}

TEST(VerifyCommands, status_shows_the_drift_and_the_remedy) {
  Verifying fleet;
  fleet.status(3).drift = 3;
  fleet.status(3).drift_path = "lib/a.php";
  fleet.heartbeat(3);
  const auto events = Operating::told_alice(fleet.ask({.verb = "status"}));
  EXPECT_THAT(events.at(0).text, HasSubstr("drift: 3 files, serin verify --repair web-03"));
  EXPECT_THAT(events.at(0).json, HasSubstr(R"("drift":3,"drift_path":"lib/a.php")"));
}

}  // namespace
}  // namespace serin::operate
