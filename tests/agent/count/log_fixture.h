#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/count/error_counter.h"
#include "agent/count/log_file.h"
#include "protocol/posix/unique_fd.h"

namespace serin::count {

/// Writes like a daemon: each write(2) appends, under whatever name the file has by now.
class LogWriter {
 public:
  explicit LogWriter(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)) {
    EXPECT_TRUE(fd_) << path;
  }
  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto written = ::write(fd_.get(), bytes.data(), bytes.size());
      ASSERT_GT(written, 0);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void truncate() const { ASSERT_EQ(::ftruncate(fd_.get(), 0), 0); }

 private:
  posix::UniqueFd fd_;
};

/// Root may read everything, so the test becomes somebody else for a while.
class Unprivileged {
 public:
  Unprivileged() { EXPECT_TRUE(!was_root_ || ::seteuid(65'534) == 0); }
  ~Unprivileged() { EXPECT_TRUE(!was_root_ || ::seteuid(0) == 0); }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

 private:
  bool was_root_ = ::geteuid() == 0;
};

/// A folder for logs, a follower with the rule ERROR, and a clock that the test moves.
class LogTest : public testing::Test {
 protected:
  struct Counts {
    std::uint64_t lines = 0, errors = 0;
    friend bool operator==(const Counts&, const Counts&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Counts& counts) {
      return out << counts.lines << " lines, " << counts.errors << " errors";
    }
  };

  void SetUp() override {
    // In memory where that can be: files there are ordinary ones, and the kernel tells of their changes.
    const std::filesystem::path memory = "/dev/shm";
    const bool in_memory = std::filesystem::is_directory(memory);
    std::string name = ((in_memory ? memory : std::filesystem::temp_directory_path()) / "serin-count-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, std::string_view bytes) const { LogWriter(path(name)).write(bytes); }
  void rename(const std::string& from, const std::string& to) const { std::filesystem::rename(path(from), path(to)); }
  /// a.log is rotated twice, with one error in the file that nobody could look at, and one in the newest.
  void rotate_unseen() const {
    rename("a.log.1", "a.log.2");
    write("a.log", "ERROR 2\n");
    rename("a.log", "a.log.1");
    write("a.log", "ERROR 3\n");
  }

  [[nodiscard]] LogFollower follow(const std::vector<std::string>& names,
                                   std::unique_ptr<ChangeWatch> changes = make_inotify_watch()) const {
    agent::ApplicationSettings application;
    application.name = "shop";
    application.rules = {{.name = "error", .match = "ERROR", .unless = ""}};
    for (const auto& name : names) application.sources.push_back({.path = path(name)});
    return LogFollower(application, std::move(changes));
  }

  /// One turn, with as many calls as it asks for; what it counted comes on top of counted_.
  void turn(LogFollower& follower, Duration after = std::chrono::milliseconds{250}) {
    now_ += after;
    while (follower.read(now_, counter_)) continue;
  }
  /// Everything that was counted so far, in the second in which it was written.
  [[nodiscard]] Counts counted() const {
    Counts sum;
    for (const auto& second : counter_.state(0).seconds) {
      sum.lines += second.lines;
      sum.errors += second.errors;
    }
    return sum;
  }
  /// The same with what belongs to no second.
  [[nodiscard]] Counts total() const { return {counter_.totals().lines, counter_.totals().errors}; }
  [[nodiscard]] Counts late() const { return {counter_.totals().late_lines, counter_.totals().late_errors}; }
  [[nodiscard]] std::string gaps() const {
    std::string all;
    for (const auto& gap : counter_.state(0).gaps) {
      if (all.find(gap.text) == std::string::npos) all += (all.empty() ? "" : "; ") + gap.text;
    }
    return all;
  }

  std::filesystem::path folder_;
  ErrorCounter counter_;
  SteadyTime now_{std::chrono::seconds{1'000}};
};

}  // namespace serin::count
