// deploy and rollback: what is refused and why, what is asked first, what is built and stored.
#include "controller/operate/release_commands.h"

#include "protocol/limits.h"
#include "tests/controller/operate/operate_fixture.h"

namespace serin::operate {
namespace {

using controller::StartBuild;
using controller::StoreRelease;
using controller::Trust;
using controller::Turn;
using rollout::Phase;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr auto kShop = Operating::kShop;

release::BuildRequest request_of(const Turn& turn) {
  const auto builds = Operating::effects<StartBuild>(turn);
  return builds.size() == 1 ? builds.front().request : release::BuildRequest{};
}

TEST(ReleaseCommands, deploy_builds_the_configured_source_over_the_wanted_release) {
  Operating fleet;
  auto& settings = fleet.state.settings.applications[kShop];
  settings.exclude = {"*.tmp"};
  settings.delete_limit_percent = 12;
  fleet.state.releases[kShop][1].release.files = 40;
  fleet.state.releases[kShop][1].release.bytes = 4'000;
  const auto build = request_of(fleet.ask({.verb = "deploy", .message = "m", .yes_delete = true}));
  EXPECT_EQ(build.application, kShop);
  EXPECT_EQ(build.source, "/srv/shop");
  EXPECT_THAT(build.exclude, ElementsAre("*.tmp"));
  EXPECT_THAT(build.paths, IsEmpty());
  EXPECT_EQ(build.base, fleet.root_of(1));
  EXPECT_EQ(build.base_files, 40U);
  EXPECT_EQ(build.base_bytes, 4'000U);
  EXPECT_EQ(build.delete_limit_percent, 12);
  EXPECT_TRUE(build.yes_delete);
}

TEST(ReleaseCommands, paths_are_meant_from_the_operators_folder_when_it_lies_in_the_source) {
  const auto paths = [](const std::string& cwd) {
    Operating fleet;
    return request_of(fleet.ask({.verb = "deploy", .arguments = {"a.php", "/srv/shop/b.php"}, .cwd = cwd})).paths;
  };
  EXPECT_THAT(paths("/srv/shop/lib"), ElementsAre("/srv/shop/lib/a.php", "/srv/shop/b.php"));
  EXPECT_THAT(paths("/srv/shop"), ElementsAre("/srv/shop/a.php", "/srv/shop/b.php"));
  EXPECT_THAT(paths("/srv/shop-2"), ElementsAre("a.php", "/srv/shop/b.php"));
  EXPECT_THAT(paths("/home/alice"), ElementsAre("a.php", "/srv/shop/b.php"));
}

TEST(ReleaseCommands, paths_without_a_released_tree_are_refused) {
  Operating fleet;
  fleet.state.wanted.clear();
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "deploy", .arguments = {"a.php"}})),
            "error 5: refused: shop has no release yet that a path could be laid over: deploy the whole tree first "
            "(serin deploy -m MESSAGE)");
  EXPECT_TRUE(fleet.state.building.empty());
}

TEST(ReleaseCommands, what_was_built_is_signed_stored_and_deployed) {
  Operating fleet;
  const auto turn = fleet.deploy_tree();
  const auto stored = fleet.records<StoreRelease>(turn);
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_EQ(stored.front().release, (Release{.application = kShop,
                                             .number = 2,
                                             .root = fleet.root_of(2),
                                             .parent = 1,
                                             .author = "alice",
                                             .message = "faster cart",
                                             .created_s = 1'800'000'000,
                                             .files = 3,
                                             .bytes = 300}));
  EXPECT_EQ(open_release(stored.front().signed_release, {fleet.state.signing_key.public_key}), stored.front().release);
  EXPECT_EQ(fleet.state.releases[kShop].at(2).trust, Trust::untried);
  EXPECT_EQ(fleet.rollout().release, 2U);
  EXPECT_EQ(fleet.rollout().owner, "alice");
  EXPECT_EQ(fleet.rollout().message, "faster cart");
  EXPECT_FALSE(fleet.rollout().force);
  const auto events = fleet.told_alice(turn);
  EXPECT_THAT(events.front().text, StartsWith("shop: 0 changed, 0 added, 0 removed against r1"));
  EXPECT_EQ(std::count(events.begin(), events.end(), begun_event(1)), 1);
  EXPECT_EQ(fleet.answer(turn), "") << "it goes on";
}

TEST(ReleaseCommands, release_numbers_go_on_over_failed_ones_and_the_parent_is_what_is_wanted) {
  Operating fleet;
  fleet.add_release(2, Trust::rejected);
  fleet.ask({.verb = "deploy"});
  const auto stored = fleet.records<StoreRelease>(fleet.built(fleet.root_of(3)));
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_EQ(stored.front().release.number, 3U);
  EXPECT_EQ(stored.front().release.parent, 1U);
}

