#include "agent/verify/look_worker_process.h"
#include "protocol/posix/link_socket.h"
#include "protocol/posix/system_clock.h"
#include "tests/agent/verify/look_fixture.h"

namespace serin::drift {

using namespace std::chrono_literals;

class LookWorkerTest : public LookTest {
 protected:
  [[nodiscard]] LookWorker::Job job(std::uint64_t number, std::uint64_t bytes_per_s) const {
    return {.number = number,
            .application = "shop",
            .slots_dir = slots_dir(),
            .slot = slot(2, tree_),
            .root = apply::release_of(2, tree_).root,
            .kept = {},
            .after = {},
            .bytes_per_s = bytes_per_s};
  }
  LookWorker::News end() {
    const SteadyTime until = posix::boot_time() + 60s;
    while (posix::boot_time() < until) {
      while (auto news = worker_.take()) {
        if (news->ended) return std::move(*news);
      }
      posix::wait_readable({worker_.fd()}, 1s);
    }
    ADD_FAILURE() << "no news";
    return {};
  }
  LookWorker worker_;
};

TEST_F(LookWorkerTest, tells_what_a_look_found) {
  std::filesystem::remove(at("index.php"));
  worker_.post(job(7, 0));
  const auto news = end();
  EXPECT_EQ(news.number, 7U);
  EXPECT_EQ(news.trouble, "");
  EXPECT_EQ(words(news.look.drifts.kept()), "missing index.php");
}

TEST_F(LookWorkerTest, a_slow_look_ends_when_it_is_stopped_and_says_where_it_stood) {
  worker_.post(job(1, 1));  // one byte a second: hours
  worker_.stop();
  const auto news = end();
  EXPECT_EQ(news.number, 1U);
  EXPECT_EQ(news.trouble, "stopped");
  worker_.post(job(2, 0));
  EXPECT_EQ(end().trouble, "");
}

}  // namespace serin::drift
