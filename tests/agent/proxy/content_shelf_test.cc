#include <gtest/gtest.h>

#include <fstream>

#include "agent/proxy/content_shelf_file.h"
#include "protocol/posix/files.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::proxy {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kCacheBytes = 1'000'000;

class ContentShelfTest : public testing::Test {
 protected:
  ContentShelfTest() : shelf_(open()) {}
  [[nodiscard]] std::unique_ptr<ContentShelf> open() const {
    return std::move(ContentShelf::open(folder_ / "proxy", kCacheBytes)).value();
  }
  [[nodiscard]] fs::path file_of(const std::string& content) const {
    return folder_ / "proxy" / digest_of(content).hex();
  }
  [[nodiscard]] static GetObject object(const std::string& content) { return {.object = digest_of(content)}; }
  /// Fetched as the controller would send it.
  void fetch(const std::string& content) {
    const GetObject what = object(content);
    ASSERT_TRUE(shelf_->take(BeginContent{.what = what, .bytes = content.size(), .edition = 0}));
    ASSERT_TRUE(shelf_->take(AppendContent{.name = what.object, .bytes = content}));
    ASSERT_TRUE(shelf_->take(FinishContent{what.object}));
  }
  [[nodiscard]] std::string read(const std::string& content) {
    const auto opened = shelf_->find(object(content));
    if (!opened) return opened.error().kind == ErrorKind::busy ? "(busy)" : "(absent)";
    std::string bytes(opened->bytes, '\0');
    bytes.resize(posix::read_at(opened->fd.get(), 0, bytes.data(), bytes.size()));
    return bytes;
  }

  TemporaryFolder folder_;
  std::unique_ptr<ContentShelf> shelf_;
};

TEST_F(ContentShelfTest, what_is_asked_for_is_wanted_once_and_then_served) {
  EXPECT_EQ(read("abc"), "(busy)");
  EXPECT_EQ(read("abc"), "(busy)");
  EXPECT_EQ(shelf_->wanted().take(), object("abc"));
  EXPECT_FALSE(shelf_->wanted().take());
  fetch("abc");
  EXPECT_EQ(read("abc"), "abc");
}

TEST_F(ContentShelfTest, what_is_coming_is_given_with_how_much_of_it_has_come) {
  ASSERT_TRUE(shelf_->take(BeginContent{.what = object("abcdef"), .bytes = 6, .edition = 0}));
  ASSERT_TRUE(shelf_->take(AppendContent{.name = digest_of("abcdef"), .bytes = "abc"}));
  const auto opened = shelf_->find(object("abcdef"));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->bytes, 6U);
  EXPECT_EQ(*opened->arrived, 3U);
  ASSERT_TRUE(shelf_->take(AppendContent{.name = digest_of("abcdef"), .bytes = "def"}));
  ASSERT_TRUE(shelf_->take(FinishContent{digest_of("abcdef")}));
  EXPECT_EQ(*opened->arrived, 6U) << "who has it open reads on";
}

TEST_F(ContentShelfTest, what_came_damaged_is_not_kept_and_its_readers_are_told) {
  ASSERT_TRUE(shelf_->take(BeginContent{.what = object("abc"), .bytes = 3, .edition = 0}));
  ASSERT_TRUE(shelf_->take(AppendContent{.name = digest_of("abc"), .bytes = "abX"}));
  const auto opened = shelf_->find(object("abc"));
  const auto finished = shelf_->take(FinishContent{digest_of("abc")});
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(*opened->arrived, posix::OpenedContent::kGone);
  EXPECT_EQ(read("abc"), "(absent)") << "for a while: hosts go elsewhere";
  EXPECT_FALSE(fs::exists(file_of("abc")));
}

TEST_F(ContentShelfTest, what_an_earlier_life_left_is_hashed_before_it_is_served) {
  fetch("good");
  fetch("damaged");
  std::fstream(file_of("damaged"), std::ios::in | std::ios::out).put('D');
  std::ofstream(folder_ / "proxy" / "half.new") << "x";
  shelf_ = open();
  EXPECT_FALSE(fs::exists(folder_ / "proxy" / "half.new"));
  EXPECT_EQ(read("good"), "(busy)");
  EXPECT_TRUE(shelf_->is_here(digest_of("good"), {}));
  EXPECT_EQ(read("good"), "good");
  EXPECT_FALSE(shelf_->is_here(digest_of("damaged"), {}));
  EXPECT_FALSE(fs::exists(file_of("damaged"))) << "it is fetched again";
}

TEST_F(ContentShelfTest, the_longest_unused_makes_room_and_is_fetched_again_when_it_is_wanted) {
  const std::string first(400'000, '1'), second(400'000, '2'), third(400'000, '3');
  fetch(first);
  fetch(second);
  fs::last_write_time(file_of(first), fs::file_time_type::clock::now() - std::chrono::hours{2});
  fs::last_write_time(file_of(second), fs::file_time_type::clock::now() - std::chrono::hours{1});
  fetch(third);
  EXPECT_FALSE(fs::exists(file_of(first)));
  EXPECT_TRUE(fs::exists(file_of(second)));
  EXPECT_EQ(read(third), third);
  EXPECT_EQ(read(first), "(busy)");
  EXPECT_EQ(shelf_->wanted().take(), object(first));
}

TEST_F(ContentShelfTest, what_is_larger_than_the_cache_is_not_kept) {
  const auto begun = shelf_->take(BeginContent{.what = object("huge"), .bytes = kCacheBytes + 1, .edition = 0});
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().kind, ErrorKind::no_space);
  EXPECT_EQ(read("huge"), "(absent)");
  EXPECT_TRUE(shelf_->take(AppendContent{.name = digest_of("huge"), .bytes = "ignored"}));
}

