// What is asked and who may ask: words, identity, the audit log, abort, continue, attach.
#include "controller/operate/commands.h"

#include "tests/controller/operate/operate_fixture.h"

namespace serin::operate {
namespace {

using controller::ReadHistory;
using controller::StoreAction;
using controller::Turn;
using rollout::Phase;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(Commands, a_word_that_is_no_command_is_a_usage_error_and_leaves_no_trace) {
  for (const std::string verb : {"depploy", "hosts acept", "", "hosts ", "\x1b[2J"}) {
    Operating fleet;
    fleet.state.settings.applications.clear();
    const auto turn = fleet.ask({.verb = verb});
    EXPECT_THAT(fleet.answer(turn), StartsWith("error 2: unknown command '")) << verb;
    EXPECT_THAT(turn.records, IsEmpty());
  }
  Operating fleet;
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "\x1b[2J"})), "error 2: unknown command '\\e[2J'");
}

TEST(Commands, an_application_must_be_named_when_there_are_several) {
  Operating fleet;
  fleet.state.settings.applications["blog"].name = "blog";
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "status"})), "error 2: say which application: -a blog | shop");
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "deploy", .application = "chop\n"})),
            "error 2: no application is called 'chop\\n': there is blog, shop");
  EXPECT_THAT(fleet.answer(fleet.ask({.verb = "status", .application = "blog"})), StartsWith("status 0: blog: "));
  fleet.state.settings.applications.clear();
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "status"})),
            "error 2: no application is configured: add [application.NAME] to controller.toml");
}

