// Seeded random lives of rollouts, and that the check sees what it is there to see.
#include <gtest/gtest.h>

#include <random>

#include "rollout_driver.h"

namespace serin::rollout::testing {
namespace {

using namespace std::chrono_literals;

class RandomLife {
 public:
  explicit RandomLife(std::uint64_t seed) : random_(seed), driver_(make_rollout(shape())) {
    driver_.rollout.max_in_flight = one_in(2) ? HostShare{0, 25.0} : HostShare{one_of(4) + 1, 0};
    driver_.rollout.prefetch = one_in(2);
    driver_.rollout.failure_limit = {one_of(4), 0};
    driver_.rollout.min_canaries = one_in(3) ? 1 : 0;
    driver_.rollout.on_inconclusive = one_in(4) ? controller::OnInconclusive::abort : controller::OnInconclusive::hold;
    driver_.rollout.on_canary_lost = one_in(2) ? controller::OnCanaryLost::hold : controller::OnCanaryLost::fail;
    for (PlanHost& host : driver_.rollout.hosts) {
      if (!one_in(8)) continue;
      host.step = HostStep::absent;
      host.connected = false;
      driver_.agents[host.host].connected = false;
    }
  }

  void live() {
    driver_.feed(Started{});
    for (int i = 0; i < 250 && driver_.rollout.phase != Phase::finished; ++i) one_event();
    bring_to_an_end();
  }

  Driver& driver() { return driver_; }

