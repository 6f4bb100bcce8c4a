#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/controller/release/build_fixture.h"

namespace serin::release {
namespace {

using testing::HasSubstr;

constexpr uid_t kNobody = 65534;

/// Root may read everything: as long as this lives the process is nobody. Without root it is what it is.
class AsNobody {
 public:
  AsNobody() {
    if (::geteuid() != 0) return;
    EXPECT_EQ(::setegid(kNobody), 0);
    EXPECT_EQ(::seteuid(kNobody), 0);
    switched_ = true;
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
  ~AsNobody() {
    if (!switched_) return;
    EXPECT_EQ(::seteuid(0), 0);
    EXPECT_EQ(::setegid(0), 0);
  }

 private:
  bool switched_ = false;
};

/// Each refusal is one line that names the thing and the remedy.
class ReleaseRefusalsTest : public BuildFixture {
 protected:
  void expect_refused(const std::string& path, const std::string& why, const std::string& remedy) {
    expect_text(refusal(), fmt::format("{} {}", (source() / path).string(), why), remedy);
  }
  static void expect_text(const Error& error, const std::string& what, const std::string& remedy) {
    EXPECT_EQ(error.kind, ErrorKind::refused);
    EXPECT_THAT(error.text, HasSubstr(what));
    EXPECT_THAT(error.text, HasSubstr(remedy));
    EXPECT_EQ(error.text.find('\n'), std::string::npos);
  }
  /// The folders above and the store are nobody's to use; what `path` names is not to be read.
  Error refusal_as_nobody() {
    std::filesystem::permissions(folder_.path(), std::filesystem::perms{0755});
    for (const auto& entry : std::filesystem::recursive_directory_iterator(state())) {
      if (entry.is_directory()) std::filesystem::permissions(entry.path(), std::filesystem::perms{0777});
    }
    std::filesystem::permissions(state(), std::filesystem::perms{0777});
    const AsNobody nobody;
    return refusal();
  }
  static std::string nobody_text() {
    return fmt::format("cannot be read by the controller's user (id {}", ::geteuid() == 0 ? kNobody : ::geteuid());
  }
};

TEST_F(ReleaseRefusalsTest, name_a_source_that_is_missing) {
  remove("");
  expect_text(refusal(), fmt::format("the source {} does not exist", source().string()), "`source` in controller.toml");
}

TEST_F(ReleaseRefusalsTest, name_a_source_that_is_no_folder) {
  remove("");
  std::ofstream(source()) << "a file";
  expect_text(refusal(), fmt::format("the source {} is not a folder", source().string()), "controller.toml");
}

TEST_F(ReleaseRefusalsTest, name_an_empty_source) {
  expect_text(refusal(), fmt::format("the source {} holds no file", source().string()), "is it mounted");
  std::filesystem::create_directories(source() / "only" / "folders");
  expect_text(refusal(), "holds no file", "is it mounted");
}

TEST_F(ReleaseRefusalsTest, say_that_everything_is_excluded) {
  write("a.swp", "x");
  write(".git/HEAD", "x");
  exclude_ = {"*.swp", ".git/"};
  expect_text(refusal(), fmt::format("everything in the source {} is excluded", source().string()), "`exclude`");
}

TEST_F(ReleaseRefusalsTest, name_what_the_daemons_user_cannot_read_and_the_user) {
  write("a", "1");
  write("d/secret", "2", 0);
  expect_text(refusal_as_nobody(), (source() / "d" / "secret").string() + " " + nobody_text(), "chmod");
}

TEST_F(ReleaseRefusalsTest, name_a_folder_that_the_daemons_user_cannot_list_or_enter) {
  write("d/x", "1");
  ASSERT_EQ(::chmod((source() / "d").c_str(), 0), 0);
  expect_text(refusal_as_nobody(), (source() / "d").string() + " " + nobody_text(), "exclude it");
  ASSERT_EQ(::chmod((source() / "d").c_str(), 0444), 0);
  expect_text(refusal_as_nobody(), (source() / "d" / "x").string() + " " + nobody_text(), "enter its folder");
  ASSERT_EQ(::chmod((source() / "d").c_str(), 0755), 0);
}

TEST_F(ReleaseRefusalsTest, name_a_source_that_the_daemons_user_cannot_read) {
  write("x", "1");
  ASSERT_EQ(::chmod(source().c_str(), 0), 0);
  expect_text(refusal_as_nobody(), fmt::format("the source {} {}", source().string(), nobody_text()), "setfacl");
  ASSERT_EQ(::chmod(source().c_str(), 0755), 0);
}

TEST_F(ReleaseRefusalsTest, do_not_trust_the_cache_with_a_file_that_became_unreadable) {
  write("a", "1");
  build();
  ASSERT_EQ(::chmod((source() / "a").c_str(), 0), 0);
  ASSERT_EQ(::chmod(cache_file().c_str(), 0644), 0);
  expect_text(refusal_as_nobody(), (source() / "a").string() + " " + nobody_text(), "chmod");
}

TEST_F(ReleaseRefusalsTest, name_setuid_and_setgid_files_but_take_setgid_folders) {
  write("d/tool", "1", 04755);
  expect_refused("d/tool", "is a setuid or setgid file", "change, remove or exclude it");
  write("d/tool", "1", 02755);
  expect_refused("d/tool", "is a setuid or setgid file", "change, remove or exclude it");
  write("d/tool", "1", 0755);
  ASSERT_EQ(::chmod((source() / "d").c_str(), 02775), 0);
  EXPECT_EQ(build().files, 1U);
}

TEST_F(ReleaseRefusalsTest, name_pipes_sockets_and_devices) {
  write("a", "1");
  const std::pair<mode_t, std::string> kinds[] = {
      {S_IFIFO, "is a pipe"}, {S_IFSOCK, "is a socket"}, {S_IFCHR, "is a device"}};
  for (const auto& [kind, text] : kinds) {
    ASSERT_EQ(::mknod((source() / "z").c_str(), kind | 0644U, 0), 0) << text;
    expect_refused("z", text, "remove or exclude it");
    remove("z");
  }
}

TEST_F(ReleaseRefusalsTest, name_links_out_of_the_tree) {
  write("d/a", "1");
  link("d/l", "/etc/passwd");
  expect_text(refusal(), "the link d/l -> /etc/passwd is absolute", "change or exclude it");
  remove("d/l");
  link("d/l", "../../source/d/a");
  expect_text(refusal(), "the link d/l -> ../../source/d/a leads out of the tree", "change or exclude it");
  remove("d/l");
  link("d/l", "../d/nothing-there");
  EXPECT_EQ(build().files, 2U);
}

TEST_F(ReleaseRefusalsTest, name_a_path_that_is_too_long_or_too_deep) {
  std::string path;
  for (std::size_t i = 0; i < limits::kTreeDepthMax; ++i) path += "d/";
  write(path + "x", "1");
  expect_refused(path + "x", "is nested deeper than 128 folders", "move or exclude it");
  remove("d");
  path.clear();
  while (path.size() < limits::kPathBytesMax - 200) path += std::string(200, 'd') + "/";
  path += std::string(limits::kPathBytesMax - path.size(), 'x');
  write(path, "1");
  EXPECT_EQ(build().files, 1U);
  write(path + "y", "1");
  expect_text(refusal(), "its path is longer than 4000 bytes", "move or exclude it");
}

TEST_F(ReleaseRefusalsTest, name_a_folder_with_too_many_names) {
  std::filesystem::create_directory(source() / "d");
  for (std::size_t i = 0; i <= limits::kFolderEntriesMax; ++i) link("d/" + std::to_string(i), "x");
  expect_refused("d", "holds more than 100000 names", "split it or exclude some");
}

TEST_F(ReleaseRefusalsTest, name_a_file_that_is_too_large) {
  write("d/big", "");
  std::filesystem::resize_file(source() / "d" / "big", limits::kObjectBytesMax + 1);
  expect_refused("d/big", "has 4.3 GB, more than the 4.3 GB that a file may have", "split or exclude it");
  EXPECT_TRUE(read_.empty());
}

TEST_F(ReleaseRefusalsTest, name_a_file_that_changes_three_times_while_it_is_read) {
  write("d/log", "1");
  on_read_ = [this](const std::string& path) { std::ofstream(source() / path, std::ios::app) << "more"; };
  expect_refused("d/log", "changes while it is read", "deploy again when it is written, or exclude it");
  EXPECT_EQ(read_.size(), 3U);
}

TEST_F(ReleaseRefusalsTest, name_a_folder_whose_names_come_and_go) {
  wall_seconds_ -= 3'600;
  write("d/a", "1");
  on_read_ = [this](const std::string& path) {
    if (path == "d/a") write("d/n" + std::to_string(read_.size()), "2");
  };
  expect_refused("d", "changes while it is read: names come and go", "exclude it");
  EXPECT_EQ(std::count(read_.begin(), read_.end(), "d/a"), 3);
}

TEST_F(ReleaseRefusalsTest, count_what_would_be_deleted_and_name_the_option) {
  for (int i = 0; i < 10; ++i) write(std::to_string(i), "1");
  const BuildResult base = build();
  for (int i = 0; i < 4; ++i) remove(std::to_string(i));
  BuildRequest asked = request(base);
  asked.delete_limit_percent = 30;
  const auto built = releases_->build(asked);
  ASSERT_FALSE(built);
  expect_text(built.error(), "this would remove 4 of 10 files (40 %; the limit is 30 %)", "--yes-delete");
  asked.yes_delete = true;
  EXPECT_EQ(releases_->build(asked)->files, 6U);
}

TEST_F(ReleaseRefusalsTest, escape_what_a_name_would_do_to_a_terminal) {
  write("\x1b[2J\nx", "1", 04755);
  expect_text(refusal(), "\\e[2J\\nx is a setuid", "exclude it");
}

}  // namespace
}  // namespace serin::release
