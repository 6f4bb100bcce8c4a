#include "controller/release/stat_cache.h"

#include <gtest/gtest.h>

namespace serin::release {
namespace {

constexpr std::string_view kSource = "/srv/staging";

StatCache two_folders() {
  StatCache cache;
  cache.set("", {{.name = "a",
                  .stat = {.bytes = 1ULL << 33U, .inode = 7, .mtime_s = -5, .ctime_s = 1'700'000'000, .ctime_ns = 999},
                  .id = digest_of("a")},
                 {.name = "b\n\xff", .stat = {.bytes = 2, .mtime_ns = 999'999'999}, .id = digest_of("b")}});
  cache.set("d/e", {{.name = "c", .stat = {.bytes = 3}, .id = digest_of("c")}});
  return cache;
}

TEST(StatCache, comes_back_from_its_bytes) {
  const StatCache cache = two_folders();
  EXPECT_EQ(StatCache::decode(cache.encode(kSource), kSource), cache);
  EXPECT_EQ(StatCache::decode(StatCache{}.encode(kSource), kSource), StatCache{});
}

TEST(StatCache, begins_with_its_format_and_ends_with_its_digest) {
  const std::string bytes = StatCache{}.encode("/s");
  EXPECT_EQ(to_hex(bytes.substr(0, bytes.size() - 32)), to_hex("serinsc1") + "02002f7300000000");
  EXPECT_EQ(bytes.substr(bytes.size() - 32), digest_of(bytes.substr(0, bytes.size() - 32)).raw());
}

TEST(StatCache, is_nothing_when_it_is_about_another_source) {
  EXPECT_EQ(StatCache::decode(two_folders().encode(kSource), "/srv/other"), std::nullopt);
}

TEST(StatCache, is_nothing_when_it_is_cut_off_or_a_bit_is_another) {
  const std::string bytes = two_folders().encode(kSource);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_EQ(StatCache::decode(bytes.substr(0, i), kSource), std::nullopt) << i;
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    EXPECT_EQ(StatCache::decode(flipped, kSource), std::nullopt) << i;
  }
  EXPECT_EQ(StatCache::decode(bytes + "x", kSource), std::nullopt);
}

TEST(StatCache, is_nothing_when_the_counts_lie_under_a_right_digest) {
  const std::string good = StatCache{}.encode(kSource);
  std::string bytes = good.substr(0, good.size() - 32);
  bytes[bytes.size() - 4] = '\xff';
  EXPECT_EQ(StatCache::decode(bytes + std::string(digest_of(bytes).raw()), kSource), std::nullopt);
  bytes = good.substr(0, good.size() - 32) + "more";
  EXPECT_EQ(StatCache::decode(bytes + std::string(digest_of(bytes).raw()), kSource), std::nullopt);
}

TEST(StatCache, forgets_a_folder_with_all_beneath_it_and_no_other) {
  StatCache cache;
  for (const char* folder : {"d", "d-x", "d/e", "d/e/f", "d0", "x/d"}) cache.set(folder, {{.name = folder}});
  cache.remove("d");
  for (const char* gone : {"d", "d/e", "d/e/f"}) EXPECT_EQ(cache.find(gone), nullptr) << gone;
  for (const char* left : {"d-x", "d0", "x/d"}) EXPECT_NE(cache.find(left), nullptr) << left;
  cache.remove("");
  EXPECT_EQ(cache, StatCache{});
}

TEST(StatCache, takes_over_the_folders_of_a_newer_one) {
  StatCache cache = two_folders();
  StatCache newer;
  newer.set("d/e", {{.name = "new"}});
  newer.set("z", {});
  cache.take(newer);
  EXPECT_EQ(*cache.find("d/e"), *newer.find("d/e"));
  EXPECT_NE(cache.find("z"), nullptr);
  EXPECT_EQ(*cache.find(""), *two_folders().find(""));
}

TEST(StatCache, finds_a_file_by_its_name) {
  const StatCache cache = two_folders();
  const StatCache::Files& files = *cache.find("");
  EXPECT_EQ(find_file(files, "a"), &files[0]);
  EXPECT_EQ(find_file(files, "b\n\xff"), &files[1]);
  EXPECT_EQ(find_file(files, "b"), nullptr);
  EXPECT_EQ(find_file({}, "a"), nullptr);
}

}  // namespace
}  // namespace serin::release
