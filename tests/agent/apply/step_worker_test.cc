#include "agent/apply/step_worker_process.h"
#include "protocol/posix/link_socket.h"
#include "protocol/posix/system_clock.h"
#include "tests/agent/apply/step_fixture.h"

namespace serin::apply {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class StepWorkerTest : public StepTest {
 protected:
  void SetUp() override {
    StepTest::SetUp();
    start();
  }
  void TearDown() override { worker_.reset(); }
  void start() {
    worker_.reset();
    worker_.emplace(StepWorker::Options{.settings = settings_, .state_dir = folder_ / "state", .now = now});
  }
  /// The next news, within a long time.
  StepWorker::News news() {
    const SteadyTime until = posix::boot_time() + 60s;
    while (posix::boot_time() < until) {
      if (auto next = worker_->take()) return std::move(*next);
      posix::wait_readable({worker_->fd()}, 1s);
    }
    ADD_FAILURE() << "no news";
    return {};
  }
  /// The outcome with which the step at work ends, as "result step".
  std::string end_of_step() {
    StepWorker::News last;
    while (!last.step_ended && !HasFailure()) last = news();
    return words(last);
  }
  static std::string words(const StepWorker::News& news) {
    if (!news.outcome) return "";
    return std::string(name_of(news.outcome->result)) + (news.outcome->step.empty() ? "" : " " + news.outcome->step);
  }
  void run(ReleaseNumber number, std::uint32_t sequence) {
    worker_->run(
        order(number, sequence), release(number),
        [this](const Release& wanted, SlotDir& slots, const std::stop_token&) { return source_.pull(wanted, slots); });
  }
  /// Its pull waits until it is stopped; this returns when it has begun.
  void run_endless(ReleaseNumber number, std::uint32_t sequence) {
    worker_->run(order(number, sequence), release(number),
                 [](const Release&, SlotDir&, const std::stop_token& stop) -> Result<PullResult> {
                   posix::wait_or_stop(std::chrono::milliseconds{1h}, stop);
                   return failure(ErrorKind::busy, "stopped");
                 });
    while (!HasFailure()) {
      const auto next = news();
      if (next.status && next.status->state == HostState::pulling) return;
    }
  }

  std::optional<StepWorker> worker_;
};

TEST_F(StepWorkerTest, tells_its_status_when_it_starts) {
  const auto first = news();
  ASSERT_TRUE(first.status);
  EXPECT_EQ(first.status->application, "shop");
  EXPECT_FALSE(first.outcome);
}

TEST_F(StepWorkerTest, carries_out_one_order_after_the_other) {
  run(1, 1);
  run(2, 2);
  EXPECT_EQ(end_of_step(), "loaded");
  EXPECT_EQ(end_of_step(), "loaded");
  EXPECT_EQ(live(), 2U);
  EXPECT_EQ(loads(), "1 2 ");
}

TEST_F(StepWorkerTest, ends_a_staging_step_for_a_newer_order) {
  run_endless(1, 1);
  worker_->stop_staging();
  EXPECT_EQ(end_of_step(), "unchanged pull");
  run(2, 2);
  EXPECT_EQ(end_of_step(), "loaded");
}

TEST_F(StepWorkerTest, leaves_a_staging_step_when_it_ends_and_begins_it_anew) {
  run_endless(1, 1);
  worker_.reset();
  EXPECT_EQ(journal().phase, StepPhase::staging);
  start();
  const auto first = news();
  ASSERT_TRUE(first.status);
  EXPECT_EQ(first.status->last_order, (OrderId{5, 0}));
  run(1, 1);
  EXPECT_EQ(end_of_step(), "loaded");
}

TEST_F(StepWorkerTest, a_hook_that_hangs_holds_up_its_end_no_longer_than_the_timeout) {
  settings_.reload = {.argv = {"/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"}, .timeout = 100ms};
  start();
  run(1, 1);
  while (!HasFailure()) {
    const auto next = news();
    if (next.status && next.status->state == HostState::switching && next.status->live_release == 1) break;
  }
  const SteadyTime before = posix::boot_time();
  worker_.reset();
  EXPECT_LT(posix::boot_time() - before, 20s);
  ASSERT_TRUE(journal().outcome);
  EXPECT_EQ(journal().outcome->result, StepResult::broken) << "a first release has nothing to go back to";
}

TEST_F(StepWorkerTest, tells_an_outcome_after_a_restart_until_it_is_acknowledged) {
  run(1, 1);
  EXPECT_EQ(end_of_step(), "loaded");
  start();
  StepWorker::News told;
  while (!told.outcome && !HasFailure()) told = news();
  EXPECT_EQ(words(told), "loaded");
  EXPECT_FALSE(told.step_ended);
  worker_->acknowledge({5, 1});
  while (!journal().acknowledged) std::this_thread::yield();
  start();
  run(2, 2);
  do {
    told = news();
    EXPECT_TRUE(!told.outcome || told.outcome->order == (OrderId{5, 2}));
  } while (!told.step_ended && !HasFailure());
}

TEST_F(StepWorkerTest, an_order_ends_with_the_reason_while_the_slots_cannot_be_opened) {
  worker_.reset();
  std::ofstream(settings_.live) << "x";
  start();
  const auto first = news();
  EXPECT_NE(first.trouble.find("it is no link"), std::string::npos);
  run(1, 1);
  StepWorker::News last;
  while (!last.step_ended && !HasFailure()) last = news();
  EXPECT_EQ(words(last), "unchanged open");
  EXPECT_EQ(last.outcome->output, first.trouble);
  fs::remove(settings_.live);
  run(1, 2);
  EXPECT_EQ(end_of_step(), "loaded");
}

TEST_F(StepWorkerTest, what_a_crash_interrupted_is_ended_once_the_slots_can_be_opened) {
  run(1, 1);
  EXPECT_EQ(end_of_step(), "loaded");
  worker_.reset();
  StepJournal crashed = journal();
  crashed.phase = StepPhase::loading;
  crashed.outcome.reset();
  ASSERT_TRUE(JournalFile(journal_path()).save(crashed));
  fs::rename(settings_.live, folder_ / "aside");
  std::ofstream(settings_.live) << "x";
  start();
  EXPECT_NE(news().trouble, "");
  fs::remove(settings_.live);
  fs::rename(folder_ / "aside", settings_.live);
  run(2, 2);
  EXPECT_EQ(end_of_step(), "loaded");
  EXPECT_EQ(loads(), "1 1 2 ");
}

TEST_F(StepWorkerTest, makes_a_spare_after_a_step) {
  run(1, 1);
  EXPECT_EQ(end_of_step(), "loaded");
  const SteadyTime until = posix::boot_time() + 60s;
  while (!difference(settings_.live + ".slots/.spare", tree(1)).empty() && posix::boot_time() < until) {
    posix::wait_readable({worker_->fd()}, 10ms);
  }
  worker_.reset();
  EXPECT_EQ(difference(settings_.live + ".slots/.spare", tree(1)), "");
}

}  // namespace serin::apply
