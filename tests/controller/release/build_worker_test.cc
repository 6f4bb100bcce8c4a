#include <gtest/gtest.h>

#include <future>

#include "controller/release/build_worker_dir.h"
#include "protocol/posix/link_socket.h"
#include "tests/controller/release/build_fixture.h"

namespace serin::release {
namespace {

class BuildWorkerTest : public BuildFixture {
 protected:
  /// Waits for the next one as the daemon's loop does.
  static BuildWorker::Built next(BuildWorker& worker) {
    for (;;) {
      if (auto built = worker.take()) return std::move(*built);
      posix::wait_readable({worker.fd()}, std::chrono::seconds{10});
    }
  }
  BuildRequest request_of(const std::string& application) const {
    BuildRequest asked = request();
    asked.application = application;
    return asked;
  }
};

TEST_F(BuildWorkerTest, answers_each_request_in_order_with_its_application) {
  write("a", "1");
  BuildWorker worker(std::move(*releases_));
  EXPECT_FALSE(worker.take());
  BuildRequest missing = request_of("second");
  missing.source += "-missing";
  worker.post(request_of("first"));
  worker.post(missing);
  worker.post(request_of("third"));
  const BuildWorker::Built first = next(worker);
  const BuildWorker::Built second = next(worker);
  const BuildWorker::Built third = next(worker);
  EXPECT_EQ(first.application, "first");
  EXPECT_EQ(first.result->files, 1U);
  EXPECT_EQ(second.application, "second");
  EXPECT_EQ(second.result.error().kind, ErrorKind::refused);
  EXPECT_EQ(third.application, "third");
  EXPECT_EQ(third.result->root, first.result->root);
  EXPECT_FALSE(worker.take());
}

TEST_F(BuildWorkerTest, lets_others_read_the_store_while_it_builds) {
  write("a", "1");
  const BuildResult base = build();
  on_read_ = [&](const std::string&) { EXPECT_EQ(words_of(base.root), std::vector<std::string>{"a=1"}); };
  write("b", "2");
  BuildWorker worker(std::move(*releases_));
  worker.post(request());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(store().read(digest_of("1"), 1), "1");
  EXPECT_EQ(words_of(next(worker).result->root), (std::vector<std::string>{"a=1", "b=2"}));
}

TEST_F(BuildWorkerTest, finishes_the_build_that_runs_before_it_goes) {
  write("a", "1");
  std::promise<void> reading;
  on_read_ = [&](const std::string&) { reading.set_value(); };
  {
    BuildWorker worker(std::move(*releases_));
    worker.post(request());
    reading.get_future().wait();
  }
  EXPECT_EQ(store().read(digest_of("1"), 1), "1");
  EXPECT_TRUE(std::filesystem::is_empty(state() / "incoming"));
}

}  // namespace
}  // namespace serin::release