TEST(Commands, an_operator_that_nobody_can_name_is_refused_whatever_is_asked) {
  for (const std::string verb : {"status", "deploy", "hosts list", "nonsense"}) {
    Operating fleet;
    const auto turn = fleet.ask({.verb = verb}, {.uid = 65'534, .name = "nobody"});
    EXPECT_THAT(fleet.answer(turn), StartsWith("error 5: refused: your user id arrives as 65534 (nobody)"));
    EXPECT_THAT(fleet.answer(turn), HasSubstr("remove PrivateUsers= from its unit"));
    EXPECT_THAT(turn.records, IsEmpty());
    EXPECT_TRUE(fleet.state.building.empty());
  }
}

TEST(Commands, what_changes_something_is_recorded_with_who_asked) {
  Operating fleet;
  const auto turn = fleet.ask({.verb = "deploy", .arguments = {"a.php", "b.php"}, .message = "m\n\x1b", .force = true});
  const auto actions = fleet.records<StoreAction>(turn);
  ASSERT_EQ(actions.size(), 1U);
  EXPECT_EQ(actions.front().at, fleet.now.wall);
  EXPECT_EQ(actions.front().uid, 1'000U);
  EXPECT_EQ(actions.front().who, "alice");
  EXPECT_EQ(actions.front().verb, "deploy");
  EXPECT_EQ(actions.front().detail, "--force a.php b.php m\\n\\e");
}

TEST(Commands, what_only_looks_is_not_recorded) {
  for (const OperatorRequest& request :
       {OperatorRequest{.verb = "status"}, OperatorRequest{.verb = "attach"}, OperatorRequest{.verb = "history"},
        OperatorRequest{.verb = "hosts list"}, OperatorRequest{.verb = "deploy", .dry_run = true}}) {
    Operating fleet;
    EXPECT_THAT(fleet.ask(request).records, IsEmpty()) << request.verb;
  }
}

TEST(Commands, the_audit_log_keeps_its_lines_short) {
  Operating fleet;
  const auto turn = fleet.ask({.verb = "abort",
                               .application = std::string(100'000, 'a'),
                               .arguments = std::vector<std::string>(1'000, std::string(1'000, 'p')),
                               .message = std::string(1'000'000, 'm')});
  const auto actions = fleet.records<StoreAction>(turn);
  ASSERT_EQ(actions.size(), 1U);
  EXPECT_LT(actions.front().application.size(), 200U);
  EXPECT_LT(actions.front().detail.size(), 5'000U);
}

TEST(Commands, who_called_sudo_is_named_but_only_root_may_say_so) {
  const auto who = [](const Caller& caller, const std::string& sudo_user) {
    Operating fleet;
    return fleet.records<StoreAction>(fleet.ask({.verb = "abort", .sudo_user = sudo_user}, caller)).at(0).who;
  };
  const Caller root{.uid = 0, .name = "root"};
  EXPECT_EQ(who(root, "alice"), "alice (sudo)");
  EXPECT_EQ(who(root, ""), "root");
  EXPECT_EQ(who(root, "alice\n\x1b[1m"), "root");
  EXPECT_EQ(who(Operating::bob(), "alice"), "bob");
}

TEST(Commands, while_nothing_can_be_stored_all_that_changes_something_is_refused) {
  for (const std::string verb :
       {"deploy", "rollback", "abort", "continue", "hosts accept", "hosts import", "hosts revoke"}) {
    Operating fleet;
    fleet.soak();
    fleet.state.read_only = "database /x: the disk is full: free some space";
    const auto turn = fleet.ask_as_bob({.verb = verb, .arguments = {"web-02"}, .force = true, .name = "web-09"});
    EXPECT_EQ(fleet.answer_to_bob(turn),
              "error 5: refused: the controller cannot store anything (database /x: the disk is full: free some "
              "space). Hosts keep what they run and their errors are counted. Free some space; it tries again every "
              "second")
        << verb;
    EXPECT_THAT(turn.records, IsEmpty()) << verb;
    EXPECT_EQ(fleet.rollout().phase, Phase::soaking) << verb;
    EXPECT_EQ(fleet.state.roster.hosts().size(), 4U);
  }
  for (const std::string verb : {"status", "attach", "hosts list", "history"}) {
    Operating fleet;
    fleet.state.read_only = "the disk is full";
    EXPECT_THAT(fleet.answer(fleet.ask({.verb = verb})), ::testing::Not(StartsWith("error"))) << verb;
  }
}

TEST(Commands, history_reads_so_many_lines_as_are_asked_for) {
  const auto most = [](const std::vector<std::string>& arguments) -> std::size_t {
    Operating fleet;
    const auto reads = fleet.effects<ReadHistory>(fleet.ask({.verb = "history", .arguments = arguments}));
    return reads.size() == 1 ? reads.front().most : 0;
  };
  EXPECT_EQ(most({}), 20U);
  EXPECT_EQ(most({"7"}), 7U);
  EXPECT_EQ(most({"0"}), 1U);
  EXPECT_EQ(most({"999999"}), 1'000U);
  Operating fleet;
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "history", .arguments = {"7x"}})),
            "error 2: '7x' is no number of deployments to show");
  EXPECT_EQ(fleet.effects<ReadHistory>(fleet.ask({.verb = "history", .application = "shop"})).at(0).application,
            "shop");
}

// ---- abort and continue ----

TEST(Commands, nothing_runs_nothing_can_be_aborted_or_continued) {
  Operating fleet;
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "abort"})), "error 1: no deployment of shop is running");
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "continue"})), "error 1: no deployment of shop is running");
}

TEST(Commands, abort_takes_the_running_deployment_back_and_shows_it) {
  Operating fleet;
  fleet.soak();
  const auto turn = fleet.ask_as_bob({.verb = "abort"});
  EXPECT_EQ(fleet.told_bob(turn).at(0), begun_event(1));
  EXPECT_EQ(fleet.answer_to_bob(turn), "") << "its end comes when the hosts are back";
  EXPECT_EQ(fleet.rollout().phase, Phase::going_back);
  EXPECT_EQ(fleet.rollout().reason, "aborted by bob");
  const Turn end = fleet.finish(1, fleet.orders(turn).at(0), StepResult::loaded);
  EXPECT_THAT(fleet.answer_to_bob(end), StartsWith("done 3: aborted by bob; 1 of 1 hosts that had r2"));
  EXPECT_THAT(fleet.answer(end), StartsWith("done 3: aborted by bob")) << "the one who began it learns it too";
}

