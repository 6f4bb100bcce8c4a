#include "protocol/posix/folder_owner.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "tests/protocol/posix/temporary_folder.h"

namespace serin::posix {
namespace {

constexpr uid_t kAnother = 4'711;

/// Whether it is true in a process of its own, which may give its rights away.
bool in_a_child(const std::function<bool()>& is_true) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(is_true() ? 0 : 1);
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool is_user(uid_t uid, gid_t gid) {
  return ::getuid() == uid && ::geteuid() == uid && ::getgid() == gid && ::getegid() == gid;
}

// Only root can make a folder another's; for all others nothing happens, which is the rule too.
TEST(FolderOwner, root_becomes_the_owner_of_a_folder_that_is_anothers) {
  const TemporaryFolder folder;
  const bool root = ::geteuid() == 0;
  const uid_t wanted = root ? kAnother : ::getuid();
  const gid_t group = root ? kAnother : ::getgid();
  if (root) {
    ASSERT_EQ(::chown(folder.path().c_str(), kAnother, kAnother), 0);
  }
  EXPECT_TRUE(in_a_child([&] { return become_owner_of(folder.path()) && is_user(wanted, group); }));
  const auto own = check_own_folder(folder.path(), "serin-controller");
  EXPECT_EQ(own.has_value(), !root);
  if (!own) {
    EXPECT_EQ(own.error().text, folder.path().string() +
                                    " belongs to user 4711, and root would leave files in it that this user cannot "
                                    "read: systemctl start serin-controller, or run this as that user");
  }
}

TEST(FolderOwner, nothing_happens_in_a_folder_of_ones_own_or_without_one) {
  const TemporaryFolder folder;
  const uid_t uid = ::getuid();
  const gid_t gid = ::getgid();
  EXPECT_TRUE(in_a_child(
      [&] { return become_owner_of(folder.path()) && become_owner_of(folder / "none") && is_user(uid, gid); }));
  EXPECT_TRUE(check_own_folder(folder.path(), "serin-controller"));
  EXPECT_TRUE(check_own_folder(folder / "none", "serin-controller"));
}

}  // namespace
}  // namespace serin::posix