 private:
  std::uint32_t one_of(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool one_in(std::uint32_t n) { return one_of(n) == 0; }

  Shape shape() {
    return {.hosts = 3 + one_of(12),
            .canaries = 1 + one_of(3),
            .proxies = one_in(2) ? std::size_t{0} : std::size_t{1},
            .force = one_in(6),
            .former = one_in(6) ? ReleaseNumber{0} : kOld};
  }

  StepResult some_result(StepResult good) {
    static constexpr std::array kBad{StepResult::unchanged, StepResult::taken_back, StepResult::broken,
                                     StepResult::unknown};
    return one_in(12) ? kBad[one_of(kBad.size())] : good;
  }

  void deliver_one() {
    if (driver_.on_the_way.empty()) return;
    std::deque<Sent> rest;
    const auto taken = one_of(static_cast<std::uint32_t>(driver_.on_the_way.size()));
    std::swap(driver_.on_the_way[0], driver_.on_the_way[taken]);
    rest.assign(driver_.on_the_way.begin() + 1, driver_.on_the_way.end());
    driver_.on_the_way.resize(1);
    FakeAgent& agent = driver_.agents[driver_.on_the_way.front().host];
    agent.on_stage = some_result(StepResult::staged);
    agent.on_activate = some_result(StepResult::loaded);
    agent.on_take_back = some_result(StepResult::loaded);
    agent.mute = one_in(10);
    if (one_in(10)) driver_.on_the_way.clear();  // lost
    driver_.settle();
    driver_.on_the_way.insert(driver_.on_the_way.end(), rest.begin(), rest.end());
  }

  void any_outcome() {
    const PlanHost& host = driver_.rollout.hosts[one_of(static_cast<std::uint32_t>(driver_.rollout.hosts.size()))];
    driver_.feed(HostFinished{host.host,
                              {.application = "shop",
                               .order = {driver_.rollout.id, host.sequence - std::min(host.sequence, one_of(2))},
                               .result = static_cast<StepResult>(one_of(7)),
                               .live_release = one_in(2) ? kOld : kNew}});
  }

  void one_event() {
    const HostName name = web(1 + one_of(static_cast<std::uint32_t>(driver_.rollout.hosts.size())));
    FakeAgent& agent = driver_.agents[name];
    switch (one_of(16)) {
      case 0:
        agent.connected = false;
        driver_.feed(HostGone{name});
        break;
      case 1:
      case 2:
        agent.connected = true;
        driver_.feed(HostConnected{name, driver_.status_of(name)});
        break;
      case 3:
      case 4:
        if (agent.connected) driver_.feed(HostReported{name, driver_.status_of(name)});
        break;
      case 5:
        driver_.feed(JudgeAnswered{one_in(3) ? failing() : one_in(2) ? no_report() : passing()});
        break;
      case 6:
        driver_.now.steady += std::chrono::milliseconds{one_of(one_in(4) ? 400'000 : 4'000)};
        driver_.feed(TimePassed{});
        break;
      case 7:
        if (one_in(4)) driver_.restart(std::chrono::seconds{one_of(300)});
        break;
      case 8:
        if (one_in(12)) driver_.feed(AbortAsked{"bob"});
        if (one_in(2)) driver_.feed(ContinueAsked{"bob"});
        if (one_in(40)) driver_.feed(Superseded{"carol"});
        break;
      case 9:
        any_outcome();
        break;
      default:
        deliver_one();
        break;
    }
  }

  /// The network heals, the judge is content, an operator waits for nothing: every rollout then ends.
  void bring_to_an_end() {
    for (auto& [name, agent] : driver_.agents) {
      agent.mute = agent.mute_switch = false;
      agent.connected = true;
      agent.on_stage = StepResult::staged;
      agent.on_activate = agent.on_take_back = StepResult::loaded;
    }
    for (int i = 0; i < 40 && driver_.rollout.phase != Phase::finished; ++i) {
      driver_.now.steady += 60s;
      driver_.now.wall += 60s;
      driver_.reconnect_all();
      driver_.feed(TimePassed{});
      driver_.settle();
      if (driver_.rollout.phase == Phase::held) driver_.feed(ContinueAsked{"bob"});
      driver_.settle();
      driver_.judge(passing());
    }
  }

  std::mt19937_64 random_;
  Driver driver_;
};

TEST(RolloutCheck, holds_through_two_thousand_random_lives_that_all_end) {
  std::size_t endings[5] = {};
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomLife life{seed};
    life.live();
    Driver& driver = life.driver();
    ASSERT_EQ(driver.rollout.phase, Phase::finished);
    ASSERT_EQ(driver.finished, 1U);
    ++endings[static_cast<std::size_t>(driver.rollout.ending)];
    const Counts counts = count_hosts(driver.rollout);
    ASSERT_EQ(counts.ok + counts.failed + counts.in_flight + counts.left + counts.absent, counts.total);
    if (HasFailure()) return;
  }
  // The lives are worth something: each ending is reached many times.
  EXPECT_EQ(endings[0], 0U);
  for (std::size_t ending = 1; ending < 5; ++ending) EXPECT_GT(endings[ending], 50U) << ending;
}

/// A rollout that stands in its fleet stage, with one breach made by `make`.
template <class Make>
std::string breach_of(const Make& make) {
  Driver driver{Shape{}};
  for (std::size_t i = 4; i <= 12; ++i) driver.agents[web(i)].mute = true;
  driver.start().judge(passing());
  make(driver.rollout);
  return broken_invariant(driver.rollout).value_or("");
}

TEST(RolloutCheck, names_each_breach) {
  EXPECT_EQ(breach_of([](Rollout&) {}), "");
  EXPECT_EQ(breach_of([](Rollout& r) { r.verdict->answer = judge::Answer::inconclusive; }),
            "stage 1 began without a verdict");
  EXPECT_EQ(breach_of([](Rollout& r) {
              r.stage = 0;
              r.phase = Phase::held;
              r.hosts[5].touched = true;
              r.hosts[5].step = HostStep::overdue;
            }),
            "web-06 of stage 1 was touched in stage 0");
  EXPECT_EQ(breach_of([](Rollout& r) { r.hosts[5].sequence = 0; }),
            "web-06 has a sequence without an order, or the other way round");
  EXPECT_EQ(breach_of([](Rollout& r) { r.hosts[0].touched = false; }), "web-01 was not touched and is loaded");
  EXPECT_EQ(breach_of([](Rollout& r) { r.hosts[0].step = HostStep::staged; }), "web-01 was touched and is staged");
  EXPECT_EQ(breach_of([](Rollout& r) { r.ending = Ending::released; }), "it has an ending and goes on");
  EXPECT_EQ(breach_of([](Rollout& r) { r.phase = Phase::finished; }), "it finished without an ending");
  EXPECT_EQ(breach_of([](Rollout& r) {
              r.phase = Phase::held;
              r.reason.clear();
            }),
            "no reason is given");
  EXPECT_EQ(breach_of([](Rollout& r) { r.stage = 7; }), "there is no such stage");
  EXPECT_EQ(breach_of([](Rollout& r) { r.hosts[11].step = HostStep::absent; }), "the counts do not fit the hosts");
  EXPECT_EQ(breach_of([](Rollout& r) { r.hosts[11].step = HostStep::staged; }), "web-12 could switch and does not");
  EXPECT_EQ(breach_of([](Rollout& r) {
              for (std::size_t i = 3; i < 6; ++i) {
                r.hosts[i].step = HostStep::activating;
                r.hosts[i].ordered = OrderAction::activate;
                r.hosts[i].touched = true;
              }
            }),
            "3 hosts switch at once, 2 may");
  EXPECT_EQ(breach_of([](Rollout& r) {
              for (std::size_t i = 3; i < 12; ++i) r.hosts[i].step = HostStep::unchanged;
            }),
            "stage 1 waits for nobody");
}

}  // namespace
}  // namespace serin::rollout::testing
