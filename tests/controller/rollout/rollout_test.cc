// Every row of the state machine: what each event does in each phase. Four hosts and two canaries; at most two switch
// at once.
#include "controller/rollout/rollout.h"

#include <gtest/gtest.h>

#include <set>

#include "rollout_driver.h"

namespace serin::rollout::testing {
namespace {

using namespace std::chrono_literals;

enum class Say {
  started,
  restored,
  connected,    ///< web-01 says hello and has seen no order
  reported,     ///< web-01's heartbeat: it has seen all orders
  gone,         ///< web-03, which has not had its turn in the first stage
  canary_gone,  ///< web-01
  finished,     ///< web-01 did what its newest order asks
  stale,        ///< web-01 answers the order before
  undecided,
  pass,
  fail,
  inconclusive,
  abort,
  go_on,
  superseded,
  time,       ///< one second
  long_time,  ///< an hour
};
constexpr std::size_t kSayings = 17;

Driver in_phase(Phase phase) {
  Driver driver{Shape{.hosts = 4, .canaries = 2}};
  if (phase == Phase::rolling) {
    driver.feed(Started{});
    return driver;
  }
  driver.start();
  driver.now.steady += 20s;
  if (phase == Phase::held) {
    driver.report_all();
    driver.judge(no_report());
  }
  if (phase == Phase::going_back) driver.feed(JudgeAnswered{failing()});
  if (phase == Phase::finished) driver.judge(passing());
  driver.on_the_way.clear();
  return driver;
}

Event event_for(Say say, Driver& driver) {
  const PlanHost& canary = driver.host("web-01");
  const OrderId newest{driver.rollout.id, canary.sequence};
  const OrderId before{driver.rollout.id, canary.sequence - 1};
  const StepResult good = canary.ordered == OrderAction::stage ? StepResult::staged : StepResult::loaded;
  const std::string shop = driver.rollout.application;
  switch (say) {
    case Say::started:
      return Started{};
    case Say::restored:
      return Restored{};
    case Say::connected:
      return HostConnected{"web-01", {.application = shop, .live_release = kOld}};
    case Say::reported:
      return HostReported{"web-01", {.application = shop, .live_release = kOld, .last_order = newest}};
    case Say::gone:
      return HostGone{"web-03"};
    case Say::canary_gone:
      return HostGone{"web-01"};
    case Say::finished:
      return HostFinished{"web-01", {.application = shop, .order = newest, .result = good}};
    case Say::stale:
      return HostFinished{"web-01", {.application = shop, .order = before, .result = StepResult::broken}};
    case Say::undecided:
      return JudgeAnswered{verdict_of(judge::Answer::undecided, "waiting", "3 s of 20s waited")};
    case Say::pass:
      return JudgeAnswered{passing()};
    case Say::fail:
      return JudgeAnswered{failing()};
    case Say::inconclusive:
      return JudgeAnswered{no_report()};
    case Say::abort:
      return AbortAsked{"bob"};
    case Say::go_on:
      return ContinueAsked{"bob"};
    case Say::superseded:
      return Superseded{"carol"};
    case Say::time:
      driver.now.steady += 1s;
      return TimePassed{};
    case Say::long_time:
      driver.now.steady += 1h;
      return TimePassed{};
  }
  return TimePassed{};
}

struct Row {
  Phase phase;
  Say say;
  Phase next;
  std::string effects;
};

constexpr auto rolling = Phase::rolling;
constexpr auto soaking = Phase::soaking;
constexpr auto held = Phase::held;
constexpr auto going_back = Phase::going_back;
constexpr auto finished = Phase::finished;

// clang-format off
const std::vector<Row> kRows = {
  // Both canaries have a stage order.
  {rolling, Say::started, rolling, ""},
  {rolling, Say::restored, rolling, "H0 H1"},
  {rolling, Say::connected, rolling, ""},            // sent this very moment
  {rolling, Say::reported, rolling, ""},
  {rolling, Say::gone, rolling, ""},
  {rolling, Say::canary_gone, finished, "H0 H1 D discard:1 end"},  // all canaries are needed
  {rolling, Say::finished, rolling, "H0 activate:0"},
  {rolling, Say::stale, rolling, ""},
  {rolling, Say::undecided, rolling, ""},
  {rolling, Say::pass, rolling, ""},
  {rolling, Say::fail, rolling, ""},
  {rolling, Say::inconclusive, rolling, ""},
  {rolling, Say::abort, finished, "H0 H1 D discard:0 discard:1 end"},
  {rolling, Say::go_on, rolling, ""},
  {rolling, Say::superseded, finished, "D end"},
  {rolling, Say::time, rolling, ""},
  {rolling, Say::long_time, finished, "H0 H1 D end"},  // neither canary pulled it in time
  // Both canaries are loaded.
  {soaking, Say::started, soaking, ""},
  {soaking, Say::restored, soaking, ""},
  {soaking, Say::connected, soaking, ""},
  {soaking, Say::reported, soaking, ""},
  {soaking, Say::gone, soaking, ""},
  {soaking, Say::canary_gone, soaking, ""},
  {soaking, Say::finished, soaking, ""},
  {soaking, Say::stale, soaking, ""},
  {soaking, Say::undecided, soaking, ""},
  {soaking, Say::pass, rolling, "H2 H3 D stage:2 stage:3"},
  {soaking, Say::fail, going_back, "H0 H1 D back:0 back:1"},
  {soaking, Say::inconclusive, soaking, ""},         // no heartbeat for 20 s: the canaries' leases decide first
  {soaking, Say::abort, going_back, "H0 H1 D back:0 back:1"},
  {soaking, Say::go_on, soaking, ""},
  {soaking, Say::superseded, finished, "D end"},
  {soaking, Say::time, soaking, ""},
  {soaking, Say::long_time, soaking, ""},            // only the judge ends it
  // Inconclusive.
  {held, Say::started, held, ""},
  {held, Say::restored, held, "D"},
  {held, Say::connected, held, ""},
  {held, Say::reported, held, ""},
  {held, Say::gone, held, ""},
  {held, Say::canary_gone, held, ""},
  {held, Say::finished, held, ""},
  {held, Say::stale, held, ""},
  {held, Say::undecided, held, ""},
  {held, Say::pass, held, ""},                       // a person was asked: a person decides
  {held, Say::fail, going_back, "H0 H1 D back:0 back:1"},
  {held, Say::inconclusive, held, ""},
  {held, Say::abort, going_back, "H0 H1 D back:0 back:1"},
  {held, Say::go_on, rolling, "H2 H3 D stage:2 stage:3"},
  {held, Say::superseded, finished, "D end"},
  {held, Say::time, held, ""},
  {held, Say::long_time, going_back, "H0 H1 D back:0 back:1"},
  // Both canaries have a take-back order.
  {going_back, Say::started, going_back, ""},
  {going_back, Say::restored, going_back, "H0 H1"},
  {going_back, Say::connected, going_back, ""},      // sent this very moment
  {going_back, Say::reported, going_back, ""},
  {going_back, Say::gone, going_back, ""},
  {going_back, Say::canary_gone, going_back, ""},
  {going_back, Say::finished, going_back, "H0"},
  {going_back, Say::stale, going_back, ""},
  {going_back, Say::undecided, going_back, ""},
  {going_back, Say::pass, going_back, ""},
  {going_back, Say::fail, going_back, ""},
  {going_back, Say::inconclusive, going_back, ""},
  {going_back, Say::abort, going_back, ""},
  {going_back, Say::go_on, going_back, ""},
  {going_back, Say::superseded, finished, "D end"},
  {going_back, Say::time, going_back, ""},
  {going_back, Say::long_time, finished, "H0 H1 D end"},
  // Nothing moves it any more.
  {finished, Say::started, finished, ""},
  {finished, Say::restored, finished, ""},
  {finished, Say::connected, finished, ""},
  {finished, Say::reported, finished, ""},
  {finished, Say::gone, finished, ""},
  {finished, Say::canary_gone, finished, ""},
  {finished, Say::finished, finished, ""},
  {finished, Say::stale, finished, ""},
  {finished, Say::undecided, finished, ""},
  {finished, Say::pass, finished, ""},
  {finished, Say::fail, finished, ""},
  {finished, Say::inconclusive, finished, ""},
  {finished, Say::abort, finished, ""},
  {finished, Say::go_on, finished, ""},
  {finished, Say::superseded, finished, ""},
  {finished, Say::time, finished, ""},
  {finished, Say::long_time, finished, ""},
};
// clang-format on

TEST(Rollout, does_in_every_phase_what_its_table_says) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(std::string{name_of(row.phase)} + ", saying " + std::to_string(static_cast<int>(row.say)));
    Driver driver = in_phase(row.phase);
    ASSERT_EQ(driver.rollout.phase, row.phase);
    const auto effects = driver.feed(event_for(row.say, driver));
    EXPECT_EQ(driver.rollout.phase, row.next);
    EXPECT_EQ(effects_text(effects), row.effects);
  }
}