TEST_F(ContentShelfTest, a_pack_that_was_asked_for_as_an_object_is_fetched_as_a_pack_all_the_same) {
  const GetObject pack{.object = digest_of("pack"), .pack_to = digest_of("to")};
  const GetObject disguised{.object = pack.object};
  EXPECT_EQ(shelf_->find(disguised).error().kind, ErrorKind::busy);
  EXPECT_EQ(shelf_->wanted().take(), disguised);
  ASSERT_TRUE(shelf_->take(FailContent{pack.object}));
  EXPECT_EQ(shelf_->find(disguised).error().kind, ErrorKind::not_found);
  EXPECT_EQ(shelf_->find(pack).error().kind, ErrorKind::busy);
  EXPECT_EQ(shelf_->wanted().take(), pack);
}

TEST_F(ContentShelfTest, no_more_is_wanted_than_memory_allows_and_what_is_there_is_served_all_the_same) {
  fetch("here");
  for (std::size_t i = 0; i < ContentShelf::kWantedMax + 100; ++i) {
    EXPECT_EQ(shelf_->find(object(std::to_string(i))).error().kind, ErrorKind::busy);
  }
  std::size_t wanted = 0;
  while (shelf_->wanted().take()) ++wanted;
  EXPECT_EQ(wanted, ContentShelf::kWantedMax);
  EXPECT_EQ(read("here"), "here");
  ASSERT_TRUE(shelf_->take(FailContent{digest_of("0")}));
  EXPECT_EQ(read("another"), "(busy)");
  EXPECT_EQ(shelf_->wanted().take(), object("another")) << "one has ended";
}

TEST_F(ContentShelfTest, what_cannot_be_kept_any_further_is_absent_and_leaves_nothing) {
  const std::string first(600'000, '1');
  ASSERT_TRUE(shelf_->take(BeginContent{.what = object(first), .bytes = first.size(), .edition = 0}));
  const auto second = shelf_->take(BeginContent{.what = object("second"), .bytes = 600'000, .edition = 0});
  ASSERT_FALSE(second) << "what is coming counts too";
  EXPECT_EQ(second.error().kind, ErrorKind::no_space);
  EXPECT_EQ(read("second"), "(absent)");
  ASSERT_TRUE(shelf_->take(AppendContent{.name = digest_of(first), .bytes = first}));
  ASSERT_TRUE(shelf_->take(FinishContent{digest_of(first)}));
  EXPECT_EQ(read(first), first);
}

TEST_F(ContentShelfTest, what_a_disk_damages_later_is_found_by_scrubbing_and_wanted_anew) {
  fetch("sound");
  fetch("damaged");
  const auto reader = shelf_->find(object("damaged"));
  ASSERT_TRUE(reader);
  EXPECT_EQ(shelf_->scrub(0, {}), 0U);
  EXPECT_EQ(read("damaged"), "damaged");
  std::fstream(file_of("damaged"), std::ios::in | std::ios::out).put('D');
  EXPECT_EQ(shelf_->scrub(0, {}), 1U);
  EXPECT_EQ(*reader->arrived, posix::OpenedContent::kGone) << "who reads it is told";
  EXPECT_EQ(read("sound"), "sound");
  EXPECT_EQ(read("damaged"), "(busy)");
  EXPECT_EQ(shelf_->wanted().take(), object("damaged"));
  fetch("damaged");
  EXPECT_EQ(read("damaged"), "damaged");
}

TEST_F(ContentShelfTest, what_an_earlier_life_left_is_scrubbed_before_anybody_asks) {
  fetch("left");
  shelf_ = open();
  fs::resize_file(file_of("left"), 3);
  EXPECT_EQ(shelf_->scrub(0, {}), 1U);
  EXPECT_FALSE(fs::exists(file_of("left")));
}

TEST_F(ContentShelfTest, scrubbing_marks_nothing_as_used) {
  fetch("old");
  const auto used = fs::file_time_type::clock::now() - std::chrono::hours{1};
  fs::last_write_time(file_of("old"), used);
  EXPECT_EQ(shelf_->scrub(0, {}), 0U);
  EXPECT_EQ(fs::last_write_time(file_of("old")), used);
}

TEST_F(ContentShelfTest, a_scrub_that_is_stopped_takes_nothing_for_damaged) {
  fetch("sound");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(posix::check_content(file_of("sound"), stop.get_token()).error().kind, ErrorKind::busy);
  EXPECT_TRUE(fs::exists(file_of("sound")));
}

TEST_F(ContentShelfTest, of_who_is_no_proxy_any_more_the_content_goes_and_nothing_else) {
  fetch("whole");
  ASSERT_TRUE(shelf_->take(BeginContent{.what = object("coming"), .bytes = 6, .edition = 0}));
  std::ofstream(folder_ / "proxy" / "notes.new") << "an operator's";
  std::ofstream(folder_ / "proxy" / (digest_of("other").hex() + ".bak")) << "an operator's";
  EXPECT_EQ(posix::drop_content(folder_ / "proxy"), 2U);
  EXPECT_FALSE(fs::exists(file_of("whole")));
  EXPECT_TRUE(fs::exists(folder_ / "proxy" / "notes.new"));
  EXPECT_TRUE(fs::exists(folder_ / "proxy" / (digest_of("other").hex() + ".bak")));
  fs::remove(folder_ / "proxy" / "notes.new");
  fs::remove(folder_ / "proxy" / (digest_of("other").hex() + ".bak"));
  EXPECT_EQ(posix::drop_content(folder_ / "proxy"), 0U);
  EXPECT_FALSE(fs::exists(folder_ / "proxy")) << "an empty folder goes too";
  EXPECT_EQ(posix::drop_content(folder_ / "proxy"), 0U) << "there never was one";
}

}  // namespace
}  // namespace serin::proxy
