#include "protocol/posix/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "tests/protocol/posix/temporary_folder.h"

namespace serin::posix {
namespace {

mode_t mode_of(const std::filesystem::path& path) {
  struct stat found{};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777U;
}

std::size_t entries_of(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

TEST(Files, errno_becomes_what_the_caller_can_do) {
  EXPECT_EQ(errno_error("write /x", ENOSPC), (Error{ErrorKind::no_space, "write /x: No space left on device"}));
  EXPECT_EQ(errno_error("open /x", ENOENT).kind, ErrorKind::not_found);
  EXPECT_EQ(errno_error("open /x", EACCES).kind, ErrorKind::refused);
  EXPECT_EQ(errno_error("open /x", EIO).kind, ErrorKind::io);
}

TEST(Files, replace_then_read_gives_the_bytes_and_the_exact_mode) {
  const TemporaryFolder folder;
  const mode_t old_mask = ::umask(0077);
  const auto replaced = replace_file(folder / "key", std::string("a\0b", 3), 0644);
  ::umask(old_mask);
  ASSERT_TRUE(replaced) << replaced.error().text;
  EXPECT_EQ(read_file(folder / "key", 3), std::string("a\0b", 3));
  EXPECT_EQ(mode_of(folder / "key"), 0644U);
  EXPECT_EQ(entries_of(folder.path()), 1U);
}

TEST(Files, replace_that_fails_leaves_the_old_file_and_no_temporary) {
  const TemporaryFolder folder;
  // A folder that is not empty cannot be renamed over.
  std::filesystem::create_directories(folder / "name" / "inside");
  const auto replaced = replace_file(folder / "name", "new", 0600);
  ASSERT_FALSE(replaced);
  EXPECT_NE(replaced.error().text.find("name"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_directory(folder / "name" / "inside"));
  EXPECT_EQ(entries_of(folder.path()), 1U);

  const auto nowhere = replace_file(folder / "absent/file", "new", 0600);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().kind, ErrorKind::not_found);
}

TEST(Files, replace_that_runs_out_of_space_leaves_the_old_file) {
  const TemporaryFolder folder;
  ASSERT_TRUE(replace_file(folder / "state", "old", 0600));
  const pid_t child = ::fork();
  if (child == 0) {
    // A bound on the size of files stands for the full disk; the signal would kill.
    struct rlimit bound{.rlim_cur = 100, .rlim_max = 100};
    ::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &bound);
    ::_exit(replace_file(folder / "state", std::string(5000, 'x'), 0600) ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(folder / "state", 100), "old");
  EXPECT_EQ(entries_of(folder.path()), 1U);
}

TEST(Files, read_keeps_its_bound_and_names_what_is_absent) {
  const TemporaryFolder folder;
  ASSERT_TRUE(replace_file(folder / "big", std::string(100'000, 'x'), 0600));
  EXPECT_EQ(read_file(folder / "big", 100'000)->size(), 100'000U);
  EXPECT_EQ(read_file(folder / "big", 99'999).error().kind, ErrorKind::refused);
  EXPECT_EQ(read_file("/dev/zero", 10'000).error().kind, ErrorKind::refused);
  EXPECT_EQ(read_file(folder / "absent", 10).error().kind, ErrorKind::not_found);
  EXPECT_EQ(read_file(folder.path(), 10).error().kind, ErrorKind::io);
}

TEST(Files, make_folders_makes_parents_with_the_mode_and_accepts_what_exists) {
  const TemporaryFolder folder;
  const mode_t old_mask = ::umask(0077);
  ASSERT_TRUE(make_folders(folder / "a/b/c/", 0755));
  ::umask(old_mask);
  EXPECT_EQ(mode_of(folder / "a"), 0755U);
  EXPECT_EQ(mode_of(folder / "a/b/c"), 0755U);
  ASSERT_TRUE(make_folders(folder / "a/b/c", 0700));
  EXPECT_EQ(mode_of(folder / "a/b/c"), 0755U);
  ASSERT_TRUE(replace_file(folder / "file", "", 0600));
  EXPECT_FALSE(make_folders(folder / "file", 0755));
  EXPECT_FALSE(make_folders(folder / "file/below", 0755));
}

TEST(Files, free_space_is_told_for_what_exists) {
  const TemporaryFolder folder;
  EXPECT_GT(free_space(folder.path())->inodes, 0U);
  EXPECT_EQ(free_space(folder / "absent").error().kind, ErrorKind::not_found);
}

TEST(Files, random_bytes_differ) {
  EXPECT_EQ(random_bytes(32).size(), 32U);
  EXPECT_NE(random_bytes(32), random_bytes(32));
}

TEST(LockFile, is_busy_for_another_process_and_names_the_owner_until_it_ends) {
  const TemporaryFolder folder;
  {
    auto lock = LockFile::acquire(folder / "lock");
    ASSERT_TRUE(lock) << lock.error().text;
    const LockFile moved = std::move(*lock);
    const std::string owner = std::to_string(::getpid());
    const pid_t child = ::fork();
    if (child == 0) {
      const auto second = LockFile::acquire(folder / "lock");
      const bool right = !second && second.error().kind == ErrorKind::busy &&
                         second.error().text.find("pid " + owner) != std::string::npos;
      ::_exit(right ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_TRUE(LockFile::acquire(folder / "lock"));
}

TEST(LockFile, is_free_again_when_its_owner_was_killed) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = LockFile::acquire(folder / "lock");
    ::kill(::getpid(), SIGKILL);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(LockFile::acquire(folder / "lock"));
}

}  // namespace
}  // namespace serin::posix
