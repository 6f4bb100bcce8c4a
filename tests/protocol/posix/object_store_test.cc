#include "protocol/posix/object_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "protocol/posix/files.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::posix {
namespace {

void overwrite(const std::filesystem::path& path, const std::string& bytes) {
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  std::ofstream(path, std::ios::binary) << bytes;
}

std::size_t files_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

UniqueFd file_with(const TemporaryFolder& folder, const std::string& bytes) {
  EXPECT_TRUE(replace_file(folder / "source", bytes, 0600));
  return UniqueFd(::open((folder / "source").c_str(), O_RDWR | O_CLOEXEC));
}

TEST(ObjectStore, gives_back_what_was_put_read_only_and_by_its_hash) {
  const TemporaryFolder folder;
  auto store = ObjectWriter::open_folder(folder / "store");
  ASSERT_TRUE(store) << store.error().text;
  const auto id = store->put("abc");
  ASSERT_TRUE(id);
  EXPECT_EQ(*id, digest_of("abc"));
  EXPECT_EQ(store->path_of(*id),
            folder / "store" / "objects" / "ba" / "7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const ObjectReader reader(folder / "store");
  EXPECT_TRUE(reader.has(*id));
  EXPECT_EQ(reader.read(*id, 3), "abc");
  EXPECT_EQ(reader.open(*id)->bytes, 3U);
  struct stat found{};
  ASSERT_EQ(::stat(reader.path_of(*id).c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0444U);
}

TEST(ObjectStore, keeps_the_empty_object_and_puts_the_same_bytes_once) {
  const TemporaryFolder folder;
  auto store = ObjectWriter::open_folder(folder.path());
  ASSERT_TRUE(store->put(""));
  EXPECT_EQ(store->read(digest_of(""), 0), "");
  ASSERT_TRUE(store->put("twice"));
  ASSERT_TRUE(store->sync());
  ASSERT_TRUE(store->put("twice"));
  EXPECT_EQ(files_in(folder / "incoming"), 0U);
}

TEST(ObjectStore, says_absent_corrupt_and_too_large) {
  const TemporaryFolder folder;
  auto store = ObjectWriter::open_folder(folder.path());
  EXPECT_FALSE(store->has(digest_of("absent")));
  EXPECT_EQ(store->open(digest_of("absent")).error().kind, ErrorKind::not_found);
  EXPECT_EQ(store->read(digest_of("absent"), 10).error().kind, ErrorKind::not_found);
  const auto id = store->put("right bytes");
  EXPECT_EQ(store->read(*id, 10).error().kind, ErrorKind::refused);
  overwrite(store->path_of(*id), "wrong bytes");
  EXPECT_EQ(store->read(*id, 100).error().kind, ErrorKind::corrupt);
  overwrite(store->path_of(*id), "");
  EXPECT_EQ(store->read(*id, 100).error().kind, ErrorKind::corrupt);
}

TEST(ObjectStore, copies_a_file_from_its_start_over_several_buffers) {
  const TemporaryFolder folder;
  auto store = ObjectWriter::open_folder(folder.path());
  std::string bytes(700'001, 'x');
  for (std::size_t i = 0; i < bytes.size(); i += 17) bytes[i] = static_cast<char>(i % 251);
  const UniqueFd source = file_with(folder, bytes);
  ASSERT_EQ(::lseek(source.get(), 5, SEEK_SET), 5);
  const auto stored = store->put_file(source.get(), 1'000'000);
  ASSERT_TRUE(stored) << stored.error().text;
  EXPECT_EQ(stored->id, digest_of(bytes));
  EXPECT_EQ(stored->bytes, bytes.size());
  EXPECT_EQ(store->read(stored->id, 1'000'000), bytes);
  EXPECT_EQ(store->put_file(source.get(), 1'000'000)->id, stored->id);
}

TEST(ObjectStore, refuses_large_files_and_what_is_no_file_and_leaves_nothing_behind) {
  const TemporaryFolder folder;
  auto store = ObjectWriter::open_folder(folder.path());
  const UniqueFd source = file_with(folder, "12345");
  EXPECT_EQ(store->put_file(source.get(), 4).error().kind, ErrorKind::refused);
  const UniqueFd directory(::open(folder.path().c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(store->put_file(directory.get(), 100).error().kind, ErrorKind::invalid);
  EXPECT_EQ(files_in(folder / "incoming"), 0U);
}

TEST(ObjectStore, puts_a_file_again_whose_object_is_damaged) {
  const TemporaryFolder folder;
  auto store = ObjectWriter::open_folder(folder.path()).value();
  const ObjectId id = store.put("content").value();
  std::filesystem::permissions(store.path_of(id), std::filesystem::perms::owner_all);
  std::ofstream(store.path_of(id)) << "Content";
  EXPECT_EQ(store.read(id, 100).error().kind, ErrorKind::corrupt);
  std::ofstream(folder / "file") << "content";
  const UniqueFd file(::open((folder / "file").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(store.put_file(file.get(), 100).value().id, id);
  EXPECT_EQ(store.read(id, 100).value(), "content");
}

TEST(ObjectStore, puts_bytes_again_whose_object_is_damaged) {
  const TemporaryFolder folder;
  auto store = ObjectWriter::open_folder(folder.path()).value();
  const ObjectId id = store.put("a folder").value();
  overwrite(store.path_of(id), "a golder");
  EXPECT_EQ(store.put("a folder").value(), id);
  EXPECT_EQ(store.read(id, 100).value(), "a folder");
}

TEST(ObjectStore, a_file_that_reads_shorter_than_announced_is_busy) {
  const TemporaryFolder folder;
  auto store = ObjectWriter::open_folder(folder.path());
  // A file of sysfs announces 4096 bytes and gives fewer: what a file that is truncated under the copy looks like.
  const UniqueFd source(::open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(source) << "this test needs /sys";
  EXPECT_EQ(store->put_file(source.get(), 10'000).error().kind, ErrorKind::busy);
  EXPECT_EQ(files_in(folder / "incoming"), 0U);
}

TEST(ObjectStore, a_file_that_grows_while_it_is_read_is_busy) {
  const TemporaryFolder folder;
  auto store = ObjectWriter::open_folder(folder.path());
  // Files of /proc announce no bytes and give some: what a file that grows under the copy looks like.
  const UniqueFd source(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(store->put_file(source.get(), 10'000).error().kind, ErrorKind::busy);
  EXPECT_EQ(files_in(folder / "incoming"), 0U);
}

TEST(ObjectStore, sync_takes_the_marks_away_few_or_many) {
  const TemporaryFolder folder;
  auto store = ObjectWriter::open_folder(folder.path());
  for (const int count : {64, 65}) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(store->put(std::to_string(count) + " " + std::to_string(i)));
    }
    EXPECT_EQ(files_in(folder / "incoming"), static_cast<std::size_t>(count));
    ASSERT_TRUE(store->sync());
    EXPECT_EQ(files_in(folder / "incoming"), 0U);
    EXPECT_TRUE(store->has(digest_of(std::to_string(count) + " 0")));
  }
}

TEST(ObjectStore, after_a_crash_unsynced_objects_are_kept_only_when_whole) {
  const TemporaryFolder folder;
  const ObjectReader reader(folder.path());
  {
    auto store = ObjectWriter::open_folder(folder.path());
    ASSERT_TRUE(store->put("synced"));
    ASSERT_TRUE(store->sync());
    ASSERT_TRUE(store->put("whole"));
    ASSERT_TRUE(store->put("lost with the power"));
    ASSERT_TRUE(store->put("no name yet"));
  }
  overwrite(reader.path_of(digest_of("lost with the power")), "");
  ASSERT_TRUE(std::filesystem::remove(reader.path_of(digest_of("no name yet"))));
  std::ofstream(folder / "incoming" / "new.abc123") << "half";

  auto store = ObjectWriter::open_folder(folder.path());
  ASSERT_TRUE(store) << store.error().text;
  EXPECT_EQ(files_in(folder / "incoming"), 0U);
  EXPECT_TRUE(store->has(digest_of("synced")));
  EXPECT_EQ(store->read(digest_of("whole"), 100), "whole");
  EXPECT_FALSE(store->has(digest_of("lost with the power")));
  EXPECT_FALSE(store->has(digest_of("no name yet")));
  ASSERT_TRUE(store->put("lost with the power"));
  EXPECT_EQ(store->read(digest_of("lost with the power"), 100), "lost with the power");
}

TEST(ObjectStore, takes_the_same_bytes_from_several_threads_and_mends_what_is_damaged) {
  const TemporaryFolder folder;
  auto store = ObjectWriter::open_folder(folder / "store");
  ASSERT_TRUE(store);
  constexpr int kObjects = 100;
  for (int i = 0; i < kObjects; i += 10) {
    ASSERT_TRUE(store->put(std::to_string(i)));
    overwrite(store->path_of(digest_of(std::to_string(i))), "damaged");
  }
  std::vector<std::jthread> threads;
  threads.reserve(4);
  std::atomic<int> stored = 0;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kObjects; ++i) {
        const auto file = folder / std::to_string(thread);
        if (!replace_file(file, std::to_string(i), 0600)) continue;
        const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
        const auto put = store->put_file(fd.get(), 100);
        if (put && put->id == digest_of(std::to_string(i))) ++stored;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(stored, 4 * kObjects);
  for (int i = 0; i < kObjects; ++i) EXPECT_EQ(store->read(digest_of(std::to_string(i)), 100), std::to_string(i));
  ASSERT_TRUE(store->sync());
  EXPECT_EQ(files_in(folder / "store" / "incoming"), 0U);
}

}  // namespace
}  // namespace serin::posix
