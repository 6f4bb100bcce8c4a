// deploy --dry-run: against what is wanted, and against what each group's hosts run.
#include "tests/controller/operate/operate_fixture.h"

namespace serin::operate {
namespace {

using controller::StartBuild;
using controller::Trust;
using controller::Turn;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// web-01, the canary, and web-02 run r1, which is wanted; web-03 runs r2, web-04 nothing.
struct DryRun : Operating {
  DryRun() {
    add_release(2, Trust::rejected);
    status(3).live_release = 2;
    status(3).live_root = root_of(2);
    status(4).live_release = 0;
    status(4).live_root = {};
    heartbeat(3);
    heartbeat(4);
  }
  Turn ask_dry() { return ask({.verb = "deploy", .message = "m", .dry_run = true}); }
  release::BuildResult result() const {
    return {.root = root_of(7),
            .files = 30,
            .bytes = 3'000,
            .changes = {{"a.php", TreeEntry{}, TreeEntry{}}},
            .summary = {.changed = 1, .bytes = 10},
            .comparisons = {{.base = {.release = 2, .root = root_of(2)},
                             .changes = {{"b\n.php", std::nullopt, TreeEntry{}}, {"c.php", TreeEntry{}, std::nullopt}},
                             .summary = {.added = 1, .removed = 40, .bytes = 99},
                             .trouble = {}}}};
  }
};

TEST(DryRun, the_worker_compares_with_every_other_tree_that_is_live) {
  DryRun fleet;
  const auto builds = Operating::effects<StartBuild>(fleet.ask_dry());
  ASSERT_THAT(builds, SizeIs(1));
  EXPECT_THAT(builds[0].request.others, ElementsAre(release::OtherBase{2, fleet.root_of(2)}));
}

TEST(DryRun, a_deploy_that_is_meant_compares_with_the_wanted_release_alone) {
  DryRun fleet;
  EXPECT_THAT(Operating::effects<StartBuild>(fleet.ask({.verb = "deploy", .message = "m"})).at(0).request.others,
              IsEmpty());
}

TEST(DryRun, each_group_is_told_once_for_what_it_runs) {
  DryRun fleet;
  fleet.ask_dry();
  const auto events = Operating::told_alice(fleet.build_ended(fleet.result()));
  ASSERT_THAT(events, SizeIs(5));
  std::string text;
  std::string json;
  for (const OperatorEvent& event : events) {
    text += event.text + "\n";
    json += event.json + "\n";
  }
  EXPECT_THAT(text, HasSubstr("shop: 1 changed, 0 added, 0 removed against r1"));
  EXPECT_THAT(text, HasSubstr("canary, fleet (2 hosts): r1: as above\n"));
  EXPECT_THAT(text, HasSubstr("fleet (1 host): r2: 0 changed, 1 added, 40 removed (99 B of new content)\n"
                              "  added b\\n.php\n  removed c.php\n  … and 39 more\n"));
  EXPECT_THAT(text, HasSubstr("fleet (1 host): nothing of Serin's is known to be live: all 30 files (3.0 kB)\n"));
  EXPECT_EQ(events.back().text, "dry run: nothing was deployed");
  EXPECT_THAT(json, HasSubstr(R"("event":"group diff","groups":["canary","fleet"],"hosts":2)"));
  EXPECT_THAT(json, HasSubstr(R"("not_listed":39)"));
}

TEST(DryRun, what_cannot_be_compared_says_why) {
  DryRun fleet;
  fleet.ask_dry();
  release::BuildResult result = fleet.result();
  result.comparisons[0].trouble = "object 12ab is missing";
  const auto events = Operating::told_alice(fleet.build_ended(result));
  const bool told = std::ranges::any_of(events, [](const OperatorEvent& event) {
    return event.text == "fleet (1 host): r2: cannot be compared: object 12ab is missing";
  });
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace serin::operate
