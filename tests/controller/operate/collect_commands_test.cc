// gc: what is marked before anything goes, what is told, and when it runs by itself.
#include "controller/operate/collect_commands.h"

#include "tests/controller/operate/operate_fixture.h"

namespace serin::operate {
namespace {

using controller::StartCollect;
using controller::StoreCollected;
using controller::Trust;
using controller::Turn;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// r1 is wanted and live; r2 to r4 failed long ago.
struct Collecting : Operating {
  Collecting() {
    for (ReleaseNumber number = 2; number <= 4; ++number) add_release(number, Trust::rejected);
    for (auto& [number, release] : state.releases[kShop]) release.release.created_s = 1'000;
  }
  Turn tick_for(Duration length) {
    now.steady += length;
    now.wall += length;
    Turn turn;
    tick_collection(state, now, turn);
    return turn;
  }
  Turn collected(const Result<release::CollectResult>& result) {
    Turn turn;
    take_collected(state, result, turn);
    return turn;
  }
};

TEST(CollectCommands, releases_are_marked_before_their_objects_go) {
  Collecting fleet;
  const Turn turn = fleet.ask({.verb = "gc"});
  EXPECT_THAT(Operating::records<StoreCollected>(turn), SizeIs(3));
  const auto started = Operating::effects<StartCollect>(turn);
  ASSERT_THAT(started, SizeIs(1));
  EXPECT_EQ(started[0].request.roots, std::vector<ObjectId>{fleet.root_of(1)});
  EXPECT_TRUE(fleet.state.releases[Operating::kShop][2].collected);
  const std::string refused =
      Operating::answer_to_bob(fleet.ask_as_bob({.verb = "rollback", .arguments = {"r2"}, .force = true}));
  EXPECT_THAT(refused, HasSubstr("error 5: refused: the files of r2 are kept no longer"));
}

TEST(CollectCommands, what_went_and_why_the_rest_is_kept_is_told) {
  Collecting fleet;
  fleet.ask({.verb = "gc"});
  const std::string answer = Operating::answer(fleet.collected(release::CollectResult{.objects = 12, .bytes = 3'000}));
  EXPECT_THAT(answer, HasSubstr("gc 0: gone: shop r2\n"));
  EXPECT_THAT(answer, HasSubstr("shop r1  it is released"));
  EXPECT_THAT(answer, HasSubstr("gone: 3 releases, 12 objects (3.0 kB)"));
}

TEST(CollectCommands, a_dry_run_marks_nothing) {
  Collecting fleet;
  const Turn turn = fleet.ask({.verb = "gc", .dry_run = true});
  EXPECT_THAT(turn.records, IsEmpty());
  EXPECT_TRUE(Operating::effects<StartCollect>(turn).at(0).request.dry_run);
  EXPECT_FALSE(fleet.state.releases[Operating::kShop][2].collected);
  EXPECT_THAT(Operating::answer(fleet.collected(release::CollectResult{})), HasSubstr("would go: shop r2"));
}

TEST(CollectCommands, one_at_a_time) {
  Collecting fleet;
  fleet.ask({.verb = "gc"});
  EXPECT_THAT(Operating::answer_to_bob(fleet.ask_as_bob({.verb = "gc"})), HasSubstr("error 5: refused"));
  fleet.collected(release::CollectResult{});
  EXPECT_THAT(Operating::effects<StartCollect>(fleet.ask_as_bob({.verb = "gc"})), SizeIs(1));
}

TEST(CollectCommands, what_went_wrong_is_told) {
  Collecting fleet;
  fleet.ask({.verb = "gc"});
  EXPECT_THAT(Operating::answer(fleet.collected(failure(ErrorKind::corrupt, "object 12 is damaged"))),
              HasSubstr("error 1: nothing more was collected: object 12 is damaged"));
  EXPECT_FALSE(fleet.state.collecting);
}

TEST(CollectCommands, it_runs_by_itself_ten_minutes_after_the_start_and_then_once_an_hour) {
  Collecting fleet;
  EXPECT_THAT(fleet.tick_for(0s).effects, IsEmpty());
  EXPECT_THAT(fleet.tick_for(9min).effects, IsEmpty());
  EXPECT_THAT(Operating::effects<StartCollect>(fleet.tick_for(1min)), SizeIs(1));
  EXPECT_THAT(fleet.tick_for(2h).effects, IsEmpty()) << "it is at work";
  EXPECT_THAT(fleet.collected(release::CollectResult{}).effects, IsEmpty()) << "nobody asked";
  EXPECT_THAT(Operating::effects<StartCollect>(fleet.tick_for(0s)), SizeIs(1));
}

TEST(CollectCommands, it_runs_once_after_a_deployment_has_ended) {
  Collecting fleet;
  fleet.tick_for(0s);
  fleet.state.latest_ended[Operating::kShop] = fleet.now.steady + 1s;
  EXPECT_THAT(fleet.tick_for(30s).effects, IsEmpty());
  EXPECT_THAT(Operating::effects<StartCollect>(fleet.tick_for(31s)), SizeIs(1));
  fleet.collected(release::CollectResult{});
  EXPECT_THAT(fleet.tick_for(5min).effects, IsEmpty());
}

TEST(CollectCommands, nothing_is_collected_while_nothing_can_be_stored) {
  Collecting fleet;
  fleet.state.read_only = "the disk is full";
  EXPECT_THAT(Operating::answer(fleet.ask({.verb = "gc"})), HasSubstr("the disk is full"));
  fleet.tick_for(0s);
  EXPECT_THAT(fleet.tick_for(3h).effects, IsEmpty());
}

}  // namespace
}  // namespace serin::operate
