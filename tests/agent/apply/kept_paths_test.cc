#include <random>

#include "agent/apply/kept_paths_dir.h"
#include "protocol/posix/files.h"
#include "tests/agent/apply/mount_namespace.h"
#include "tests/agent/apply/slot_fixture.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

/// Without `config` where the number is odd: then the folder of config/local.php is there for the link alone.
SampleTree numbered(int number) {
  SampleTree tree{{"index.php", file(std::to_string(number))}, {"lib/a", file("a")}};
  if (number % 2 == 0) tree["config/app.php"] = file("app");
  if (number % 4 == 0) tree["config/deep/x"] = file("x");
  return tree;
}

SampleTree with_links(SampleTree tree) {
  tree["uploads"] = link_to("../../current.kept/shop/uploads");
  tree["config/local.php"] = link_to("../../../current.kept/shop/config/local.php");
  return tree;
}

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

std::string text_in(const fs::path& path) {
  return posix::read_file(path, 1'000).value_or("nothing");
}

}  // namespace

class KeptPathsTest : public SlotTest {
 protected:
  void SetUp() override {
    SlotTest::SetUp();
    keep({{"uploads", true}, {"config/local.php", false}});
  }
  void keep(std::vector<agent::KeptPath> paths) {
    settings_.keep = std::move(paths);
    open();
  }
  /// Live afterwards, or why not.
  std::string put_live(int number, const SampleTree& tree) {
    const auto release_number = static_cast<ReleaseNumber>(number);
    source_.offer(tree);
    const Release release = release_of(release_number, tree);
    if (const auto pulled = source_.pull(release, *slots_); !pulled) return pulled.error().text;
    if (const auto checked = slots_->check_kept(release); !checked) return checked.error().text;
    const auto slot = build_at_last(release_number, tree);
    if (!slot) return slot.error().text;
    const auto linked = slots_->link_to(*slot);
    return linked ? "" : linked.error().text;
  }
  [[nodiscard]] fs::path home() const { return settings_.live + ".kept/shop"; }
  [[nodiscard]] fs::path live() const { return settings_.live; }
  void expect_said(const std::string& said, const std::string& words) const {
    EXPECT_NE(said.find(words), std::string::npos) << said;
  }
};

TEST_F(KeptPathsTest, every_slot_has_links_to_what_is_kept_whatever_comes_and_goes_around_them) {
  std::mt19937 random(7);
  for (int number = 1; number <= 24; ++number) {
    SCOPED_TRACE(number);
    EXPECT_EQ(put_live(number, numbered(number)), "");
    EXPECT_EQ(difference(live(), with_links(numbered(number))), "");
    if (random() % 2 == 0) {
      slots_->tidy();
      EXPECT_EQ(difference(slots_dir() / ".spare", with_links(numbered(number))), "");
    }
    if (random() % 5 == 0) open();
  }
}

TEST_F(KeptPathsTest, what_is_written_stays_through_deploys_and_when_slots_go) {
  ASSERT_EQ(put_live(1, numbered(1)), "");
  std::ofstream(live() / "uploads/cat.jpg") << "cat";
  std::ofstream(live() / "config/local.php") << "secret";
  for (int number = 2; number <= 5; ++number) {
    EXPECT_EQ(put_live(number, numbered(number)), "");
    now_ += settings_.idle_grace;
    slots_->tidy();
    EXPECT_EQ(text_in(live() / "uploads/cat.jpg"), "cat");
    EXPECT_EQ(text_in(live() / "config/local.php"), "secret");
  }
  EXPECT_EQ(slots_->slots().size(), 3U);
  EXPECT_EQ(text_in(home() / "uploads/cat.jpg"), "cat");
}

TEST_F(KeptPathsTest, links_lead_to_the_same_where_the_folder_of_the_live_path_is_mounted_elsewhere) {
  ASSERT_EQ(put_live(1, numbered(1)), "");
  std::ofstream(live() / "uploads/cat.jpg") << "cat";
  TemporaryFolder container;
  EXPECT_EQ(in_mount_namespace([&]() -> std::string {
              const fs::path app = container / "app";
              fs::create_directory(app);
              if (::mount(folder_.path().c_str(), app.c_str(), nullptr, MS_BIND, nullptr) != 0) return "mount failed";
              if (::mount("none", folder_.path().c_str(), "tmpfs", 0, nullptr) != 0) return "mount failed";
              return text_in(app / "current/uploads/cat.jpg") + " " + text_in(live() / "uploads/cat.jpg");
            }),
            "cat nothing");
}

