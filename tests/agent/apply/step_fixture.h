#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "agent/apply/applier_process.h"
#include "agent/apply/journal_file.h"
#include "protocol/posix/files.h"
#include "tests/agent/apply/local_source.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::apply {

/// One application with a reload hook that writes each release that it loads into a file and fails for those in
/// fail-RELEASE files; and releases of small trees.
class StepTest : public testing::Test {
 protected:
  void SetUp() override {
    settings_.name = "shop";
    settings_.live = (folder_ / "current").string();
    settings_.reload.argv = {"/bin/sh", "-c",
                             "echo $SERIN_RELEASE >> " + (folder_ / "loads").string() +
                                 "; cat $SERIN_LIVE/index; test ! -e " + (folder_ / "fail-").string() +
                                 "$SERIN_RELEASE"};
    for (ReleaseNumber number = 1; number <= 4; ++number) source_.offer(tree(number));
  }

  static SampleTree tree(ReleaseNumber number) {
    return {{"index", file("release " + std::to_string(number))}, {"lib/a", file("a")}, {"run", program("r")}};
  }
  static Release release(ReleaseNumber number) { return release_of(number, tree(number)); }
  static Order order(ReleaseNumber number, std::uint32_t sequence, OrderAction action = OrderAction::activate) {
    return {.application = "shop",
            .id = {5, sequence},
            .action = action,
            .release = {.record = encode_release(release(number)), .signature = "s"}};
  }
  void fail_hook_of(ReleaseNumber number) const { std::ofstream(folder_ / ("fail-" + std::to_string(number))) << ""; }
  void mend_hook_of(ReleaseNumber number) const {
    std::filesystem::remove(folder_ / ("fail-" + std::to_string(number)));
  }
  /// What the hook loaded so far: "1 2 1 ".
  [[nodiscard]] std::string loads() const {
    auto text = posix::read_file(folder_ / "loads", 1U << 20).value_or("");
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
  }
  /// The release whose whole tree is live; 0: none.
  [[nodiscard]] ReleaseNumber live() const {
    for (ReleaseNumber number = 1; number <= 4; ++number) {
      if (difference(settings_.live, tree(number)).empty()) return number;
    }
    return 0;
  }
  [[nodiscard]] std::filesystem::path journal_path() const { return folder_ / "state/journal/shop"; }
  [[nodiscard]] StepJournal journal() const { return JournalFile(journal_path()).load().value(); }
  static Now now() { return {.steady = SteadyTime{std::chrono::hours{1}}}; }

  TemporaryFolder folder_;
  agent::ApplicationSettings settings_;
  LocalSource source_;
};

}  // namespace serin::apply
