#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "controller/publish/pack_shelf_file.h"
#include "controller/publish/pack_writer_file.h"
#include "controller/publish/small_packs_file.h"
#include "protocol/pack.h"
#include "protocol/posix/files.h"
#include "tests/agent/apply/sample_tree.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::publish {

using namespace std::chrono_literals;
using apply::file;
using apply::objects_of;
using apply::SampleTree;
using testing::HasSubstr;
namespace fs = std::filesystem;

class PackShelfTest : public testing::Test {
 protected:
  ObjectId put(const SampleTree& tree) {
    const auto sample = objects_of(tree);
    for (const auto& [id, bytes] : sample.objects) {
      const auto stored = store_.put(bytes);
      if (!stored) throw std::runtime_error(stored.error().text);
    }
    roots_.push_back(sample.root);
    if (shelf_) shelf_->know(sample.root);
    return sample.root;
  }
  void start(std::uint64_t bytes_max = 1'000'000'000) {
    shelf_.reset();
    auto started = PackShelf::start(packs_, posix::ObjectReader(folder_.path()), bytes_max);
    ASSERT_TRUE(started) << started.error().text;
    shelf_.emplace(std::move(*started));
    for (const ObjectId& root : roots_) shelf_->know(root);
  }
  /// Asks until it is there or cannot be.
  Result<posix::OpenedContent> open(const ObjectId& from, const ObjectId& to) {
    auto opened = shelf_->open(from, to);
    while (!opened && opened.error().kind == ErrorKind::busy) {
      posix::wait_readable({}, 1ms);
      opened = shelf_->open(from, to);
    }
    return opened;
  }
  static std::string bytes_of(const posix::OpenedContent& opened) {
    std::string bytes(opened.bytes, '\0');
    EXPECT_EQ(posix::read_at(opened.fd.get(), 0, bytes.data(), bytes.size()), bytes.size());
    return bytes;
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(packs_), fs::directory_iterator()));
  }

  TemporaryFolder folder_;
  fs::path packs_ = folder_ / "packs";
  posix::ObjectWriter store_ = posix::ObjectWriter::open_folder(folder_.path()).value();
  std::vector<ObjectId> roots_;
  std::optional<PackShelf> shelf_;
};

TEST_F(PackShelfTest, makes_a_pack_that_is_read_to_its_end) {
  const ObjectId from = put({{"a", file("1")}, {"b", file("2")}});
  const ObjectId to = put({{"a", file("1")}, {"b", file("22")}});
  start();
  const auto opened = open(from, to);
  ASSERT_TRUE(opened) << opened.error().text;
  PackReader reader(from, to);
  reader.feed(bytes_of(*opened));
  const auto folders = reader.next();
  ASSERT_TRUE(folders.value());
  EXPECT_EQ((*folders)->entries.at(0).id, to);
  const auto content = reader.next();
  ASSERT_TRUE(content.value());
  EXPECT_EQ((*content)->entries.at(0).id, digest_of("22"));
  EXPECT_FALSE(reader.next().value());
  EXPECT_TRUE(reader.ended());
}

TEST_F(PackShelfTest, makes_it_once_for_all_that_ask) {
  const ObjectId to = put({{"a", file("1")}});
  start();
  shelf_->prepare({}, to);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(open({}, to));
  EXPECT_EQ(shelf_->counters().made, 1U);
}

TEST_F(PackShelfTest, keeps_it_over_a_restart_and_makes_the_same_again) {
  const ObjectId to = put({{"a", file("1")}, {"x/y", file(std::string(3'000'000, 'l'))}});
  start();
  const auto first = open({}, to);
  ASSERT_TRUE(first);
  start();
  EXPECT_EQ(open({}, to).value().edition, first->edition);
  EXPECT_EQ(shelf_->counters().made, 0U);
  shelf_->clear();
  EXPECT_EQ(files(), 0U);
  const auto again = open({}, to);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->edition, first->edition);
  EXPECT_EQ(bytes_of(*again), bytes_of(*first)) << "what was open is still whole";
}

TEST_F(PackShelfTest, makes_none_between_trees_that_it_was_not_told_of) {
  const ObjectId to = put({{"a", file("1")}});
  start();
  const auto opened = open(digest_of("unknown"), to);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::not_found);
  EXPECT_EQ(shelf_->open(to, digest_of("unknown")).error().kind, ErrorKind::not_found);
  EXPECT_EQ(shelf_->open(to, to).error().kind, ErrorKind::not_found);
  EXPECT_EQ(shelf_->counters().failed, 0U) << "no work for that";
  EXPECT_TRUE(open({}, to)) << "others are made all the same";
}

TEST_F(PackShelfTest, says_of_which_it_cannot_make_one) {
  const ObjectId from = put({{"a", file("1")}, {"b", file("kept")}});
  const ObjectId to = put({{"a", file("2")}, {"b", file("kept")}});
  start();
  fs::remove(store_.path_of(digest_of("2")));
  const auto opened = open(from, to);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::not_found);
  EXPECT_EQ(shelf_->counters().failed, 1U);
  EXPECT_EQ(files(), 0U);
  ASSERT_TRUE(store_.put("2"));
  shelf_->know(to);
  EXPECT_TRUE(open(from, to)) << "a release was built again";
}

