#include "agent/apply/hook_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "protocol/limits.h"
#include "protocol/posix/system_clock.h"
#include "protocol/posix/unique_fd.h"
#include "protocol/text.h"

extern char** environ;

namespace serin::apply {

namespace {

using namespace std::chrono_literals;
constexpr Duration kTermGrace = 2s;
constexpr Duration kLook = 50ms;

/// Keeps the first and the last bytes of a long output.
class Output {
 public:
  void add(const char* bytes, std::size_t count) {
    text_.append(bytes, count);
    if (text_.size() <= 2 * limits::kHookOutputBytesKept) return;
    constexpr std::size_t kHalf = limits::kHookOutputBytesKept / 2;
    const std::size_t drop = text_.size() - 2 * kHalf;
    dropped_ += drop;
    text_.erase(kHalf, drop);
  }
  std::string text() && {
    constexpr std::size_t kHalf = limits::kHookOutputBytesKept / 2;
    if (text_.size() > 2 * kHalf) {
      dropped_ += text_.size() - 2 * kHalf;
      text_.erase(kHalf, text_.size() - 2 * kHalf);
    }
    if (dropped_ > 0) text_.insert(kHalf, fmt::format("\n[{} bytes left out]\n", dropped_));
    return std::move(text_);
  }

 private:
  std::string text_;
  std::size_t dropped_ = 0;
};

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!added.contains(std::string(text.substr(0, text.find('='))))) all.emplace_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Starts it with both outputs in `pipe_write`; the errno when that fails.
int spawn(const agent::HookSettings& hook, const std::map<std::string, std::string>& environment, int pipe_write,
          pid_t& child) {
  std::vector<std::string> argv = hook.argv;
  std::vector<std::string> variables = merged_environment(environment);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, pipe_write, 1);
  posix_spawn_file_actions_adddup2(&files, pipe_write, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  const int error = ::posix_spawn(&child, argv.front().c_str(), &files, &attributes, pointers_to(argv).data(),
                                  pointers_to(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

/// Takes what is there; false at the end of the output.
bool drain(int fd, Output& output) {
  char buffer[4'096];
  while (true) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got > 0) {
      output.add(buffer, static_cast<std::size_t>(got));
    } else {
      return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
  }
}

std::int32_t exit_status_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

HookResult run_hook(const agent::HookSettings& hook, const std::map<std::string, std::string>& environment) {
  if (hook.argv.empty()) return {.ok = true};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {.exit_status = 127, .output = "no pipe for its output"};
  const posix::UniqueFd reading(ends[0]);
  posix::UniqueFd writing(ends[1]);
  ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  pid_t child = 0;
  if (const int error = spawn(hook, environment, writing.get(), child); error != 0) {
    return {.exit_status = 127, .output = fmt::format("cannot run {}: {}", hook.argv.front(), std::strerror(error))};
  }
  writing.reset();

  Output output;
  bool open = true;
  bool timed_out = false;
  bool killed = false;
  const SteadyTime deadline = posix::boot_time() + hook.timeout;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    pollfd watched{.fd = reading.get(), .events = POLLIN, .revents = 0};
    ::poll(&watched, open ? 1 : 0, static_cast<int>(kLook.count()));
    if (open) open = drain(reading.get(), output);
    const SteadyTime now = posix::boot_time();
    if (!timed_out && now >= deadline) {
      timed_out = true;
      ::kill(-child, SIGTERM);
    }
    if (timed_out && !killed && now >= deadline + kTermGrace) {
      killed = true;
      ::kill(-child, SIGKILL);
    }
  }
  drain(reading.get(), output);
  HookResult result{.ok = !timed_out && WIFEXITED(status) && WEXITSTATUS(status) == 0,
                    .exit_status = exit_status_of(status),
                    .output = std::move(output).text()};
  if (timed_out) {
    result.output += fmt::format("\nstopped: it did not end within {}", duration_text(hook.timeout));
  }
  return result;
}

}  // namespace serin::apply
