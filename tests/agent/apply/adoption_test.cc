#include <sys/mount.h>

#include <atomic>
#include <thread>

#include "agent/apply/host_step.h"
#include "protocol/posix/files.h"
#include "tests/agent/apply/mount_namespace.h"
#include "tests/agent/apply/slot_fixture.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

SampleTree numbered(int number) {
  return {{"index.php", file(std::to_string(number))}, {"lib/a", file("a")}};
}
std::string text_in(const fs::path& path) {
  return posix::read_file(path, 1'000).value_or("nothing");
}
void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

}  // namespace

/// A folder that was live before Serin: an index, uploads and a local configuration.
class Adoption : public SlotTest {
 protected:
  void SetUp() override {
    settings_.name = "shop";
    settings_.live = (folder_ / "current").string();
    settings_.keep = {{"uploads", true}, {"config/local.php", false}};
    write(live() / "index.php", "before");
    write(live() / "uploads/cat.jpg", "cat");
    write(live() / "config/local.php", "secret");
    open();
  }
  [[nodiscard]] fs::path live() const { return settings_.live; }
  [[nodiscard]] fs::path aside() const { return settings_.live + ".adopted"; }
  [[nodiscard]] fs::path home() const { return settings_.live + ".kept/shop"; }

  /// Live afterwards, or why not.
  std::string put_live(int number) {
    const auto slot = build_at_last(static_cast<ReleaseNumber>(number), numbered(number));
    if (!slot) return slot.error().text;
    if (const auto can = adoptable(number); !can.empty()) return can;
    const auto linked = slots_->link_to(*slot);
    return linked ? "" : linked.error().text;
  }
  [[nodiscard]] std::string adoptable(int number) {
    const auto checked = slots_->check_adoptable(release_of(static_cast<ReleaseNumber>(number), numbered(number)));
    return checked ? "" : checked.error().text;
  }
  /// The folder is as it was, real, with these uploads.
  void expect_before(const std::string& cat) const {
    EXPECT_TRUE(fs::is_directory(fs::symlink_status(live())));
    EXPECT_TRUE(slots_->adopted());
    EXPECT_FALSE(slots_->live());
    EXPECT_EQ(text_in(live() / "index.php"), "before");
    EXPECT_EQ(text_in(live() / "uploads/cat.jpg"), cat);
    EXPECT_EQ(text_in(live() / "config/local.php"), "secret");
    EXPECT_FALSE(fs::exists(fs::symlink_status(aside())));
  }
};

TEST_F(Adoption, a_real_folder_is_live_and_no_slot) {
  expect_before("cat");
  open();
  expect_before("cat");
}

TEST_F(Adoption, staging_changes_nothing_in_it) {
  ASSERT_TRUE(build_at_last(1, numbered(1)));
  EXPECT_EQ(adoptable(1), "");
  EXPECT_TRUE(fs::is_directory(fs::symlink_status(live() / "uploads")));
  expect_before("cat");
}

TEST_F(Adoption, the_folder_goes_beside_the_live_path_and_what_is_kept_out_of_it) {
  ASSERT_EQ(put_live(1), "");
  EXPECT_TRUE(fs::is_symlink(live()));
  EXPECT_FALSE(slots_->adopted());
  EXPECT_EQ(text_in(live() / "index.php"), "1");
  EXPECT_EQ(text_in(live() / "uploads/cat.jpg"), "cat");
  EXPECT_EQ(text_in(live() / "config/local.php"), "secret");
  EXPECT_EQ(text_in(home() / "uploads/cat.jpg"), "cat");
  EXPECT_EQ(text_in(aside() / "index.php"), "before");
  EXPECT_EQ(text_in(aside() / "uploads/cat.jpg"), "cat") << "through the link";
}

TEST_F(Adoption, it_can_be_gone_back_to_with_what_was_written_since) {
  ASSERT_EQ(put_live(1), "");
  write(live() / "uploads/cat.jpg", "dog");
  ASSERT_TRUE(slots_->link_to(kAdoptedSlot));
  expect_before("dog");
  ASSERT_TRUE(slots_->link_to(kAdoptedSlot)) << "twice is once";
  expect_before("dog");
  ASSERT_EQ(put_live(2), "") << "and adopted again";
  EXPECT_EQ(text_in(live() / "uploads/cat.jpg"), "dog");
}

TEST_F(Adoption, it_never_goes_by_itself) {
  for (int number = 1; number <= 6; ++number) {
    ASSERT_EQ(put_live(number), "");
    now_ += settings_.idle_grace;
    slots_->tidy();
  }
  open();
  EXPECT_EQ(slots_->slots().size(), 3U);
  EXPECT_EQ(text_in(aside() / "index.php"), "before");
  ASSERT_TRUE(slots_->link_to(kAdoptedSlot));
  expect_before("cat");
}

