#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/protocol/posix/temporary_folder.h"

namespace serin::testing {

/// A filesystem of a few pages in the calling thread's own mount namespace, which goes with it; threads that are
/// started later see it too. Without root in a user namespace of its own, which needs a process with one thread.
class SmallDisk {
 public:
  explicit SmallDisk(std::size_t bytes) {
    const uid_t uid = ::getuid();
    if (::unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) fail("unshare");
    if (uid != 0) std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail("make mounts private");
    const std::string options = "size=" + std::to_string(bytes);
    if (::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, options.c_str()) != 0) fail("mount a tmpfs");
  }
  ~SmallDisk() { ::umount2(folder_.path().c_str(), MNT_DETACH); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }

  /// Writes to a file of its own until nothing more fits.
  void fill() {
    std::ofstream file(folder_ / "filler", std::ios::app);
    while (file << std::string(512, 'x') << std::flush) {
    }
  }
  void free() { std::filesystem::remove(folder_ / "filler"); }

 private:
  [[noreturn]] static void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }
  TemporaryFolder folder_;
};

}  // namespace serin::testing
