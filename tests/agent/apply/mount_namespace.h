#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "protocol/posix/unique_fd.h"

namespace serin {

/// Runs this in a child with a mount namespace of its own (and a user namespace where the test is not root), so that it
/// may mount; gives what it returned, or why it could not run. All mounts end with it.
inline std::string in_mount_namespace(const std::function<std::string()>& function) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const posix::UniqueFd reading(ends[0]);
  posix::UniqueFd writing(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string text;
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
      text = "unshare is not allowed";
    } else if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      text = "mounts cannot be made private";
    } else {
      text = function();
    }
    const bool told = ::write(writing.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::_exit(told ? 0 : 1);
  }
  writing.reset();
  std::string text;
  char buffer[4'096];
  for (ssize_t got = 0; (got = ::read(reading.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) text += " (it crashed)";
  return text;
}

}  // namespace serin