TEST(Commands, abort_with_detach_ends_at_once) {
  Operating fleet;
  fleet.soak();
  EXPECT_EQ(fleet.answer_to_bob(fleet.ask_as_bob({.verb = "abort", .detach = true})),
            "done 0: it is being taken back: `serin attach` shows it");
}

TEST(Commands, an_abort_that_names_a_deployment_never_ends_another) {
  Operating fleet;
  fleet.soak();
  EXPECT_EQ(fleet.answer_to_bob(fleet.ask_as_bob({.verb = "abort", .arguments = {"99"}})),
            "error 1: deployment 99 of shop does not run any more: `serin history` tells its end");
  EXPECT_EQ(fleet.answer_to_bob(fleet.ask_as_bob({.verb = "abort", .arguments = {"last"}})),
            "error 2: 'last' is no deployment: give a number as `serin history` shows it");
  EXPECT_EQ(fleet.rollout().phase, Phase::soaking);
  fleet.ask_as_bob({.verb = "abort", .arguments = {"1"}});
  EXPECT_EQ(fleet.rollout().phase, Phase::going_back);
}

TEST(Commands, abort_while_the_release_is_being_built_sends_nothing) {
  Operating fleet;
  fleet.ask({.verb = "deploy", .message = "m"});
  EXPECT_EQ(fleet.answer_to_bob(fleet.ask_as_bob({.verb = "abort"})),
            "done 0: aborted: nothing of it will be sent to any host");
  const auto turn = fleet.built(fleet.root_of(2));
  EXPECT_EQ(fleet.answer(turn), "error 1: aborted by bob: nothing was sent to any host");
  EXPECT_THAT(turn.records, IsEmpty());
  EXPECT_TRUE(fleet.state.active.empty() && fleet.state.building.empty());
}

TEST(Commands, abort_while_a_forced_deploy_is_being_built_leaves_the_running_one_alone) {
  for (const bool own : {true, false}) {
    Operating fleet;
    fleet.soak();
    fleet.ask_as_bob({.verb = "deploy", .force = true, .yes = true});
    const auto aborted = own ? fleet.ask_as_bob({.verb = "abort", .detach = true}) : fleet.ask({.verb = "abort"});
    EXPECT_EQ(fleet.answer(aborted, own ? fleet.bobs() : fleet.alices()),
              "done 0: aborted: nothing of it will be sent to any host; deployment 1, which it was to end, goes on "
              "(soaking)");
    EXPECT_EQ(fleet.rollout().phase, Phase::soaking);
    EXPECT_THAT(fleet.answer_to_bob(fleet.built(fleet.root_of(3))), StartsWith("error 1: aborted by "));
    EXPECT_EQ(fleet.rollout().phase, Phase::soaking);
    fleet.ask_as_bob({.verb = "abort"});
    EXPECT_EQ(fleet.rollout().phase, Phase::going_back);
  }
}

TEST(Commands, ctrl_c_in_a_dry_run_ends_the_dry_run_and_nobodys_deployment) {
  Operating fleet;
  fleet.soak();
  fleet.ask_as_bob({.verb = "deploy", .dry_run = true});
  fleet.ask_as_bob({.verb = "abort", .detach = true});
  EXPECT_EQ(fleet.rollout().phase, Phase::soaking);
  EXPECT_THAT(fleet.answer_to_bob(fleet.built(fleet.root_of(3))), StartsWith("error 1: aborted by bob"));
}

TEST(Commands, the_dry_run_of_another_hides_no_running_deployment_from_an_abort) {
  Operating fleet;
  fleet.soak();
  fleet.ask_as_bob({.verb = "deploy", .dry_run = true});
  fleet.ask({.verb = "abort"});
  EXPECT_EQ(fleet.rollout().phase, Phase::going_back);
}

