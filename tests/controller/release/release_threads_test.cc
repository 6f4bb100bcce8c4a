#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/controller/release/build_fixture.h"

namespace serin::release {
namespace {

/// A source that is worth several threads: 60 folders, 600 files, links, and contents that many files have.
class ReleaseThreadsTest : public BuildFixture {
 protected:
  ReleaseThreadsTest() {
    for (int i = 0; i < 600; ++i) {
      const std::string folder = std::to_string(i % 6) + "/" + std::to_string(i % 60);
      write(folder + "/" + std::to_string(i), i % 7 == 0 ? "the same" : std::to_string(i));
      if (i % 50 == 0) link(folder + "/link" + std::to_string(i), std::to_string(i));
    }
  }
  BuildResult build_in(unsigned threads, const BuildResult& base = {}) {
    threads_ = threads;
    reopen();
    return build(base);
  }
  void forget() { std::filesystem::remove_all(state()); }
};

TEST_F(ReleaseThreadsTest, is_the_same_in_one_thread_and_in_many) {
  const BuildResult one = build_in(1);
  EXPECT_EQ(one.files_read, 600U);
  for (const unsigned threads : {2U, 4U, 8U}) {
    forget();
    const BuildResult many = build_in(threads);
    EXPECT_EQ(many.root, one.root);
    EXPECT_EQ(many.files, one.files);
    EXPECT_EQ(many.bytes, one.bytes);
    EXPECT_EQ(many.files_read, 600U);
    EXPECT_EQ(words_of(many.root).size(), 612U);
    EXPECT_EQ(build_in(threads, many).files_read, 0U);
    EXPECT_TRUE(std::filesystem::is_empty(state() / "incoming"));
  }
}

TEST_F(ReleaseThreadsTest, reads_in_several_threads_at_once) {
  threads_ = 4;
  reopen();
  std::set<std::thread::id> threads;
  on_read_ = [&](const std::string&) { threads.insert(std::this_thread::get_id()); };
  // Under a load one thread could be done with all before another begins; not a hundred times.
  for (int i = 0; i < 100 && threads.size() < 2; ++i) {
    forget();
    reopen();
    build();
  }
  EXPECT_GT(threads.size(), 1U);
}

TEST_F(ReleaseThreadsTest, puts_what_was_read_into_the_cache_when_something_is_refused) {
  ASSERT_EQ(::mkfifo((source() / "3" / "33" / "pipe").c_str(), 0600), 0);
  threads_ = 4;
  reopen();
  EXPECT_THAT(refusal().text, testing::HasSubstr("3/33/pipe"));
  const std::size_t read_before = read_.size();
  remove("3/33/pipe");
  EXPECT_EQ(build().files_read, 600 - read_before);
}

TEST_F(ReleaseThreadsTest, sees_names_that_come_and_go_in_any_folder) {
  wall_seconds_ -= 3'600;
  threads_ = 4;
  reopen();
  int made = 0;
  on_read_ = [&](const std::string& path) {
    if (made < 1'000) write(path.substr(0, path.rfind('/')) + "/new" + std::to_string(made++), "x");
  };
  const Error error = refusal();
  EXPECT_THAT(error.text, testing::HasSubstr("names come and go"));
  made = 1'000;
  EXPECT_EQ(words_of(build().root).size(), paths_of(build().root).size() - 66);
}

}  // namespace
}  // namespace serin::release