TEST_F(Adoption, files_that_neither_the_release_has_nor_the_host_keeps_are_listed) {
  for (int i = 10; i < 30; ++i) write(live() / ("note-" + std::to_string(i)), "x");
  for (int i = 0; i < 100; ++i) write(live() / "cache/deep" / std::to_string(i), "x");
  write(live() / "lib/b\nc", "x");
  fs::create_directories(live() / "empty/too");
  fs::create_symlink("/nowhere", live() / "z");
  const std::string said = put_live(1);
  EXPECT_EQ(said, "live path " + settings_.live + ": it is a real folder with 122 files that " + slot(1, numbered(1)) +
                      " does not have: cache/ (100 files), lib/b\\nc, note-10, note-11, note-12, note-13, note-14, "
                      "note-15, note-16, note-17 and 13 more; name in keep what the application needs, remove the "
                      "rest, or set adopt = \"set-aside\"");
  expect_before("cat");
  settings_.adopt = agent::Adopt::set_aside;
  open();
  EXPECT_EQ(put_live(1), "");
  EXPECT_EQ(text_in(aside() / "note-29"), "x");
}

TEST_F(Adoption, an_earlier_adopted_folder_is_in_the_way) {
  fs::create_directories(aside());
  const std::string said = put_live(1);
  EXPECT_NE(said.find("goes to " + aside().string() + ", and something is there from before: move that away"),
            std::string::npos)
      << said;
  EXPECT_TRUE(slots_->adopted());
}

TEST_F(Adoption, what_cannot_be_kept_stops_it_before_the_switch) {
  write(home() / "uploads/other", "x");
  const std::string said = put_live(1);
  EXPECT_NE(said.find("is to be kept, and there is"), std::string::npos) << said;
  EXPECT_EQ(text_in(live() / "index.php"), "before");
  EXPECT_EQ(text_in(live() / "uploads/cat.jpg"), "cat");
  EXPECT_TRUE(slots_->adopted());
}

TEST_F(Adoption, without_the_folder_there_is_nothing_to_go_back_to) {
  ASSERT_EQ(put_live(1), "");
  fs::remove_all(aside());
  const auto back = slots_->link_to(kAdoptedSlot);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().text, "there is no adopted folder " + aside().string());
  EXPECT_EQ(text_in(live() / "index.php"), "1");
}

TEST_F(Adoption, is_refused_where_names_cannot_be_exchanged) {
  TemporaryFolder other;
  const std::string said = in_mount_namespace([&]() -> std::string {
    const fs::path up = other / "up";
    const fs::path work = other / "work";
    if (::mount("none", other.path().c_str(), "tmpfs", 0, nullptr) != 0) return "mount failed";
    fs::create_directories(up);
    fs::create_directories(work);
    const std::string options =
        "lowerdir=" + folder_.path().string() + ",upperdir=" + up.string() + ",workdir=" + work.string();
    if (::mount("overlay", folder_.path().c_str(), "overlay", 0, options.c_str()) != 0) return "mount failed";
    slots_.reset();
    settings_.keep.clear();
    settings_.adopt = agent::Adopt::set_aside;
    open();
    const std::string text = put_live(1);
    return text_in(live() / "index.php") + ": " + text + (fs::exists(aside()) ? " (left)" : "");
  });
  EXPECT_EQ(said, "before: exchange " + settings_.live + " and " + aside().string() +
                      ": they lie on two filesystems, or in two layers of one");
}

TEST_F(Adoption, a_reader_and_a_writer_see_no_absent_moment_and_no_upload_is_lost) {
  std::atomic<bool> stop = false;
  std::atomic<int> reads = 0;
  std::atomic<int> absent = 0;
  std::atomic<int> written = 0;
  std::thread reader([&] {
    while (!stop) {
      for (const char* path : {"index.php", "uploads/cat.jpg", "config/local.php"}) {
        if (!posix::read_file(live() / path, 1'000)) ++absent;
      }
      ++reads;
    }
  });
  std::thread writer([&] {
    while (!stop) {
      std::ofstream upload(live() / "uploads" / std::to_string(written));
      upload << "upload" << std::flush;
      if (!upload) ++absent;
      ++written;
    }
  });
  for (int turn = 0; turn < 5 || written < 500; ++turn) {
    for (int number = 1; number <= 4; ++number) EXPECT_EQ(put_live(number), "");
    now_ += settings_.idle_grace;
    slots_->tidy();
    EXPECT_TRUE(slots_->link_to(kAdoptedSlot));
    for (int number = 1; number <= 4; ++number) {
      EXPECT_TRUE(slots_->discard(slot(static_cast<ReleaseNumber>(number), numbered(number))));
    }
  }
  stop = true;
  reader.join();
  writer.join();
  EXPECT_EQ(absent, 0);
  EXPECT_GT(reads, 10);
  int lost = 0;
  for (int i = 0; i < written; ++i) {
    if (text_in(home() / "uploads" / std::to_string(i)) != "upload") ++lost;
  }
  EXPECT_EQ(lost, 0) << "of " << written;
}

}  // namespace serin::apply
