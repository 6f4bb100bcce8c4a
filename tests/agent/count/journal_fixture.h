#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "agent/count/error_counter.h"
#include "agent/count/journald_file.h"
#include "protocol/posix/system_clock.h"

namespace serin::count {

/// A folder of real journal files, which systemd-journal-remote writes, and a follower of php.service with the rule
/// ERROR. Entries are as old as the test says.
class JournalTest : public testing::Test {
 protected:
  using Fields = std::map<std::string, std::string>;

  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "serin-journal-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    source_.journal = {"php.service"};
    source_.journal_dir = folder_.string();
    application_.rules = {{.name = "error", .match = "ERROR", .unless = ""}};
    counter_.advance(now_);
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  /// An entry of php.service; `fields` replace or add to what it has.
  std::string entry(const std::string& message, const Fields& fields = {}) {
    Fields all = {{"_SYSTEMD_UNIT", "php.service"},
                  {"PRIORITY", "3"},
                  {"SYSLOG_IDENTIFIER", "php"},
                  {"_PID", "12"},
                  {"MESSAGE", message}};
    for (const auto& [name, value] : fields) all[name] = value;
    // None has the time of another: what is older than the last one read is told by it.
    const auto number = ++written_;
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>((posix::wall_time() - age_).time_since_epoch());
    std::string text =
        fmt::format("__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={:032x}\n",
                    static_cast<std::uint64_t>(micros.count()) + number, 1'000 + number - boot_began_, boot_);
    for (const auto& [name, value] : all) {
      if (value.find_first_of(std::string_view("\n\0", 2)) == std::string::npos) {
        text += fmt::format("{}={}\n", name, value);
      } else {
        text.append(name).append("\n");
        for (unsigned shift = 0; shift < 64; shift += 8) text += static_cast<char>((value.size() >> shift) & 0xFFU);
        text.append(value).append("\n");
      }
    }
    return text + "\n";
  }

  /// Monotonic time begins again.
  void reboot() {
    ++boot_;
    boot_began_ = written_;
  }

  /// Appends entries to a journal file of this name.
  void write(const std::string& entries, const std::string& file = "a.journal") const {
    const auto command = fmt::format("/lib/systemd/systemd-journal-remote -o '{}' - 2>'{}'", (folder_ / file).string(),
                                     (folder_ / "errors").string());
    // NOLINTNEXTLINE(*-command-processor): the folder is our own.
    std::FILE* const pipe = ::popen(command.c_str(), "w");
    ASSERT_NE(pipe, nullptr);
    ASSERT_EQ(std::fwrite(entries.data(), 1, entries.size(), pipe), entries.size());
    ASSERT_EQ(::pclose(pipe), 0) << command;
  }

  JournalFollower open(const std::string& cursor = "") {
    auto follower = JournalFollower::open(source_, cursor);
    if (!follower) throw std::runtime_error(follower.error().text);
    auto matcher = SourceMatcher::compile(source_, application_);
    if (!matcher) throw std::runtime_error(matcher.error().text);
    matcher_.emplace(std::move(*matcher));
    return std::move(*follower);
  }

  /// Reads until nothing is left; how often it was asked, at most 50 times.
  int read_all(JournalFollower& follower) {
    for (int turn = 1; turn <= 50; ++turn) {
      const auto more = follower.read(*matcher_, now_, counter_);
      EXPECT_TRUE(more) << more.error().text;
      if (!more || !*more) return turn;
    }
    ADD_FAILURE() << "does not come to an end";
    return 0;
  }

  /// Whatever comes of it.
  void look(JournalFollower& follower) {
    if (const auto more = follower.read(*matcher_, now_, counter_); !more) last_error_ = more.error().text;
  }

  /// What was not seen, up to now.
  std::string gaps() {
    now_ += std::chrono::seconds{1};
    counter_.advance(now_);
    return counter_.gaps_since(0);
  }

  std::filesystem::path folder_;
  agent::SourceSettings source_;
  agent::ApplicationSettings application_{.name = "shop"};
  std::optional<SourceMatcher> matcher_;
  ErrorCounter counter_;
  SteadyTime now_ = start_of(100);
  Duration age_{};
  std::string last_error_;
  std::uint64_t written_ = 0;
  unsigned boot_ = 0xB007;
  std::uint64_t boot_began_ = 0;  ///< entries written before it
};

}  // namespace serin::count
