#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <map>
#include <mutex>

#include "controller/release/release_dir.h"
#include "protocol/limits.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::release {

/// A source and a state folder; the clock stands an hour ahead, so that every file is old enough for the cache.
class BuildFixture : public testing::Test {
 protected:
  BuildFixture() {
    std::filesystem::create_directory(source());
    reopen();
  }

  [[nodiscard]] std::filesystem::path source() const { return folder_ / "source"; }
  [[nodiscard]] std::filesystem::path state() const { return folder_ / "state"; }
  [[nodiscard]] std::filesystem::path cache_file() const { return state() / "scan" / "app"; }

  /// As after a restart of the daemon.
  void reopen() {
    auto opened = ReleaseDir::open(state(), {.wall_seconds = [this] { return wall_seconds_; },
                                             .opened_to_read =
                                                 [this](const std::string& path) {
                                                   const std::lock_guard lock(read_mutex_);
                                                   read_.push_back(path);
                                                   if (on_read_) on_read_(path);
                                                 },
                                             .threads = threads_});
    ASSERT_TRUE(opened) << opened.error().text;
    releases_ = std::make_unique<ReleaseDir>(std::move(*opened));
  }

  void write(const std::string& path, const std::string& bytes, mode_t mode = 0644) const {
    const auto file = source() / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
  }
  void link(const std::string& path, const std::string& target) const {
    std::filesystem::create_symlink(target, source() / path);
  }
  void remove(const std::string& path) const { std::filesystem::remove_all(source() / path); }
  void set_mtime(const std::string& path, std::int64_t seconds) const {
    const timespec times[2] = {{seconds, 0}, {seconds, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (source() / path).c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }

  /// Changes to be seen against `base`, which may be default: none.
  [[nodiscard]] BuildRequest request(const BuildResult& base = {}, std::vector<std::string> paths = {}) const {
    return {.application = "app",
            .source = source().string(),
            .exclude = exclude_,
            .paths = std::move(paths),
            .base = base.root,
            .base_files = base.files,
            .base_bytes = base.bytes,
            .delete_limit_percent = 100};
  }
  Result<BuildResult> try_build(const BuildResult& base = {}, std::vector<std::string> paths = {}) {
    read_.clear();
    return releases_->build(request(base, std::move(paths)));
  }
  BuildResult build(const BuildResult& base = {}, std::vector<std::string> paths = {}) {
    auto built = try_build(base, std::move(paths));
    EXPECT_TRUE(built) << built.error().text;
    return built.value_or(BuildResult{});
  }
  Error refusal(const BuildResult& base = {}, std::vector<std::string> paths = {}) {
    const auto built = try_build(base, std::move(paths));
    EXPECT_FALSE(built);
    return built ? Error{} : built.error();
  }

  [[nodiscard]] posix::ObjectReader store() const { return posix::ObjectReader(state()); }
  [[nodiscard]] Tree tree(const ObjectId& id) const {
    const auto bytes = store().read(id, limits::kTreeObjectBytesMax);
    EXPECT_TRUE(bytes) << bytes.error().text;
    return decode_tree(bytes.value_or("")).value_or(Tree{});
  }
  /// Every path of the release and what is there.
  [[nodiscard]] std::map<std::string, TreeEntry> paths_of(const ObjectId& root, const std::string& above = "") const {
    std::map<std::string, TreeEntry> all;
    for (const TreeEntry& entry : tree(root).entries) {
      const std::string path = above + entry.name;
      all[path] = entry;
      if (entry.kind == EntryKind::folder) all.merge(paths_of(entry.id, path + "/"));
    }
    return all;
  }
  /// The same in words: "a.txt=hello", "bin/x*=...", "empty/", "l->a.txt".
  [[nodiscard]] std::vector<std::string> words_of(const ObjectId& root) const {
    std::vector<std::string> words;
    for (const auto& [path, entry] : paths_of(root)) {
      if (entry.kind == EntryKind::folder) {
        if (tree(entry.id).entries.empty()) words.push_back(path + "/");
      } else if (entry.kind == EntryKind::symlink) {
        words.push_back(path + "->" + entry.target);
      } else {
        const std::string mark = entry.kind == EntryKind::executable ? "*=" : "=";
        words.push_back(path + mark + store().read(entry.id, 1U << 20).value_or("missing"));
      }
    }
    return words;
  }

  /// In memory where there is such a place: each store begins with 256 folders.
  TemporaryFolder folder_{std::filesystem::is_directory("/dev/shm") ? "/dev/shm"
                                                                    : std::filesystem::temp_directory_path()};
  std::unique_ptr<ReleaseDir> releases_;
  std::vector<std::string> exclude_;
  unsigned threads_ = 1;  ///< from the next reopen() on
  std::mutex read_mutex_;
  std::vector<std::string> read_;  ///< paths opened by the last build
  std::function<void(const std::string& path)> on_read_;
  std::int64_t wall_seconds_ = std::chrono::floor<std::chrono::seconds>(
                                   (std::chrono::system_clock::now() + std::chrono::hours{1}).time_since_epoch())
                                   .count();
};

}  // namespace serin::release
