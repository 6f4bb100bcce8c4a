#include "agent/apply/hook_process.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/posix/system_clock.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::apply {

using namespace std::chrono_literals;

namespace {

agent::HookSettings shell(const std::string& script, Duration timeout = 30s) {
  return {.argv = {"/bin/sh", "-c", script}, .timeout = timeout};
}
HookResult run(const std::string& script, Duration timeout = 30s) {
  return run_hook(shell(script, timeout), {});
}
bool is_alive(pid_t process) {
  // A zombie that nobody reaps yet has no command line.
  const auto command = posix::read_file("/proc/" + std::to_string(process) + "/cmdline", 4'096);
  return command && !command->empty();
}
/// A process that was killed is gone soon.
bool ends(pid_t process) {
  const SteadyTime until = posix::boot_time() + 10s;
  while (is_alive(process) && posix::boot_time() < until) ::sched_yield();
  return !is_alive(process);
}
pid_t number_in(const std::filesystem::path& file) {
  pid_t process = 0;
  std::ifstream(file) >> process;
  return process;
}

}  // namespace

TEST(Hook, succeeds_and_gives_both_outputs) {
  const HookResult result = run("echo out; echo err >&2");
  EXPECT_TRUE(result.ok);
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.output, "out\nerr\n");
}

TEST(Hook, that_is_not_configured_succeeds) {
  EXPECT_TRUE(run_hook({}, {}).ok);
}

TEST(Hook, fails_with_its_status_and_output) {
  const HookResult result = run("echo no such pool; exit 7");
  EXPECT_FALSE(result.ok);
  EXPECT_EQ(result.exit_status, 7);
  EXPECT_EQ(result.output, "no such pool\n");
}

TEST(Hook, that_a_signal_ended_fails_with_128_and_the_signal) {
  const HookResult result = run("kill -USR1 $$");
  EXPECT_FALSE(result.ok);
  EXPECT_EQ(result.exit_status, 128 + SIGUSR1);
}

TEST(Hook, that_cannot_be_started_fails_with_127_and_its_name) {
  const HookResult missing = run_hook({.argv = {"/no/such/hook", "x"}}, {});
  EXPECT_FALSE(missing.ok);
  EXPECT_EQ(missing.exit_status, 127);
  EXPECT_EQ(missing.output, "cannot run /no/such/hook: No such file or directory");
  EXPECT_EQ(run_hook({.argv = {"/etc/passwd"}}, {}).output, "cannot run /etc/passwd: Permission denied");
}

TEST(Hook, gets_its_words_as_they_are) {
  EXPECT_EQ(run_hook({.argv = {"/usr/bin/printf", "%s|", "a b", "$HOME", "", "*"}}, {}).output, "a b|$HOME||*|");
}

TEST(Hook, gets_the_agents_environment_with_these_variables) {
  ::setenv("SERIN_TEST_INHERITED", "yes", 1);
  ::setenv("SERIN_RELEASE", "old", 1);
  ::setenv("NOTIFY_SOCKET", "/run/x", 1);
  ::setenv("WATCHDOG_USEC", "5", 1);
  const HookResult result = run_hook(shell("echo $SERIN_TEST_INHERITED $SERIN_RELEASE [$NOTIFY_SOCKET$WATCHDOG_USEC]"),
                                     {{"SERIN_RELEASE", "12"}});
  EXPECT_EQ(result.output, "yes 12 []\n");
  for (const char* name : {"SERIN_TEST_INHERITED", "SERIN_RELEASE", "NOTIFY_SOCKET", "WATCHDOG_USEC"}) ::unsetenv(name);
}

TEST(Hook, reads_nothing_and_has_default_signals) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto ignored = ::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(run("cat; kill -PIPE $$").exit_status, 128 + SIGPIPE);
  EXPECT_EQ(run("kill -TERM $$").exit_status, 128 + SIGTERM);
  ::signal(SIGPIPE, ignored);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(Hook, that_takes_too_long_is_ended_and_told_so) {
  const HookResult result = run("echo begun; sleep 100", 100ms);
  EXPECT_FALSE(result.ok);
  EXPECT_EQ(result.exit_status, 128 + SIGTERM);
  EXPECT_EQ(result.output, "begun\n\nstopped: it did not end within 100ms");
}

