#include "controller/operate/announce_process.h"

#include <fcntl.h>
#include <spawn.h>

#include <csignal>

#include "protocol/posix/files.h"

extern char** environ;

namespace serin::operate {

Result<void> announce(const std::vector<std::string>& argv, const std::string& kind, const std::string& application,
                      const std::string& text) {
  std::vector<std::string> words = argv;
  words.insert(words.end(), {kind, application, text});
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  // What a process ignores, its children ignore: a hook that waits for its own children needs SIGCHLD.
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int signal : {SIGCHLD, SIGPIPE, SIGINT, SIGTERM, SIGHUP}) sigaddset(&defaults, signal);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, words.front().c_str(), &files, &attributes, pointers.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return std::unexpected(posix::errno_error("run the announce hook " + words.front(), error));
  return {};
}

void ignore_children() {
  ::signal(SIGCHLD, SIG_IGN);
}

}  // namespace serin::operate