TEST(Commands, only_a_held_deployment_can_be_continued) {
  Operating fleet;
  fleet.soak();
  EXPECT_THAT(fleet.answer_to_bob(fleet.ask_as_bob({.verb = "continue"})),
              StartsWith("error 5: refused: only a held deployment can be continued; alice's deployment of shop r2 is "
                         "soaking (for "));
  EXPECT_EQ(fleet.rollout().phase, Phase::soaking);
}

TEST(Commands, a_held_deployment_that_is_continued_goes_on_and_says_who_let_it) {
  Operating fleet;
  fleet.hold();
  const auto turn = fleet.ask_as_bob({.verb = "continue"});
  EXPECT_EQ(fleet.told_bob(turn).at(0), begun_event(1));
  EXPECT_EQ(fleet.rollout().phase, Phase::rolling);
  EXPECT_TRUE(fleet.rollout().forced_on);
  EXPECT_THAT(fleet.rollout().reason, StartsWith("continued by bob, it was held because: "));
  EXPECT_EQ(fleet.orders(turn).size(), 3U);
}

TEST(Commands, a_held_deployment_that_is_aborted_goes_back) {
  Operating fleet;
  fleet.hold();
  fleet.ask_as_bob({.verb = "abort"});
  EXPECT_EQ(fleet.rollout().phase, Phase::going_back);
}

// ---- attach ----

TEST(Commands, attach_shows_the_running_deployment_and_follows_it) {
  Operating fleet;
  fleet.soak();
  fleet.tick(3s);
  const auto events = fleet.told_bob(fleet.ask_as_bob({.verb = "attach"}));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0], begun_event(1));
  EXPECT_EQ(events[1].text, "alice's deployment of shop r2 is soaking (for 3s, started 3 s ago): faster cart");
  const auto next = fleet.told_bob(fleet.tick(1s));
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next.front().kind, "progress");
}

TEST(Commands, attach_to_a_held_deployment_tells_what_can_be_done) {
  Operating fleet;
  fleet.hold();
  const auto events = fleet.told_bob(fleet.ask_as_bob({.verb = "attach", .arguments = {"1"}}));
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[2].kind, "held");
  EXPECT_THAT(events[2].text, HasSubstr("serin continue: go on all the same; serin abort: take it back"));
}

TEST(Commands, attach_to_the_newest_finished_deployment_tells_its_end) {
  Operating fleet;
  fleet.soak();
  const auto back = fleet.ask({.verb = "abort"});
  fleet.finish(1, fleet.orders(back).at(0), StepResult::loaded);
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{}, {"1"}}) {
    EXPECT_THAT(fleet.answer_to_bob(fleet.ask_as_bob({.verb = "attach", .arguments = arguments})),
                StartsWith("done 3: aborted by alice; 1 of 1 hosts that had r2 are on their former release"));
  }
}

TEST(Commands, attach_says_when_there_is_nothing_to_show) {
  Operating fleet;
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "attach"})), "done 0: shop was never deployed");
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "attach", .arguments = {"3"}})),
            "error 1: deployment 3 is neither running nor the newest one: `serin history` tells its end");
  for (const std::string number : {"r3", "-1", "0", "99999999999999999999", ""}) {
    EXPECT_EQ(fleet.answer(fleet.ask({.verb = "attach", .arguments = {number}})),
              "error 2: '" + number + "' is no deployment: give a number as `serin history` shows it");
  }
}

TEST(Commands, a_client_that_is_gone_is_told_nothing_more_and_its_deployment_goes_on) {
  Operating fleet;
  fleet.soak();
  fleet.ask_as_bob({.verb = "attach"});
  drop_client(fleet.state, fleet.alices().connection);
  const auto turn = fleet.tick(1s);
  EXPECT_THAT(fleet.told_alice(turn), IsEmpty());
  EXPECT_EQ(fleet.told_bob(turn).size(), 1U);
  EXPECT_EQ(fleet.rollout().phase, Phase::soaking);
}

}  // namespace
}  // namespace serin::operate