TEST_F(KeptPathsTest, links_are_absolute_where_keep_dir_lies_elsewhere) {
  TemporaryFolder elsewhere;
  settings_.keep_dir = (elsewhere / "kept").string();
  open();
  ASSERT_EQ(put_live(1, numbered(1)), "");
  EXPECT_EQ(fs::read_symlink(live() / "uploads"), fs::canonical(elsewhere.path()) / "kept/shop/uploads");
}

TEST_F(KeptPathsTest, only_a_path_written_with_a_slash_is_made_and_like_the_folder_around_it) {
  keep({});
  fs::remove_all(home());
  fs::create_directories(home());
  fs::permissions(home(), fs::perms(02770));
  keep({{"a/b/made", true}, {"a/none", false}});
  EXPECT_TRUE(fs::is_directory(home() / "a/b/made"));
  EXPECT_EQ(fs::status(home() / "a/b/made").permissions(), fs::perms(02770));
  EXPECT_EQ(fs::status(home() / "a").permissions(), fs::perms(02770));
  ASSERT_EQ(put_live(1, numbered(1)), "");
  EXPECT_TRUE(fs::is_symlink(live() / "a/none"));
  std::ofstream(live() / "a/none") << "the application makes it";
  EXPECT_EQ(text_in(home() / "a/none"), "the application makes it");
}

TEST_F(KeptPathsTest, a_release_with_a_kept_path_is_refused_with_the_path) {
  SampleTree tree = numbered(1);
  tree["uploads/.gitkeep"] = file("");
  expect_said(put_live(1, tree), "the release has uploads, which this host keeps");
  tree = numbered(1);
  tree["config/local.php"] = file("x");
  expect_said(put_live(2, tree), "the release has config/local.php, which this host keeps");
  tree = numbered(1);
  tree["config"] = file("no folder");
  expect_said(put_live(3, tree), "in the release config is no folder, and this host keeps config/local.php");
  EXPECT_FALSE(slots_->live());
  EXPECT_EQ(put_live(4, numbered(1)), "");
}

// ---- a path that is kept from now on ----

TEST_F(KeptPathsTest, what_the_application_wrote_into_the_live_tree_moves_to_what_is_kept) {
  keep({});
  ASSERT_EQ(put_live(2, numbered(2)), "");
  write(live() / "uploads/cat.jpg", "cat");
  write(live() / "config/local.php", "secret");
  keep({{"uploads", true}, {"config/local.php", false}});
  EXPECT_EQ(difference(live(), with_links(numbered(2))), "");
  EXPECT_EQ(text_in(home() / "uploads/cat.jpg"), "cat");
  EXPECT_EQ(text_in(home() / "config/local.php"), "secret");
  EXPECT_EQ(put_live(3, numbered(3)), "");
  EXPECT_EQ(text_in(live() / "uploads/cat.jpg"), "cat");
}

TEST_F(KeptPathsTest, what_is_there_and_kept_too_is_refused_and_both_stay) {
  keep({});
  ASSERT_EQ(put_live(2, numbered(2)), "");
  write(live() / "uploads/cat.jpg", "cat");
  write(home() / "uploads/dog.jpg", "dog");
  keep({{"uploads", true}});
  expect_said(put_live(3, numbered(3)), "is to be kept, and there is " + (home() / "uploads").string() + " too");
  EXPECT_EQ(text_in(live() / "uploads/cat.jpg"), "cat");
  EXPECT_EQ(text_in(home() / "uploads/dog.jpg"), "dog");
  fs::rename(slots_dir() / slot(2, numbered(2)) / "uploads/cat.jpg", home() / "uploads/cat.jpg");
  fs::remove(live() / "uploads");
  EXPECT_EQ(put_live(3, numbered(3)), "") << "the agent need not be restarted";
  EXPECT_EQ(text_in(live() / "uploads/cat.jpg"), "cat");
}