TEST(Hook, that_ends_well_after_its_timeout_has_failed_all_the_same) {
  const HookResult result = run("trap 'exit 0' TERM; while :; do sleep 0.01; done", 100ms);
  EXPECT_FALSE(result.ok);
  EXPECT_EQ(result.exit_status, 0);
}

TEST(Hook, that_ignores_sigterm_is_killed_with_its_group) {
  TemporaryFolder folder;
  const std::string file = (folder / "pid").string();
  const SteadyTime before = posix::boot_time();
  const HookResult result = run("trap '' TERM; sleep 100 & echo $! > " + file + "; wait; wait", 100ms);
  EXPECT_EQ(result.exit_status, 128 + SIGKILL);
  EXPECT_LT(posix::boot_time() - before, 10s);
  EXPECT_TRUE(ends(number_in(file)));
}

TEST(Hook, whose_first_process_ends_at_sigterm_leaves_nobody_of_its_group_behind) {
  for (const char* output : {"", ">/dev/null 2>&1"}) {
    TemporaryFolder folder;
    const std::string file = (folder / "pid").string();
    const HookResult result =
        run(std::string("(trap '' TERM; exec sleep 100) ") + output + " & echo $! > " + file + "; sleep 100", 200ms);
    EXPECT_FALSE(result.ok);
    EXPECT_TRUE(ends(number_in(file)));
  }
}

TEST(Hook, does_not_wait_for_what_keeps_its_output_open) {
  TemporaryFolder folder;
  const std::string file = (folder / "pid").string();
  const SteadyTime before = posix::boot_time();
  const HookResult result = run("sleep 100 & echo $! > " + file + "; echo started");
  EXPECT_TRUE(result.ok);
  EXPECT_EQ(result.output, "started\n");
  EXPECT_LT(posix::boot_time() - before, 10s);
  EXPECT_TRUE(is_alive(number_in(file))) << "a daemon that it started goes on";
  ::kill(number_in(file), SIGKILL);
}

TEST(Hook, does_not_wait_for_what_keeps_writing) {
  TemporaryFolder folder;
  const std::string file = (folder / "pid").string();
  EXPECT_TRUE(run("yes & echo $! > " + file).ok);
  ::kill(number_in(file), SIGKILL);
}

TEST(Hook, that_writes_without_end_is_ended_too) {
  const HookResult result = run("yes", 200ms);
  EXPECT_FALSE(result.ok);
  EXPECT_EQ(result.exit_status, 128 + SIGTERM);
}

TEST(Hook, keeps_the_beginning_and_the_end_of_a_long_output) {
  const HookResult result = run("echo first; seq 1 200000; echo last");
  EXPECT_TRUE(result.ok);
  EXPECT_TRUE(result.output.starts_with("first\n1\n2\n"));
  EXPECT_TRUE(result.output.ends_with("200000\nlast\n"));
  EXPECT_NE(result.output.find(" bytes left out]"), std::string::npos);
  EXPECT_LT(result.output.size(), limits::kHookOutputBytesKept + 100);
}

TEST(Hook, keeps_an_output_that_just_fits) {
  const std::string fits = run("head -c 8192 /dev/zero | tr '\\0' x").output;
  EXPECT_EQ(fits, std::string(limits::kHookOutputBytesKept, 'x'));
  const std::string more = run("head -c 8193 /dev/zero | tr '\\0' x").output;
  EXPECT_NE(more.find("\n[1 bytes left out]\n"), std::string::npos);
}

TEST(Hook, output_may_be_any_bytes) {
  EXPECT_EQ(run("printf 'a\\000b\\377\\033[31m'").output, std::string("a\0b\xff\x1b[31m", 9));
}

}  // namespace serin::apply
