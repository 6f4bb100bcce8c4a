#include "agent/count/checkpoint.h"

#include <gtest/gtest.h>

#include <chrono>

namespace serin::count {
namespace {

using namespace std::chrono_literals;

Checkpoint sample() {
  const FilePosition position{.source = "/var/log/*.log",
                              .path = "/var/log/a.log",
                              .id = {.device = 0xFFFF'FFFF'FFFFULL, .inode = 7},
                              .generation = 2,
                              .head_hash = 0xFEDC'BA98'7654'3210ULL,
                              .head_bytes = 256,
                              .offset = 10'000,
                              .line_bytes = 12,
                              .anchor = std::string("sixteen\0\xFF\n", 10),
                              .text = "\x01\x02",
                              .changed_ns = 1'700'000'000'000'000'001,
                              .at_end_ms = 99'000,
                              .grown_ms = 98'000,
                              .seen_ms = 1'700'000'000'000,
                              .is_newest = true,
                              .is_draining = true,
                              .is_finished = true};
  const CounterState counts{.totals = {.errors = 5, .lines = 90, .late_errors = 1, .late_lines = 2},
                            .seconds = {{.second = 98, .errors = 3, .lines = 60, .signatures = {{1, 2}}},
                                        {.second = 99, .errors = 1, .lines = 28}},
                            .gaps = {{98, "a.log was read 3 s late"}}};
  return {
      .run = "run-1",
      .sequence = 70,
      .boot_id = "boot-1",
      .clock_ms = 99'500,
      .wall_ms = 1'700'000'000'000,
      .at_stop = false,
      .applications = {{.application = "shop",
                        .rules_hash = "rules",
                        .counts = counts,
                        .acknowledged = {.errors = 4, .lines = 80},
                        .untold = {{.id = 1, .rule = "php", .text = std::string("disk\0\xFF", 6)}},
                        .logs = {.sources = {"/var/log/*.log"},
                                 .files = {position},
                                 .journals = {{.source = "journal of a.service", .cursor = "s=1", .text = "-\xFF"}}}}}};
}

const Now kLater{SteadyTime{102s}, WallTime{1'700'000'002'500ms}};

TEST(Checkpoint, is_read_as_it_was_written) {
  const auto read = decode_checkpoint(encode_checkpoint(sample()));
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(*read, sample());
  EXPECT_EQ(*decode_checkpoint(encode_checkpoint({})), Checkpoint{});
}

TEST(Checkpoint, cut_or_with_a_flipped_bit_it_is_refused_or_another_but_never_more) {
  const auto bytes = encode_checkpoint(sample());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_checkpoint(std::string_view(bytes).substr(0, length))) << length;
  }
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const auto read = decode_checkpoint(flipped);
    EXPECT_TRUE(!read || read->applications.size() <= 1);
  }
}

TEST(Checkpoint, differs_by_what_was_read_and_acknowledged_not_by_time) {
  const auto with = [](auto change) {
    auto newer = sample();
    newer.sequence += 5;
    newer.clock_ms += 5'000;
    newer.wall_ms += 5'000;
    auto& shop = newer.applications[0];
    shop.logs.files[0].at_end_ms += 5'000;
    shop.logs.files[0].seen_ms += 5'000;
    shop.counts.seconds.push_back({.second = 100});
    change(shop);
    return differs(sample(), newer);
  };
  EXPECT_FALSE(with([](ApplicationCheckpoint&) {}));
  EXPECT_TRUE(with([](ApplicationCheckpoint& shop) { ++shop.logs.files[0].offset; }));
  EXPECT_TRUE(with([](ApplicationCheckpoint& shop) { shop.logs.files.clear(); }));
  EXPECT_TRUE(with([](ApplicationCheckpoint& shop) { ++shop.counts.totals.lines; }));
  EXPECT_TRUE(with([](ApplicationCheckpoint& shop) { ++shop.acknowledged.lines; }));
  EXPECT_FALSE(with([](ApplicationCheckpoint& shop) { shop.counts.gaps.push_back({100, "still blind"}); }));
}

TEST(Resume, within_one_boot_the_run_goes_on_with_greater_numbers) {
  const auto resumed = resume(sample(), {{"shop", "rules"}}, "boot-1", "run-2", kLater);
  EXPECT_EQ(resumed.run, "run-1");
  EXPECT_GE(resumed.sequence, 70U + 2U * 3U) << "two reports a second may have left since then";
  EXPECT_TRUE(resumed.same_boot);
  EXPECT_EQ(resumed.gap, "");
  auto counts = sample().applications[0].counts;
  counts.gaps.push_back({99, "the agent was started again"});
  EXPECT_EQ(resumed.applications.at("shop").counts, counts);
  EXPECT_EQ(resumed.applications.at("shop").acknowledged, sample().applications[0].acknowledged);
  EXPECT_EQ(resumed.applications.at("shop").untold, sample().applications[0].untold);
}

TEST(Resume, after_a_reboot_a_new_run_begins_with_what_was_not_acknowledged) {
  const auto resumed = resume(sample(), {{"shop", "rules"}}, "boot-2", "run-2", {SteadyTime{5s}, kLater.wall});
  EXPECT_EQ(resumed.run, "run-2");
  EXPECT_EQ(resumed.sequence, 0U);
  EXPECT_FALSE(resumed.same_boot);
  EXPECT_NE(resumed.gap, "") << "the record may be 5 s old";
  const auto& shop = resumed.applications.at("shop");
  EXPECT_EQ(shop.counts.totals, (RunTotals{.errors = 1, .lines = 10, .late_errors = 1, .late_lines = 2}));
  EXPECT_TRUE(shop.counts.seconds.empty()) << "seconds of another clock";
  auto stopped = sample();
  stopped.at_stop = true;
  EXPECT_EQ(resume(stopped, {}, "boot-2", "run-2", kLater).gap, "") << "nothing was read after it";
}

TEST(Resume, seconds_of_other_rules_are_left_out_and_totals_kept) {
  const auto resumed = resume(sample(), {{"shop", "other rules"}}, "boot-1", "run-2", kLater);
  const auto& counts = resumed.applications.at("shop").counts;
  EXPECT_EQ(counts.totals, sample().applications[0].counts.totals);
  EXPECT_TRUE(counts.seconds.empty());
  EXPECT_TRUE(resume(sample(), {{"blog", "rules"}}, "boot-1", "run-2", kLater).applications.empty());
}

}  // namespace
}  // namespace serin::count
