#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "agent/apply/slot_dir.h"
#include "protocol/text.h"
#include "tests/agent/apply/local_source.h"
#include "tests/agent/apply/sample_tree.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::apply {

/// One application's slots in a folder of their own, a source that has every tree that was offered, and a clock.
class SlotTest : public testing::Test {
 protected:
  void SetUp() override {
    settings_.name = "shop";
    settings_.live = (folder_ / "current").string();
    open();
  }

  void open() {
    slots_.reset();
    auto opened = SlotDir::open(settings_, [this] { return now_; });
    ASSERT_TRUE(opened) << opened.error().text;
    slots_.emplace(std::move(*opened));
  }

  /// Pulls and builds it once; the slot's name, or the error.
  Result<std::string> build(ReleaseNumber number, const SampleTree& tree) {
    source_.offer(tree);
    const Release release = release_of(number, tree);
    if (const auto pulled = source_.pull(release, *slots_); !pulled) return std::unexpected(pulled.error());
    return slots_->build(release);
  }

  /// As often as the Applier does.
  Result<std::string> build_at_last(ReleaseNumber number, const SampleTree& tree) {
    auto built = build(number, tree);
    for (int again = 0; again < 2 && !built && built.error().kind == ErrorKind::corrupt; ++again) {
      built = build(number, tree);
    }
    return built;
  }

  /// Makes it live, and says where the live tree differs from it; empty: nowhere.
  std::string deploy(ReleaseNumber number, const SampleTree& tree) {
    const auto slot = build_at_last(number, tree);
    if (!slot) return slot.error().text;
    if (const auto linked = slots_->link_to(*slot); !linked) return linked.error().text;
    return difference(settings_.live, tree);
  }

  [[nodiscard]] std::filesystem::path slots_dir() const { return settings_.live + ".slots"; }
  [[nodiscard]] std::filesystem::path own(const std::string& path) const { return slots_dir() / ".serin" / path; }
  [[nodiscard]] static std::string slot(ReleaseNumber number, const SampleTree& tree) {
    return release_of(number, tree).slot_name();
  }
  [[nodiscard]] static ino_t inode(const std::filesystem::path& path) {
    struct stat found{};
    EXPECT_EQ(::lstat(path.c_str(), &found), 0) << path;
    return found.st_ino;
  }
  /// Overwrites in place, whatever the mode, and sets this mtime: what Serin never does.
  static void spoil(const std::filesystem::path& path, const std::string& bytes, std::int64_t mtime_s) {
    std::filesystem::permissions(path, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
    std::ofstream(path, std::ios::binary | std::ios::in) << bytes;
    std::filesystem::permissions(path, std::filesystem::perms::owner_write, std::filesystem::perm_options::remove);
    const timespec times[2] = {{.tv_sec = mtime_s, .tv_nsec = 0}, {.tv_sec = mtime_s, .tv_nsec = 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  [[nodiscard]] std::size_t files_in(const std::string& own_folder) const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(own(own_folder))) ++count;
    return count;
  }

  TemporaryFolder folder_;
  agent::ApplicationSettings settings_;
  SteadyTime now_{std::chrono::hours{1}};
  LocalSource source_;
  std::optional<SlotDir> slots_;
};

}  // namespace serin::apply