TEST_F(KeptPathsTest, what_came_with_the_live_release_must_be_copied_first) {
  keep({});
  SampleTree tree = numbered(2);
  tree["uploads/logo.png"] = file("logo");
  ASSERT_EQ(put_live(2, tree), "");
  keep({{"uploads", false}});
  expect_said(put_live(3, numbered(3)), "came with the live release and is to be kept from now on: copy it to");
  fs::create_directories(home());
  fs::copy(live() / "uploads", home() / "uploads", fs::copy_options::recursive);
  write(live() / "uploads/cat.jpg", "cat");
  expect_said(put_live(3, numbered(3)),
              "holds what no release has: move these files to " + (home() / "uploads").string() + ": cat.jpg");
  fs::rename(live() / "uploads/cat.jpg", home() / "uploads/cat.jpg");
  EXPECT_EQ(put_live(3, numbered(3)), "");
  EXPECT_EQ(text_in(live() / "uploads/logo.png") + text_in(live() / "uploads/cat.jpg"), "logocat");
  EXPECT_TRUE(slots_->link_to(slot(2, tree))) << "what worked can be gone back to";
  EXPECT_EQ(difference(live(), tree), "");
}

TEST_F(KeptPathsTest, older_slots_get_the_links_too) {
  keep({});
  ASSERT_EQ(put_live(1, numbered(1)), "");
  ASSERT_EQ(put_live(2, numbered(2)), "");
  keep({{"uploads", true}, {"config/local.php", false}});
  ASSERT_TRUE(slots_->link_to(slot(1, numbered(1))));
  EXPECT_EQ(difference(live(), with_links(numbered(1))), "");
}

TEST_F(KeptPathsTest, a_link_to_elsewhere_becomes_what_is_kept) {
  keep({});
  ASSERT_EQ(put_live(1, numbered(1)), "");
  write(folder_ / "shared/uploads/cat.jpg", "cat");
  fs::create_symlink("../../shared/uploads", slots_dir() / slot(1, numbered(1)) / "uploads");
  keep({{"uploads", false}});
  EXPECT_EQ(fs::read_symlink(live() / "uploads"), "../../current.kept/shop/uploads");
  EXPECT_EQ(fs::read_symlink(home() / "uploads"), fs::canonical(folder_.path()) / "shared/uploads");
  ASSERT_EQ(put_live(2, numbered(2)), "");
  EXPECT_EQ(text_in(live() / "uploads/cat.jpg"), "cat");
}

TEST_F(KeptPathsTest, a_folder_on_the_way_that_is_a_link_is_refused) {
  keep({});
  ASSERT_EQ(put_live(1, numbered(1)), "");
  fs::create_symlink("/etc", slots_dir() / slot(1, numbered(1)) / "config");
  keep({{"config/local.php", false}});
  expect_said(put_live(2, numbered(2)),
              "config is no folder, and config/local.php is to be kept beneath it: keep "
              "config itself");
}

TEST_F(KeptPathsTest, a_mount_point_and_another_filesystem_are_refused_with_the_remedy) {
  keep({});
  ASSERT_EQ(put_live(1, numbered(1)), "");
  write(live() / "uploads/cat.jpg", "cat");
  slots_.reset();
  EXPECT_EQ(in_mount_namespace([&]() -> std::string {
              const fs::path there = slots_dir() / slot(1, numbered(1)) / "uploads";
              if (::mount(there.c_str(), there.c_str(), nullptr, MS_BIND, nullptr) != 0) return "mount failed";
              keep({{"uploads", false}});
              const std::string said = put_live(2, numbered(2));
              return said.substr(said.find("is a mount point"));
            }),
            "is a mount point: mount " + (home() / "uploads").string() + " instead");
  EXPECT_EQ(in_mount_namespace([&]() -> std::string {
              if (::mount("none", (settings_.live + ".kept").c_str(), "tmpfs", 0, nullptr) != 0) return "mount failed";
              keep({{"uploads", true}});
              const std::string said = put_live(2, numbered(2));
              return said.substr(said.find("which lies"), said.find(", so") - said.find("which lies"));
            }),
            "which lies on another filesystem");
  EXPECT_EQ(text_in(live() / "uploads/cat.jpg"), "cat");
}

}  // namespace serin::apply
