#include "tests/agent/apply/crash_points.h"

#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <stdexcept>

namespace {

std::uint64_t calls_left = 0;  // 0: nobody counts

void count() {
  if (calls_left == 0) return;
  --calls_left;
  if (calls_left != 0) return;
  ::kill(::getpid(), SIGKILL);
  while (true) ::pause();
}

template <class... Arguments>
auto counted(long number, Arguments... arguments) {
  count();
  return ::syscall(number, arguments...);
}

}  // namespace

// In front of the C library's own, for everything in this program.
extern "C" {
ssize_t write(int fd, const void* bytes, size_t size) {
  return counted(SYS_write, fd, bytes, size);
}
int fsync(int fd) {
  return static_cast<int>(counted(SYS_fsync, fd));
}
int syncfs(int fd) noexcept {
  return static_cast<int>(counted(SYS_syncfs, fd));
}
int rename(const char* from, const char* to) noexcept {
  return static_cast<int>(counted(SYS_rename, from, to));
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  return static_cast<int>(counted(SYS_renameat, from_folder, from, to_folder, to));
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  return static_cast<int>(counted(SYS_renameat2, from_folder, from, to_folder, to, flags));
}
int link(const char* from, const char* to) noexcept {
  return static_cast<int>(counted(SYS_link, from, to));
}
int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) noexcept {
  return static_cast<int>(counted(SYS_linkat, from_folder, from, to_folder, to, flags));
}
int unlink(const char* path) noexcept {
  return static_cast<int>(counted(SYS_unlink, path));
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  return static_cast<int>(counted(SYS_unlinkat, folder, path, flags));
}
int symlink(const char* target, const char* path) noexcept {
  return static_cast<int>(counted(SYS_symlink, target, path));
}
int symlinkat(const char* target, int folder, const char* path) noexcept {
  return static_cast<int>(counted(SYS_symlinkat, target, folder, path));
}
int mkdir(const char* path, mode_t mode) noexcept {
  return static_cast<int>(counted(SYS_mkdir, path, mode));
}
int mkdirat(int folder, const char* path, mode_t mode) noexcept {
  return static_cast<int>(counted(SYS_mkdirat, folder, path, mode));
}
}

namespace serin::crash {

bool killed_at(std::uint64_t point, const std::function<void()>& function) {
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork");
  if (child == 0) {
    calls_left = point;
    function();
    calls_left = 0;
    ::_exit(0);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child) throw std::runtime_error("waitpid");
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("the child failed by itself");
  return false;
}

}  // namespace serin::crash
