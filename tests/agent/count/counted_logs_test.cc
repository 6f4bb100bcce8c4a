#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "agent/count/counted_logs_file.h"
#include "tests/agent/count/log_fixture.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;

/// A process that counts "shop", begun again as often as the test wants.
class CountedLogsTest : public LogTest {
 protected:
  [[nodiscard]] CountedLogs begin(const std::string& boot_id = "boot-1") {
    std::filesystem::create_directories(path("state"));
    agent::AgentSettings settings;
    agent::ApplicationSettings shop;
    shop.name = "shop";
    shop.sources = {{.path = path("a.log")}};
    shop.rules = {{.name = "error", .match = "ERROR", .unless = ""}};
    settings.applications["shop"] = shop;
    rules_hash_ = hash_of_rules(shop);
    counter_ = ErrorCounter();
    counter_.advance(now_);
    return {settings, {.folder = path("state"), .boot_id = boot_id, .new_run = "new", .now = {now_, WallTime{1h}}}};
  }
  void resume(const CountedLogs& logs) {
    const auto& applications = logs.resumed().applications;
    if (const auto shop = applications.find("shop"); shop != applications.end()) {
      counter_.restore(shop->second.counts, now_);
    }
  }
  void count(CountedLogs& logs) {
    now_ += 1s;
    while (logs.read("shop", now_, counter_)) continue;
  }
  void save(CountedLogs& logs, bool at_stop = false) {
    ASSERT_TRUE(logs.save({.run = "run-1",
                           .sequence = 1,
                           .boot_id = "boot-1",
                           .clock_ms = now_.time_since_epoch().count(),
                           .wall_ms = 3'600'000,
                           .at_stop = at_stop,
                           .applications = {{.application = "shop",
                                             .rules_hash = rules_hash_,
                                             .counts = counter_.state(0),
                                             .acknowledged = {},
                                             .untold = {},
                                             .logs = {}}}}));
  }
  /// How often something was written down.
  [[nodiscard]] std::uint64_t saves() const {
    std::uint64_t most = 0;
    for (const char* name : {"state/counts.0", "state/counts.1"}) {
      std::ifstream file(path(name), std::ios::binary);
      file.seekg(8);
      const auto byte = file.get();
      if (file) most = std::max(most, static_cast<std::uint64_t>(byte));
    }
    return most;
  }

  std::string rules_hash_;
};

TEST_F(CountedLogsTest, without_a_record_files_are_read_from_their_end_in_a_new_run) {
  write("a.log", "ERROR before\n");
  auto logs = begin();
  EXPECT_EQ(logs.warning(), "");
  EXPECT_EQ(logs.resumed().run, "new");
  EXPECT_EQ(logs.resumed().gap, "");
  count(logs);
  EXPECT_EQ(total(), (Counts{0, 0}));
}

TEST_F(CountedLogsTest, with_one_they_go_on) {
  write("a.log", "ERROR before\n");
  {
    auto logs = begin();
    count(logs);
    write("a.log", "ERROR 1\n");
    count(logs);
    save(logs);
    write("a.log", "ERROR 2\n");
    count(logs);  // killed before it is written down
  }
  auto logs = begin();
  EXPECT_EQ(logs.resumed().run, "run-1");
  resume(logs);
  count(logs);
  EXPECT_EQ(total(), (Counts{2, 2}));
}

TEST_F(CountedLogsTest, one_that_cannot_be_read_is_told_and_nothing_counted_again) {
  write("a.log", "");
  {
    auto logs = begin();
    count(logs);
    write("a.log", "ERROR 1\n");
    count(logs);
    save(logs, true);
  }
  std::ofstream(path("state/counts.1"), std::ios::binary) << "rubbish";
  auto logs = begin();
  EXPECT_NE(logs.warning().find("logs are counted from their end"), std::string::npos) << logs.warning();
  EXPECT_NE(logs.resumed().gap, "");
  EXPECT_EQ(logs.resumed().run, "new");
  resume(logs);
  count(logs);
  EXPECT_EQ(total(), (Counts{0, 0}));
  save(logs);
  EXPECT_EQ(begin().warning(), "");
}

TEST_F(CountedLogsTest, while_nothing_changes_it_is_written_every_ten_seconds) {
  write("a.log", "");
  auto logs = begin();
  count(logs);
  save(logs);
  const auto before = saves();
  for (int i = 0; i < 9; ++i) {
    count(logs);
    save(logs);
  }
  EXPECT_EQ(saves(), before);
  for (int i = 0; i < 3; ++i) {
    count(logs);
    save(logs);
  }
  EXPECT_EQ(saves(), before + 1);
  write("a.log", "ERROR\n");
  count(logs);
  save(logs);
  EXPECT_EQ(saves(), before + 2);
}

TEST_F(CountedLogsTest, after_a_reboot_totals_begin_with_what_was_not_acknowledged) {
  write("a.log", "");
  {
    auto logs = begin();
    count(logs);
    write("a.log", "ERROR 1\n");
    count(logs);
    save(logs);
    write("a.log", "ERROR 2\n");
  }
  now_ = SteadyTime{5s};
  auto logs = begin("boot-2");
  EXPECT_EQ(logs.resumed().run, "new");
  EXPECT_NE(logs.resumed().gap, "");
  resume(logs);
  count(logs);
  EXPECT_EQ(total(), (Counts{2, 2}));
  EXPECT_EQ(late(), (Counts{1, 1}));
}

}  // namespace
}  // namespace serin::count
