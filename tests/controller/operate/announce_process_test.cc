#include "controller/operate/announce_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/protocol/posix/temporary_folder.h"

namespace serin::operate {
namespace {

using ::testing::HasSubstr;

/// A hook that tells a pipe what it was given; reading the pipe waits for it.
class Hook {
 public:
  explicit Hook(const std::string& script) {
    if (::mkfifo((folder_ / "told").c_str(), 0600) != 0) throw std::runtime_error("mkfifo");
    std::ofstream(folder_ / "hook") << "#!/bin/sh\n{\n" << script << "\n} >\"$1\"\n";
    std::filesystem::permissions(folder_ / "hook", std::filesystem::perms::owner_all);
  }
  [[nodiscard]] std::vector<std::string> argv() const { return {folder_ / "hook", folder_ / "told"}; }
  [[nodiscard]] std::string told() const {
    std::ifstream pipe(folder_ / "told");
    std::stringstream text;
    text << pipe.rdbuf();
    return text.str();
  }

 private:
  TemporaryFolder folder_;
};

TEST(Announce, runs_the_hook_with_its_own_words_and_those_of_the_news) {
  const Hook hook("shift; printf '%s|' \"$#\" \"$@\"");
  auto argv = hook.argv();
  argv.emplace_back("#deploys");
  ASSERT_TRUE(announce(argv, "finish", "shop", "released r2 on 12 of 12 hosts; it's \"done\" $HOME"));
  EXPECT_EQ(hook.told(), "4|#deploys|finish|shop|released r2 on 12 of 12 hosts; it's \"done\" $HOME|");
}

TEST(Announce, the_hook_has_no_input_and_a_session_of_its_own) {
  const Hook hook("cat; cut -d' ' -f1,6 /proc/self/stat >/dev/null; ps -o sid= -p $$ | tr -d ' '; echo $$");
  ASSERT_TRUE(announce(hook.argv(), "start", "shop", ""));
  std::istringstream lines(hook.told());
  std::string session;
  std::string process;
  lines >> session >> process;
  EXPECT_EQ(session, process);
}

TEST(Announce, the_hook_begins_with_the_signals_of_any_program_whatever_the_daemon_does_with_them) {
  const Hook hook("");  // only its pipe: a shell changes signals before it can be asked
  ignore_children();
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  const auto run = announce({"/bin/dd", "if=/proc/self/status"}, "of=" + hook.argv().back(), "status=none", "bs=64k");
  const std::string told = run ? hook.told() : "";
  ::pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGCHLD, SIG_DFL);
  EXPECT_THAT(told, HasSubstr("SigBlk:\t0000000000000000"));
  std::istringstream words(told.substr(told.find("SigIgn:") + 7));
  unsigned long ignored = ~0UL;
  words >> std::hex >> ignored;
  EXPECT_EQ(ignored & (1UL << (SIGCHLD - 1) | 1UL << (SIGPIPE - 1)), 0U) << told;
}

TEST(Announce, a_hook_that_cannot_be_run_is_named) {
  const auto run = announce({"/no/such/hook"}, "start", "shop", "text");
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().kind, ErrorKind::not_found);
  EXPECT_EQ(run.error().text, "run the announce hook /no/such/hook: No such file or directory");
}

}  // namespace
}  // namespace serin::operate