TEST(ReleaseCommands, a_message_of_a_megabyte_is_kept_short_with_a_mark_at_a_whole_character) {
  for (std::string message : {"", "x", "xx"}) {
    Operating fleet;
    while (message.size() < 1'000'000) message += "\xe2\x82\xac";
    const auto stored = fleet.records<StoreRelease>(fleet.deploy_tree(message));
    ASSERT_EQ(stored.size(), 1U);
    const std::string& kept = stored.front().release.message;
    EXPECT_LE(kept.size(), limits::kMessageBytesKept);
    EXPECT_GT(kept.size(), limits::kMessageBytesKept - 60);
    EXPECT_THAT(kept, EndsWith(" bytes more)"));
    EXPECT_TRUE(open_release(stored.front().signed_release, {fleet.state.signing_key.public_key}))
        << "hosts take no larger record";
    EXPECT_TRUE(nlohmann::json::accept("\"" + kept + "\"")) << "no half character";
    EXPECT_EQ(fleet.rollout().message, kept);
  }
}

TEST(ReleaseCommands, a_message_of_the_longest_kind_is_kept_as_it_is) {
  Operating fleet;
  const std::string message(limits::kMessageBytesKept, 'm');
  EXPECT_EQ(fleet.records<StoreRelease>(fleet.deploy_tree(message)).at(0).release.message, message);
}

TEST(ReleaseCommands, a_source_that_equals_what_is_released_is_nothing_to_do) {
  Operating fleet;
  fleet.ask({.verb = "deploy"});
  const auto turn = fleet.built(fleet.root_of(1));
  EXPECT_EQ(fleet.answer(turn), "done 0: nothing to do: the source tree equals r1, which is released");
  EXPECT_THAT(turn.records, IsEmpty());
  EXPECT_TRUE(fleet.state.active.empty());
}

TEST(ReleaseCommands, forced_it_goes_to_all_hosts_once_more_as_the_same_release) {
  Operating fleet;
  fleet.ask({.verb = "deploy", .force = true});
  const auto turn = fleet.built(fleet.root_of(1));
  EXPECT_THAT(fleet.records<StoreRelease>(turn), IsEmpty());
  EXPECT_EQ(fleet.rollout().release, 1U);
  EXPECT_EQ(fleet.orders(turn).size(), 4U);
}

TEST(ReleaseCommands, a_dry_run_shows_the_changes_and_deploys_nothing) {
  Operating fleet;
  fleet.ask({.verb = "deploy", .dry_run = true});
  const auto turn = fleet.built(fleet.root_of(2));
  EXPECT_EQ(fleet.answer(turn), "done 0: dry run: nothing was deployed");
  EXPECT_EQ(fleet.told_alice(turn).size(), 3U) << "the changes, what the hosts run, the end";
  EXPECT_THAT(turn.records, IsEmpty());
  EXPECT_TRUE(fleet.state.active.empty() && !fleet.state.releases[kShop].contains(2));
}

TEST(ReleaseCommands, a_build_that_fails_ends_with_its_reason) {
  const auto answer = [](ErrorKind kind) {
    Operating fleet;
    fleet.ask({.verb = "deploy"});
    const auto turn = fleet.build_ended(failure(kind, "the source is gone"));
    EXPECT_TRUE(fleet.state.building.empty() && fleet.state.active.empty());
    return fleet.answer(turn);
  };
  EXPECT_EQ(answer(ErrorKind::refused), "error 5: the source is gone");
  EXPECT_EQ(answer(ErrorKind::not_found), "error 1: the source is gone");
  EXPECT_EQ(answer(ErrorKind::no_space), "error 1: the source is gone");
}

TEST(ReleaseCommands, a_plan_that_cannot_be_made_is_refused_by_name) {
  Operating fleet;
  fleet.state.settings.applications[kShop].canary.members = {"label:nobody"};
  EXPECT_THAT(fleet.answer(fleet.deploy_tree()),
              StartsWith("error 5: refused: canary = [\"label:nobody\"] of shop matches none of its 4 hosts"));
  EXPECT_TRUE(fleet.state.active.empty());
}

TEST(ReleaseCommands, with_detach_it_ends_as_soon_as_the_deployment_has_begun) {
  Operating fleet;
  fleet.ask({.verb = "deploy", .detach = true});
  EXPECT_EQ(fleet.answer(fleet.built(fleet.root_of(2))),
            "done 0: deployment of shop r2 goes on in the controller: `serin attach` shows it");
  EXPECT_THAT(fleet.told_alice(fleet.tick(1s)), IsEmpty());
}

