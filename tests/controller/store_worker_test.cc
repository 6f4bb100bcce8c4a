#include <gmock/gmock.h>

#include "controller/store_worker_db.h"
#include "protocol/posix/link_socket.h"
#include "tests/controller/small_disk.h"
#include "tests/controller/state_fixture.h"

namespace serin::controller {
namespace {

using StoreWorkerTest = testing::StateFixture;
using ::testing::HasSubstr;
using testing::OtherProgram;
using namespace std::chrono_literals;

/// The next news; no job when none came within half a minute.
StoreWorker::News next_news(StoreWorker& worker) {
  auto news = worker.take();
  while (!news && posix::wait_readable({worker.fd()}, 30s).front()) news = worker.take();
  return news ? *news : StoreWorker::News{};
}

StoreHost host(int number) {
  const std::string name = "web-" + std::to_string(number);
  return {{.name = name, .public_key = name}};
}

TEST_F(StoreWorkerTest, commits_in_the_order_given_and_says_so) {
  StoreWorker worker(open(file));
  for (std::uint64_t job = 1; job <= 50; ++job) worker.post(job, {StoreWanted{"shop", job}});
  for (std::uint64_t job = 1; job <= 50; ++job) {
    const auto news = next_news(worker);
    EXPECT_EQ(news.job, job);
    EXPECT_EQ(news.trouble, "");
  }
  EXPECT_EQ(loaded().wanted.at("shop"), 50U);
}

TEST_F(StoreWorkerTest, is_durable_when_it_says_so) {
  StoreWorker worker(open(file));
  worker.post(1, {host(1)});
  ASSERT_EQ(next_news(worker).job, 1U);
  EXPECT_EQ(loaded().hosts.size(), 1U);
}

TEST_F(StoreWorkerTest, ends_after_what_is_queued_is_stored) {
  {
    StoreWorker worker(open(file));
    for (int job = 1; job <= 20; ++job) worker.post(static_cast<std::uint64_t>(job), {host(job)});
  }
  EXPECT_EQ(loaded().hosts.size(), 20U);
}

TEST_F(StoreWorkerTest, a_refused_commit_is_tried_again_until_it_goes_through_and_nothing_overtakes_it) {
  OtherProgram sqlite(file);
  sqlite.run("CREATE TRIGGER stop BEFORE INSERT ON host BEGIN SELECT RAISE(ABORT, 'stopped by the test'); END");
  StoreWorker worker(open(file));
  worker.post(1, {StoreWanted{"shop", 1}, host(1)});
  worker.post(2, {StoreWanted{"shop", 2}});
  for (int i = 0; i < 2; ++i) {
    const auto trouble = next_news(worker);
    EXPECT_EQ(trouble.job, 1U);
    EXPECT_THAT(trouble.trouble, HasSubstr("stopped by the test"));
  }
  EXPECT_TRUE(loaded().wanted.empty());
  sqlite.run("DROP TRIGGER stop");
  auto news = next_news(worker);
  while (!news.trouble.empty()) news = next_news(worker);
  EXPECT_EQ(news.job, 1U);
  EXPECT_EQ(next_news(worker).job, 2U);
  EXPECT_EQ(loaded().hosts.size(), 1U);
  EXPECT_EQ(loaded().wanted.at("shop"), 2U);
}

TEST_F(StoreWorkerTest, does_not_wait_for_a_database_that_refuses_when_it_is_to_end) {
  OtherProgram(file).run("CREATE TRIGGER stop BEFORE INSERT ON host BEGIN SELECT RAISE(ABORT, 'stopped'); END");
  StoreWorker worker(open(file));
  worker.post(1, {host(1)});
  ASSERT_NE(next_news(worker).trouble, "");
}

TEST(StoreWorkerOnAFullDisk, goes_on_when_there_is_room_again) {
  serin::testing::SmallDisk disk(1U << 20);
  StoreWorker worker(std::move(*StateDb::open(disk / "serin.db")));
  disk.fill();
  std::vector<Record> many;
  many.reserve(500);
  for (int i = 0; i < 500; ++i) many.emplace_back(host(i));
  worker.post(1, many);
  const auto trouble = next_news(worker);
  EXPECT_THAT(trouble.trouble, HasSubstr("the disk is full: free some space"));
  disk.free();
  auto news = next_news(worker);
  while (!news.trouble.empty()) news = next_news(worker);
  EXPECT_EQ(news.job, 1U);
  EXPECT_EQ(StateDb::open(disk / "serin.db")->load()->hosts.size(), 500U);
}

}  // namespace
}  // namespace serin::controller