TEST(Rollout, has_a_row_for_every_phase_and_event) {
  std::set<std::pair<Phase, Say>> pairs;
  std::set<std::size_t> events;
  for (const Row& row : kRows) {
    pairs.emplace(row.phase, row.say);
    Driver driver = in_phase(row.phase);
    events.insert(event_for(row.say, driver).index());
  }
  EXPECT_EQ(kRows.size(), 5 * kSayings);
  EXPECT_EQ(pairs.size(), kRows.size());
  EXPECT_EQ(events.size(), std::variant_size_v<Event>);
}

TEST(Rollout, answers_an_operator_whose_request_does_not_fit) {
  Driver running{Shape{}};
  running.start();
  running.feed(ContinueAsked{"bob"});
  EXPECT_TRUE(running.was_told("not held, it is soaking"));
  running.judge(passing());
  running.feed(AbortAsked{"bob"});
  EXPECT_TRUE(running.was_told("nothing to abort: this deployment has ended"));
}

TEST(Rollout, ignores_hosts_that_are_not_in_its_plan) {
  Driver driver{Shape{}};
  driver.start();
  const Rollout before = driver.rollout;
  const ApplicationStatus status{.application = "shop"};
  EXPECT_TRUE(driver.feed(HostConnected{"db-01", status}).empty());
  EXPECT_TRUE(driver.feed(HostReported{"db-01", status}).empty());
  EXPECT_TRUE(driver.feed(HostGone{"db-01"}).empty());
  EXPECT_TRUE(driver.feed(HostFinished{"db-01", {}}).empty());
  EXPECT_EQ(driver.rollout, before);
}

TEST(Rollout, takes_hosts_in_whatever_order_the_database_gives_them) {
  Rollout mixed = make_rollout({});
  std::reverse(mixed.hosts.begin(), mixed.hosts.end());
  Driver driver{mixed};
  driver.start().judge(passing());
  EXPECT_EQ(exit_code(driver.rollout), 0);
  EXPECT_EQ(driver.live_on(kNew).size(), 12U);
}

}  // namespace
}  // namespace serin::rollout::testing
