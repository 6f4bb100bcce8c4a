#include "agent/apply/hook_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
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
constexpr Duration kKillGrace = 5s;
constexpr std::size_t kReadBytes = 4U << 10;
/// At one turn, so that a hook which writes without end is stopped in time: twice what a pipe holds.
constexpr std::size_t kReadsPerTurn = 32;

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

bool is_for_the_agent_alone(std::string_view variable) {
  return variable == "NOTIFY_SOCKET" || variable.starts_with("WATCHDOG_") || variable.starts_with("LISTEN_");
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string name(text.substr(0, text.find('=')));
    if (!added.contains(name) && !is_for_the_agent_alone(name)) all.emplace_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(fmt::format("{}={}", name, value));
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
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
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  for (const int each : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD}) sigaddset(&signals, each);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int error = ::posix_spawn(&child, argv.front().c_str(), &files, &attributes, pointers_to(argv).data(),
                                  pointers_to(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

/// Takes what is there, within bounds; false at the end of the output.
bool drain(int fd, Output& output) {
  std::array<char, kReadBytes> buffer;
  for (std::size_t turn = 0; turn < kReadsPerTurn; ++turn) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    output.add(buffer.data(), static_cast<std::size_t>(got));
  }
  return true;
}

/// A started hook, until it has ended. Its number belongs to it as long as it is not reaped.
class Running {
 public:
  Running(pid_t child, posix::UniqueFd pipe, Duration timeout)
      : child_(child),
        pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, child, 0))),
        pipe_(std::move(pipe)),
        timeout_at_(posix::boot_time() + timeout) {}

  HookResult wait(Duration timeout) && {
    while (!over()) {
      watch();
      act();
    }
    if (open_) drain(pipe_.get(), output_);
    // What is left of its group had its time to end by itself.
    if (timed_out_) ::kill(-child_, SIGKILL);
    HookResult result{.exit_status = 128 + SIGKILL, .output = std::move(output_).text()};
    int status = 0;
    if (::waitpid(child_, &status, WNOHANG) == child_) {
      result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      result.ok = !timed_out_ && result.exit_status == 0;
    }
    if (timed_out_) result.output += fmt::format("\nstopped: it did not end within {}", duration_text(timeout));
    if (!ended_) result.output += fmt::format("\nprocess {} cannot be killed and is left behind", child_);
    return result;
  }

 private:
  [[nodiscard]] bool over() const {
    if (ended_ && !timed_out_) return true;
    if (ended_ && (killed_ || !open_)) return true;
    return killed_ && posix::boot_time() >= timeout_at_ + kTermGrace + kKillGrace;
  }
  [[nodiscard]] SteadyTime next_act() const {
    if (!timed_out_) return timeout_at_;
    return timeout_at_ + kTermGrace + (killed_ ? kKillGrace : Duration{});
  }
  /// Until something happens or is to be done.
  void watch() {
    std::array<pollfd, 2> watched{pollfd{.fd = open_ ? pipe_.get() : -1, .events = POLLIN, .revents = 0},
                                  pollfd{.fd = ended_ ? -1 : pidfd_.get(), .events = POLLIN, .revents = 0}};
    // Without a descriptor of the process its end is looked for now and then.
    const Duration left = std::clamp<Duration>(next_act() - posix::boot_time(), 0ms, pidfd_ ? Duration{1h} : 50ms);
    ::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
    if (watched[0].revents != 0) open_ = drain(pipe_.get(), output_);
    siginfo_t info{};
    ended_ = ended_ || (::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                        info.si_pid == child_);
  }
  void act() {
    const SteadyTime now = posix::boot_time();
    if (ended_ && !timed_out_) return;
    if (!timed_out_ && now >= timeout_at_) {
      timed_out_ = true;
      ::kill(-child_, SIGTERM);
    }
    if (timed_out_ && !killed_ && now >= timeout_at_ + kTermGrace) {
      killed_ = true;
      ::kill(-child_, SIGKILL);
    }
  }

  pid_t child_;
  posix::UniqueFd pidfd_;
  posix::UniqueFd pipe_;
  SteadyTime timeout_at_;
  Output output_;
  bool open_ = true, ended_ = false, timed_out_ = false, killed_ = false;
};

}  // namespace

HookResult run_hook(const agent::HookSettings& hook, const std::map<std::string, std::string>& environment) {
  if (hook.argv.empty()) return {.ok = true};
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return {.exit_status = 127, .output = fmt::format("no pipe for its output: {}", std::strerror(errno))};
  }
  posix::UniqueFd reading(ends[0]);
  posix::UniqueFd writing(ends[1]);
  ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  pid_t child = 0;
  if (const int error = spawn(hook, environment, writing.get(), child); error != 0) {
    return {.exit_status = 127, .output = fmt::format("cannot run {}: {}", hook.argv.front(), std::strerror(error))};
  }
  writing.reset();
  return Running(child, std::move(reading), hook.timeout).wait(hook.timeout);
}

}  // namespace serin::apply