TEST(ReleaseCommands, the_wait_can_be_given) {
  Operating fleet;
  fleet.ask({.verb = "deploy", .wait_ms = 90'000});
  fleet.built(fleet.root_of(2));
  EXPECT_EQ(fleet.rollout().wait, 90s);
}

TEST(ReleaseCommands, a_build_that_nobody_asked_for_is_dropped) {
  Operating fleet;
  EXPECT_THAT(fleet.built(fleet.root_of(2)).effects, IsEmpty());
}

// ---- locks ----

TEST(ReleaseCommands, while_another_is_deployed_deploy_is_refused_with_owner_age_phase_and_the_ways_out) {
  Operating fleet;
  fleet.soak();
  fleet.tick(5s);
  EXPECT_EQ(fleet.answer_to_bob(fleet.ask_as_bob({.verb = "deploy", .message = "mine"})),
            "error 5: refused: alice's deployment of shop r2 is soaking (for 5s, started 5 s ago): faster cart\n"
            "Wait for it (serin attach), or end it: serin abort | serin rollback | serin deploy --force");
  EXPECT_TRUE(fleet.state.building.empty());
}

TEST(ReleaseCommands, while_it_goes_back_the_refusal_says_so_in_words) {
  Operating fleet;
  fleet.soak();
  fleet.ask({.verb = "abort"});
  EXPECT_THAT(fleet.answer_to_bob(fleet.ask_as_bob({.verb = "deploy"})), HasSubstr("shop r2 is going back (for "));
}

TEST(ReleaseCommands, while_another_is_built_everything_is_refused_even_by_force) {
  Operating fleet;
  fleet.ask({.verb = "deploy", .message = "mine"});
  fleet.now.wall += 4s;
  EXPECT_THAT(fleet.answer_to_bob(fleet.ask_as_bob({.verb = "deploy", .force = true, .yes = true})),
              StartsWith("error 5: refused: alice is building a release of shop (begun 4 s ago)\n"));
  EXPECT_THAT(fleet.answer_to_bob(fleet.ask_as_bob({.verb = "deploy", .dry_run = true})), StartsWith("error 5: "));
  EXPECT_EQ(fleet.answer_to_bob(fleet.ask_as_bob({.verb = "rollback", .yes = true})),
            "error 5: refused: alice is building a release of shop (begun 4 s ago): try again in a moment");
}

TEST(ReleaseCommands, a_dry_run_looks_on_while_another_is_deployed) {
  Operating fleet;
  fleet.soak();
  EXPECT_EQ(request_of(fleet.ask_as_bob({.verb = "deploy", .dry_run = true})).application, kShop);
  EXPECT_EQ(fleet.answer_to_bob(fleet.built(fleet.root_of(3))), "done 0: dry run: nothing was deployed");
  EXPECT_EQ(fleet.rollout().phase, Phase::soaking);
}

TEST(ReleaseCommands, force_over_a_running_deployment_asks_first_and_ends_it_on_yes) {
  Operating fleet;
  fleet.soak();
  const auto question = fleet.ask_as_bob({.verb = "deploy", .force = true});
  EXPECT_THAT(fleet.answer_to_bob(question), StartsWith("question 5: alice's deployment of shop r2 is soaking (for "));
  EXPECT_THAT(fleet.answer_to_bob(question), EndsWith("faster cart. This ends it. Go on (--yes answers)?"));
  EXPECT_TRUE(fleet.state.building.empty());

  fleet.ask_as_bob({.verb = "deploy", .message = "mine", .force = true, .yes = true});
  EXPECT_EQ(fleet.rollout().phase, Phase::soaking) << "until the new release is built";
  const auto turn = fleet.built(fleet.root_of(3));
  EXPECT_EQ(fleet.answer(turn), "done 1: ended: taken over by bob's forced deploy of r3; 1 of 4 hosts ran r2");
  EXPECT_EQ(fleet.rollout().release, 3U);
  EXPECT_TRUE(fleet.rollout().force);
  EXPECT_EQ(fleet.orders(turn).size(), 4U);
}

TEST(ReleaseCommands, force_without_a_running_deployment_asks_nothing) {
  Operating fleet;
  EXPECT_EQ(request_of(fleet.ask({.verb = "deploy", .force = true})).application, kShop);
}

TEST(ReleaseCommands, a_disk_that_is_nearly_full_refuses_deploys_but_no_rollback) {
  Operating fleet;
  fleet.add_release(2, Trust::trusted);
  fleet.state.low_space = "only 3.0 MB of disk space are left";
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "deploy"})), "error 5: refused: only 3.0 MB of disk space are left");
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "rollback", .arguments = {"2"}})), "");
  EXPECT_EQ(fleet.rollout().release, 2U);
}

TEST(ReleaseCommands, when_the_disk_fills_during_the_build_nothing_is_deployed) {
  Operating fleet;
  fleet.ask({.verb = "deploy"});
  fleet.state.read_only = "the disk is full";
  const auto turn = fleet.built(fleet.root_of(2));
  EXPECT_THAT(fleet.answer(turn), StartsWith("error 5: refused: the controller cannot store anything"));
  EXPECT_THAT(turn.records, IsEmpty());
}

