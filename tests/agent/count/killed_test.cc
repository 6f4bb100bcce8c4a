// An agent that is killed at any moment while a log grows and is rotated: what it has reported at the end is the truth.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include "agent/agent_core.h"
#include "agent/count/counted_logs_file.h"
#include "protocol/posix/files.h"
#include "protocol/posix/system_clock.h"
#include "protocol/wire.h"
#include "tests/agent/count/log_fixture.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;

/// A second of the agent passes in 1/kFaster of one, so that many reports leave between two kills.
constexpr int kFaster = 50;
Now fast_clocks() {
  const auto steady = std::chrono::steady_clock::now().time_since_epoch();
  return {SteadyTime{std::chrono::duration_cast<Duration>(steady * kFaster)}, posix::wall_time()};
}

class KilledAgent : public testing::Test {
 protected:
  [[nodiscard]] agent::AgentSettings settings() const {
    agent::AgentSettings settings;
    settings.controller_keys = {std::string(32, 'c')};
    agent::ApplicationSettings shop;
    shop.name = "shop";
    shop.sources = {{.path = log_}};
    shop.rules = {{.name = "error", .match = "ERROR", .unless = ""}};
    settings.applications["shop"] = shop;
    return settings;
  }

  /// What the agent's loop does, with a pipe for the controller. In a child, until it is killed.
  void run_agent(int reports, int stop_after_ticks) const {
    CountedLogs logs(settings(), {.folder = folder_.path(), .boot_id = "boot", .new_run = "run", .now = fast_clocks()});
    if (!logs.warning().empty()) ::_exit(3);
    agent::AgentCore core(settings(), {.public_key = std::string(32, 'k'), .instance = "run", .boot_id = "boot"}, 1,
                          fast_clocks(), logs.resumed());
    std::uint64_t hello = 0;
    const auto perform = [&](const agent::Effects& effects) {
      for (const auto& effect : effects) {
        if (const auto* save = std::get_if<agent::SaveCounts>(&effect)) {
          if (!logs.save(save->checkpoint)) ::_exit(4);
        }
        const auto* send = std::get_if<agent::SendMessage>(&effect);
        if (send == nullptr) continue;
        if (std::holds_alternative<Hello>(send->envelope.message)) hello = send->envelope.header.request;
        if (const auto* report = std::get_if<Report>(&send->envelope.message))
          say(reports, *report, core.counter("shop").totals());
      }
    };
    const auto connect = [&] {
      perform(core.on_link_up(fast_clocks()));
      perform(core.on_message({.header = {.reply_to = hello}, .message = Welcome{.session = 1}}, fast_clocks()));
    };
    for (int tick = 0; tick != stop_after_ticks; ++tick) {
      perform(core.on_tick(fast_clocks()));
      if (!core.ready()) connect();
      perform(core.on_message({.header = {.session = 1}, .message = HeartbeatReply{}}, fast_clocks()));
      while (logs.read("shop", fast_clocks().steady, core.counter("shop"))) continue;
      std::this_thread::sleep_for(250ms / kFaster);
    }
    perform(core.on_stop(fast_clocks()));
  }
  /// One write: nothing of a report arrives, or all of it.
  static void say(int reports, const Report& report, const RunTotals& totals) {
    const auto line = fmt::format("{} {} {} {}\n", report.run, report.sequence, totals.errors, totals.lines);
    if (::write(reports, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(5);
  }

  /// Runs it until `killed_after` has passed, meanwhile writing the log; or to its own end.
  void run(std::chrono::microseconds killed_after, int stop_after_ticks = -1) {
    const posix::UniqueFd reports(
        ::open((folder_ / "reports").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      run_agent(reports.get(), stop_after_ticks);
      ::_exit(0);
    }
    if (stop_after_ticks < 0) {
      rotated_ = false;
      const auto until = std::chrono::steady_clock::now() + killed_after;
      while (std::chrono::steady_clock::now() < until) write_some();
      ::kill(child, SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    const bool as_wished = stop_after_ticks < 0 ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0;
    ASSERT_TRUE(as_wished) << "status " << status;
  }
  /// Some lines in pieces of any length; at most one rotation between two kills.
  void write_some() {
    std::string text;
    for (auto lines = random_() % 20; lines > 0; --lines) {
      const bool is_error = random_() % 3 == 0;
      text += fmt::format("{} {} {}\n", lines_, is_error ? "ERROR" : "fine", std::string(random_() % 100, 'x'));
      ++lines_;
      errors_ += is_error ? 1U : 0U;
    }
    const LogWriter writer(log_);
    if (random_() % 100 == 0 && !std::exchange(rotated_, true)) rotate();  // the writer keeps its file
    for (std::string_view left = text; !left.empty();) {
      const auto piece = left.substr(0, 1 + random_() % 300);
      writer.write(piece);
      left.remove_prefix(piece.size());
    }
    std::this_thread::sleep_for(std::chrono::microseconds{200});
  }
  /// All are kept: a busy machine may give the agent no time between many kills.
  void rotate() {
    if (!std::filesystem::exists(log_)) return;
    for (int n = ++rotations_; n >= 1; --n) {
      std::filesystem::rename(n == 1 ? log_ : fmt::format("{}.{}", log_, n - 1), fmt::format("{}.{}", log_, n));
    }
  }

  /// The controller's ledger: the totals of the newest report of each run, added.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> reported() const {
    std::map<std::string, std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>> runs;
    std::istringstream all(*posix::read_file(folder_ / "reports", 64U << 20U));
    std::string run;
    std::uint64_t sequence = 0, errors = 0, lines = 0;
    while (all >> run >> sequence >> errors >> lines) {
      auto& newest = runs[run];
      if (sequence > std::get<0>(newest)) newest = {sequence, errors, lines};
    }
    EXPECT_LE(runs.size(), 1U) << "one run over all restarts";
    std::pair<std::uint64_t, std::uint64_t> sum;
    for (const auto& [name, newest] : runs) {
      sum.first += std::get<1>(newest);
      sum.second += std::get<2>(newest);
    }
    return sum;
  }

  TemporaryFolder folder_{std::filesystem::is_directory("/dev/shm") ? "/dev/shm"
                                                                    : std::filesystem::temp_directory_path()};
  std::string log_ = (folder_ / "a.log").string();
  std::mt19937 random_{20'261};
  std::uint64_t lines_ = 0, errors_ = 0;
  bool rotated_ = false;
  int rotations_ = 0;
};

TEST_F(KilledAgent, two_hundred_times_at_any_moment_it_has_reported_each_line_once) {
  LogWriter(log_).write("ERROR before the agent\n");
  ASSERT_NO_FATAL_FAILURE(run({}, 8));
  for (int kill = 0; kill < 200; ++kill) {
    ASSERT_NO_FATAL_FAILURE(run(std::chrono::microseconds{random_() % 60'000}));
  }
  ASSERT_NO_FATAL_FAILURE(run({}, 60));
  EXPECT_GT(lines_, 5'000U);
  EXPECT_EQ(reported(), (std::pair{errors_, lines_}));
}

}  // namespace
}  // namespace serin::count