TEST_F(PackShelfTest, makes_none_of_an_object_that_is_damaged_small_or_in_pieces) {
  for (const std::size_t bytes : {std::size_t{1'000}, std::size_t{20'000'000}}) {
    const std::string content(bytes, 'c');
    const ObjectId to = put({{"a", file(content)}});
    start();
    const fs::path object = store_.path_of(digest_of(content));
    fs::permissions(object, fs::perms::owner_all);
    std::fstream(object, std::ios::in | std::ios::out | std::ios::binary).seekp(static_cast<long>(bytes) / 2).put('x');
    ASSERT_FALSE(open({}, to));
    EXPECT_EQ(shelf_->counters().failed, 1U);
    EXPECT_EQ(files(), 0U);
  }
}

TEST_F(PackShelfTest, a_writer_tells_the_path_of_what_is_damaged_or_missing_and_what_mends_it) {
  const SampleTree old{{"lib/a", file("old")}, {"lib/b", file("1")}};
  const SampleTree now{{"lib/a", file("new")}, {"lib/b", file("1")}};
  const ObjectId from = put(old);
  const ObjectId to = put(now);
  PackWriter writer(folder_.path(), "0", posix::ObjectReader(folder_.path()));
  const auto without = [&](const ObjectId& id) {
    const fs::path away = folder_ / "away";
    fs::rename(store_.path_of(id), away);
    const auto written = writer.write(from, to, {});
    fs::rename(away, store_.path_of(id));
    return written ? Error{} : written.error();
  };
  for (const char* content : {"new", "old"}) {
    const Error error = without(digest_of(content));
    EXPECT_EQ(error.kind, ErrorKind::not_found);
    EXPECT_THAT(error.text, HasSubstr("it is lib/a; touch that in the source and deploy it again"));
  }
  const Error error = without(to);
  EXPECT_EQ(error.kind, ErrorKind::not_found);
  EXPECT_THAT(error.text, HasSubstr("a deploy of the whole source makes it anew"));
  fs::permissions(store_.path_of(digest_of("new")), fs::perms::owner_all);
  std::ofstream(store_.path_of(digest_of("new"))) << "ne!";
  const auto damaged = writer.write(from, to, {});
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().kind, ErrorKind::corrupt);
  EXPECT_THAT(damaged.error().text, HasSubstr("it is lib/a; touch that in the source and deploy it again"));
}

TEST_F(PackShelfTest, serves_none_that_was_damaged_while_it_was_not_there) {
  const ObjectId to = put({{"a", file("1")}, {"b", file("content")}});
  start();
  const std::string good = bytes_of(open({}, to).value());
  shelf_.reset();
  const fs::path path = packs_ / pack_name({}, to).hex();
  std::string bytes = posix::read_file(path, 1'000'000).value();
  bytes[good.size() / 2] = static_cast<char>(bytes[good.size() / 2] ^ 1);
  ASSERT_TRUE(posix::replace_file(path, bytes, 0600));
  start();
  EXPECT_EQ(bytes_of(open({}, to).value()), good);
  EXPECT_EQ(shelf_->counters().made, 1U);
}

TEST_F(PackShelfTest, lets_the_longest_unused_go_when_there_are_too_many) {
  std::string large(400'000, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * i * i >> 7U);
  std::vector<ObjectId> roots;
  for (char c = 'a'; c < 'd'; ++c) roots.push_back(put({{"f", file(large + c)}}));
  start();
  const std::uint64_t each = open({}, roots[0]).value().bytes;
  start(2 * each + 1'000);
  EXPECT_TRUE(open({}, roots[1]));
  // By the clock of the file system the first was used before the second.
  const auto used = fs::last_write_time(packs_ / pack_name({}, roots[1]).hex());
  fs::last_write_time(packs_ / pack_name({}, roots[0]).hex(), used - 1h);
  EXPECT_TRUE(open({}, roots[2]));
  EXPECT_EQ(files(), 2U);
  EXPECT_FALSE(fs::exists(packs_ / pack_name({}, roots[0]).hex()));
}

TEST_F(PackShelfTest, clears_away_what_a_crash_left_and_refuses_a_stump) {
  const ObjectId to = put({{"a", file("1")}});
  fs::create_directories(packs_);
  ASSERT_TRUE(posix::replace_file(packs_ / "new.0", "half", 0600));
  start();
  EXPECT_EQ(files(), 0U);
  ASSERT_TRUE(posix::replace_file(packs_ / pack_name({}, to).hex(), "stump", 0600));
  EXPECT_TRUE(open({}, to)) << "made anew";
}

TEST_F(PackShelfTest, a_small_pack_may_go_ahead_of_the_orders_and_a_large_one_not) {
  std::string noise(20'000, '\0');
  std::mt19937 random(1);
  for (char& c : noise) c = static_cast<char>(random());
  const ObjectId from = put({{"a", file("1")}}), to = put({{"a", file("2")}}), large = put({{"a", file(noise)}});
  start();
  SmallPacks small;
  const auto made = open(from, to);
  ASSERT_TRUE(made);
  const PackAhead* pack = small.find(*shelf_, from, to);
  ASSERT_NE(pack, nullptr);
  EXPECT_EQ(*pack, (PackAhead{.from = from, .to = to, .edition = made->edition, .bytes = bytes_of(*made)}));
  EXPECT_EQ(small.find(*shelf_, from, to), pack) << "read once for all hosts";
  ASSERT_TRUE(open(from, large));
  EXPECT_EQ(small.find(*shelf_, from, large), nullptr);
  EXPECT_EQ(small.find(*shelf_, from, large), nullptr);
  EXPECT_EQ(small.find(*shelf_, digest_of("unknown"), to), nullptr);
}

}  // namespace serin::publish