// ---- rollback ----

/// r1 to r3, of which r3 is wanted and live; r2 is its parent, r4 has failed, r5 was never judged.
struct RolledOut : Operating {
  RolledOut() {
    for (const ReleaseNumber number : {1U, 2U, 3U}) add_release(number, Trust::trusted);
    add_release(4, Trust::rejected);
    add_release(5, Trust::untried);
    state.releases[kShop][2].release.parent = 1;
    state.releases[kShop][3].release.parent = 2;
    state.wanted[kShop] = 3;
  }
};

TEST(ReleaseCommands, rollback_goes_to_the_release_before_or_to_any_that_was_released) {
  for (const auto& [arguments, release] : std::vector<std::pair<std::vector<std::string>, ReleaseNumber>>{
           {{}, 2U}, {{"r1"}, 1U}, {{"1"}, 1U}, {{"r3"}, 3U}}) {
    RolledOut fleet;
    const auto turn = fleet.ask({.verb = "rollback", .arguments = arguments});
    EXPECT_EQ(fleet.rollout().release, release);
    EXPECT_TRUE(fleet.rollout().rollback);
    EXPECT_EQ(fleet.rollout().message, "rollback to r" + std::to_string(release));
    EXPECT_EQ(fleet.orders(turn).size(), 4U) << "all hosts at once";
    EXPECT_EQ(fleet.told_alice(turn).front().kind, "line");
  }
}

TEST(ReleaseCommands, rollback_takes_a_message) {
  RolledOut fleet;
  fleet.ask({.verb = "rollback", .message = "prices are wrong"});
  EXPECT_EQ(fleet.rollout().message, "prices are wrong");
}

TEST(ReleaseCommands, rollback_refuses_what_is_no_release_or_none_to_go_to) {
  const auto answer = [](const std::string& release) {
    RolledOut fleet;
    const std::string text = fleet.answer(fleet.ask({.verb = "rollback", .arguments = {release}}));
    EXPECT_TRUE(fleet.state.active.empty());
    return text;
  };
  EXPECT_EQ(answer("r9"), "error 1: shop has no release r9: `serin history` lists them");
  EXPECT_EQ(answer("yesterday\n"),
            "error 2: 'yesterday\\n' is no release: give a number as `serin history` shows it, such as r12");
  EXPECT_EQ(answer("r"), "error 2: 'r' is no release: give a number as `serin history` shows it, such as r12");
  EXPECT_EQ(answer("r4"), "error 5: refused: r4 was never released (rejected): use --force if you mean it");
  EXPECT_EQ(answer("r5"), "error 5: refused: r5 was never released (untried): use --force if you mean it");
  RolledOut fleet;
  fleet.state.wanted[kShop] = 1;
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "rollback"})),
            "error 5: refused: r1 is the first release of shop: there is nothing before it");
  fleet.state.wanted.clear();
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "rollback"})),
            "error 5: refused: shop has no released release to go back to");
}

TEST(ReleaseCommands, rollback_to_a_failed_release_needs_force) {
  RolledOut fleet;
  fleet.ask({.verb = "rollback", .arguments = {"r4"}, .force = true});
  EXPECT_EQ(fleet.rollout().release, 4U);
}

TEST(ReleaseCommands, rollback_of_a_running_deployment_asks_first_and_goes_to_what_is_wanted) {
  Operating fleet;
  fleet.soak();
  EXPECT_THAT(fleet.answer_to_bob(fleet.ask_as_bob({.verb = "rollback"})), StartsWith("question 5: alice's"));
  EXPECT_EQ(fleet.rollout().release, 2U);
  const auto turn = fleet.ask_as_bob({.verb = "rollback", .yes = true});
  EXPECT_EQ(fleet.answer(turn), "done 1: ended: taken over by bob's rollback to r1; 1 of 4 hosts ran r2");
  EXPECT_EQ(fleet.rollout().release, 1U);
  EXPECT_EQ(fleet.rollout().owner, "bob");
}

TEST(ReleaseCommands, a_rollback_that_cannot_begin_leaves_the_running_deployment_alone) {
  Operating fleet;
  fleet.soak();
  fleet.state.settings.applications[kShop].hosts.members = {"nobody"};
  EXPECT_THAT(fleet.answer_to_bob(fleet.ask_as_bob({.verb = "rollback", .yes = true})), StartsWith("error 5: refused"));
  EXPECT_EQ(fleet.rollout().release, 2U);
  EXPECT_EQ(fleet.rollout().phase, Phase::soaking);
}

}  // namespace
}  // namespace serin::operate
