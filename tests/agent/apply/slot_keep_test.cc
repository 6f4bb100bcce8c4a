#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "agent/apply/object_shelf_dir.h"
#include "agent/apply/slot_use_process.h"
#include "protocol/posix/files.h"
#include "tests/agent/apply/slot_fixture.h"

namespace serin::apply {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

SampleTree numbered(int number) {
  return {{"index.php", file(std::to_string(number))}, {"lib/a", file("a")}, {"lib/b", program("b")}};
}

/// A child that does nothing with its working folder there, until this ends.
class Dweller {
 public:
  explicit Dweller(const fs::path& folder) : child_(::fork()) {
    if (child_ != 0) return;
    if (::chdir(folder.c_str()) != 0) ::_exit(1);
    while (true) ::pause();
  }
  ~Dweller() { leave(); }
  Dweller(const Dweller&) = delete;
  Dweller& operator=(const Dweller&) = delete;
  [[nodiscard]] pid_t pid() const { return child_; }
  void wait_until_there(const fs::path& folder) const {
    std::error_code error;
    while (fs::read_symlink("/proc/" + std::to_string(child_) + "/cwd", error) != folder) ::sched_yield();
  }
  void leave() {
    if (child_ == 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }

 private:
  pid_t child_;
};

}  // namespace

class SlotKeep : public SlotTest {
 protected:
  void deploy_up_to(int last) {
    for (int number = 1; number <= last; ++number) {
      ASSERT_EQ(deploy(static_cast<ReleaseNumber>(number), numbered(number)), "");
    }
  }
  [[nodiscard]] std::string kept() const {
    std::string numbers;
    for (const Slot& each : slots_->slots()) numbers += (numbers.empty() ? "" : " ") + std::to_string(each.release);
    return numbers;
  }
  [[nodiscard]] static std::string name(int number) {
    return slot(static_cast<ReleaseNumber>(number), numbered(number));
  }
};

TEST_F(SlotKeep, quick_deploys_never_wait_for_a_slot) {
  deploy_up_to(6);
  EXPECT_EQ(slots_->tidy(), settings_.idle_grace) << "all are in their grace";
  EXPECT_EQ(kept(), "1 2 3 4 5 6");
}

TEST_F(SlotKeep, surplus_slots_go_after_their_grace_the_longest_idle_first) {
  deploy_up_to(5);
  now_ += settings_.idle_grace - 1ms;
  EXPECT_EQ(slots_->tidy(), 1ms);
  now_ += 1ms;
  EXPECT_EQ(slots_->tidy(), std::nullopt);
  EXPECT_EQ(kept(), "3 4 5");
  EXPECT_FALSE(fs::exists(slots_dir() / name(2)));
  EXPECT_EQ(difference(slots_dir() / name(3), numbered(3)), "");
}

TEST_F(SlotKeep, the_grace_begins_when_a_slot_stops_being_live) {
  deploy_up_to(4);
  now_ += settings_.idle_grace;
  ASSERT_TRUE(slots_->link_to(name(1)));
  now_ += settings_.idle_grace - 1ms;
  ASSERT_TRUE(slots_->link_to(name(4)));
  now_ += 1ms;
  EXPECT_EQ(slots_->tidy(), settings_.idle_grace - 1ms);
  EXPECT_EQ(kept(), "1 3 4") << "2 was idle for longer than 1";
}

TEST_F(SlotKeep, a_restart_of_the_agent_begins_the_grace_anew) {
  deploy_up_to(4);
  now_ += settings_.idle_grace;
  open();
  EXPECT_EQ(slots_->tidy(), settings_.idle_grace);
  EXPECT_EQ(kept(), "1 2 3 4");
}

TEST_F(SlotKeep, a_slot_that_a_process_uses_stays_and_the_process_is_named) {
  deploy_up_to(4);
  Dweller dweller(slots_dir() / name(1) / "lib");
  dweller.wait_until_there(slots_dir() / name(1) / "lib");
  EXPECT_EQ(slots_->old_code(), std::vector<SlotUse>{}) << "within its grace it may be in use";
  now_ += settings_.idle_grace;
  EXPECT_EQ(slots_->tidy(), 1min) << "looks again";
  EXPECT_EQ(kept(), "1 3 4");
  const SlotUse use{.slot = name(1), .pid = static_cast<std::uint32_t>(dweller.pid()), .command = "agent_slots_tes"};
  EXPECT_EQ(slots_->old_code(), std::vector{use});
  deploy_up_to(5);
  dweller.leave();
  now_ += settings_.idle_grace;
  EXPECT_EQ(slots_->tidy(), std::nullopt);
  EXPECT_EQ(kept(), "3 4 5");
  EXPECT_EQ(slots_->old_code(), std::vector<SlotUse>{});
}

TEST_F(SlotKeep, a_process_in_a_slot_that_is_no_surplus_runs_old_code_too) {
  deploy_up_to(2);
  Dweller dweller(slots_dir() / name(1));
  dweller.wait_until_there(slots_dir() / name(1));
  now_ += settings_.idle_grace;
  EXPECT_EQ(slots_->tidy(), 1min);
  ASSERT_EQ(slots_->old_code().size(), 1U);
  EXPECT_EQ(slots_->old_code().front().slot, name(1));
}

TEST_F(SlotKeep, an_open_file_and_a_mapping_are_use_too) {
  deploy_up_to(2);
  const fs::path folder = slots_dir() / name(1);
  const auto used = [&] { return slots_in_use(slots_dir()).contains(name(1)); };
  EXPECT_FALSE(used());
  posix::UniqueFd fd(::open((folder / "index.php").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(used());
  EXPECT_FALSE(slots_in_use(slots_dir()).contains(name(2)));
  void* const mapping = ::mmap(nullptr, 1, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  ASSERT_NE(mapping, MAP_FAILED);
  fd.reset();
  EXPECT_TRUE(used());
  EXPECT_TRUE(slots_in_use(slots_dir().string().substr(0, slots_dir().string().size() - 1)).empty())
      << "no prefix of a name";
  ::munmap(mapping, 1);
  EXPECT_FALSE(used());
}

TEST_F(SlotKeep, tidy_makes_a_spare_that_is_the_live_tree_in_links) {
  deploy_up_to(2);
  slots_->tidy();
  EXPECT_EQ(difference(slots_dir() / ".spare", numbered(2)), "");
  EXPECT_EQ(inode(slots_dir() / ".spare/lib/a"), inode(slots_dir() / name(2) / "lib/a"));
  deploy_up_to(3);
  EXPECT_FALSE(fs::exists(slots_dir() / ".spare")) << "it became the new slot";
  ASSERT_TRUE(slots_->link_to(name(1)));
  slots_->tidy();
  EXPECT_EQ(difference(slots_dir() / ".spare", numbered(1)), "");
  ASSERT_TRUE(slots_->link_to(name(2)));
  slots_->tidy();
  EXPECT_EQ(difference(slots_dir() / ".spare", numbered(2)), "") << "brought up to date";
}

TEST_F(SlotKeep, tidy_drops_what_nobody_needs) {
  deploy_up_to(4);
  source_.offer(numbered(9));
  ASSERT_TRUE(source_.pull(release_of(9, numbered(9)), *slots_));
  EXPECT_EQ(files_in("incoming"), 1U);
  now_ += settings_.idle_grace;
  slots_->tidy();
  EXPECT_EQ(files_in("incoming"), 0U);
  EXPECT_EQ(files_in("trees"), 4U) << "three roots and one lib";
  EXPECT_EQ(files_in("slots"), 3U);
  EXPECT_EQ(deploy(10, numbered(9)), "");
}

TEST_F(SlotKeep, discard_removes_a_slot_unless_it_is_live) {
  deploy_up_to(2);
  EXPECT_TRUE(slots_->discard(name(1)));
  EXPECT_TRUE(slots_->discard(name(1))) << "twice is once";
  EXPECT_FALSE(fs::exists(slots_dir() / name(1)));
  const auto discarded = slots_->discard(name(2));
  ASSERT_FALSE(discarded);
  EXPECT_EQ(discarded.error().kind, ErrorKind::refused);
  EXPECT_EQ(kept(), "2");
  EXPECT_EQ(difference(settings_.live, numbered(2)), "");
}

TEST_F(SlotKeep, a_start_removes_what_a_crash_left_and_nothing_else) {
  deploy_up_to(2);
  slots_->tidy();
  fs::create_directories(slots_dir() / ".building/lib");
  fs::create_directories(slots_dir() / "r7-0123456789ab/lib");
  fs::create_directories(slots_dir() / "lost+found");
  fs::create_directories(slots_dir() / "r7-backup");
  std::ofstream(slots_dir() / "notes.txt") << "mine";
  std::ofstream(own("slots/r8-0123456789ab")) << "8 " << digest_of("x").hex() << "\n";
  std::ofstream(own("slots/.r8-0123456789ab.ab12cd")) << "8 ";
  std::ofstream(own("slots/r9-0123456789ab")) << "rubbish";
  std::ofstream(own("incoming/" + digest_of("x").hex() + ".part")) << "half";
  open();
  EXPECT_EQ(kept(), "1 2");
  EXPECT_FALSE(fs::exists(slots_dir() / ".building"));
  EXPECT_FALSE(fs::exists(slots_dir() / ".spare"));
  EXPECT_FALSE(fs::exists(slots_dir() / "r7-0123456789ab"));
  EXPECT_TRUE(fs::exists(slots_dir() / "lost+found"));
  EXPECT_TRUE(fs::exists(slots_dir() / "r7-backup"));
  EXPECT_TRUE(fs::exists(slots_dir() / "notes.txt"));
  EXPECT_EQ(files_in("slots"), 2U);
  EXPECT_EQ(files_in("incoming"), 0U);
  EXPECT_EQ(difference(settings_.live, numbered(2)), "");
}

TEST_F(SlotKeep, a_live_slot_without_a_record_is_told_with_the_remedy) {
  deploy_up_to(1);
  fs::remove(own("slots/" + name(1)));
  slots_.reset();
  const auto opened = SlotDir::open(settings_, [this] { return now_; });
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::corrupt);
  EXPECT_NE(opened.error().text.find("remove the link and deploy again"), std::string::npos) << opened.error().text;
  EXPECT_EQ(difference(settings_.live, numbered(1)), "") << "and is left alone";
}

TEST_F(SlotKeep, slots_that_are_gone_under_the_agent_or_before_it_begins_are_told_with_the_remedy) {
  deploy_up_to(1);
  fs::remove_all(slots_dir());
  const auto space = slots_->check_space(1, 1);
  ASSERT_FALSE(space);
  EXPECT_NE(space.error().text.find(".serin was removed while the agent ran: restart"), std::string::npos)
      << space.error().text;
  slots_.reset();
  const auto opened = SlotDir::open(settings_, [this] { return now_; });
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().text.find(
                "which does not exist: mount its file system if it has one of its own, else remove the link"),
            std::string::npos)
      << opened.error().text;
  fs::remove(settings_.live);
  open();
  EXPECT_EQ(deploy(1, numbered(1)), "");
}

TEST_F(SlotKeep, a_second_agent_is_refused) {
  const auto opened = SlotDir::open(settings_, [this] { return now_; });
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::busy);
  EXPECT_NE(opened.error().text.find("the slots of shop are in use"), std::string::npos) << opened.error().text;
}

TEST_F(SlotKeep, slashes_at_the_end_of_paths_do_not_matter) {
  deploy_up_to(1);
  settings_.slots_dir = slots_dir().string() + "/";
  settings_.live += "/";
  open();
  ASSERT_TRUE(slots_->live());
  EXPECT_EQ(slots_->live()->name, name(1));
  settings_.live.pop_back();
  EXPECT_EQ(deploy(2, numbered(2)), "");
}

TEST_F(SlotKeep, the_slots_may_lie_elsewhere) {
  settings_.slots_dir = (folder_ / "far/away").string();
  open();
  EXPECT_EQ(deploy(1, numbered(1)), "");
  EXPECT_TRUE(fs::exists(folder_ / "far/away" / name(1)));
}

TEST_F(SlotKeep, a_link_to_no_slot_is_not_made) {
  deploy_up_to(1);
  const auto linked = slots_->link_to("r9-0123456789ab");
  ASSERT_FALSE(linked);
  EXPECT_EQ(linked.error().kind, ErrorKind::not_found);
  fs::remove(settings_.live);
  fs::create_directory(settings_.live);
  EXPECT_FALSE(slots_->link_to(name(1))) << "somebody put a folder there";
}

// ---- damage ----

TEST_F(SlotKeep, a_pulled_file_that_was_torn_by_a_crash_is_pulled_again) {
  source_.offer(numbered(1));
  ASSERT_TRUE(source_.pull(release_of(1, numbered(1)), *slots_));
  const std::string good = digest_of("a").hex();
  const std::string torn = digest_of("b").hex();
  ASSERT_EQ(::truncate(own("incoming/" + torn).c_str(), 0), 0);
  open();
  source_.served.clear();
  EXPECT_EQ(deploy(1, numbered(1)), "");
  EXPECT_TRUE(source_.served.contains(digest_of("b")));
  EXPECT_FALSE(source_.served.contains(digest_of("a"))) << "what is whole is not pulled twice";
  EXPECT_FALSE(fs::exists(own("incoming/" + good))) << "it moved into the slot";
}

TEST_F(SlotKeep, a_live_file_that_was_changed_in_place_is_not_copied) {
  for (const bool with_spare : {false, true}) {
    const ReleaseNumber number = with_spare ? 3 : 1;
    SampleTree tree = numbered(static_cast<int>(number));
    EXPECT_EQ(deploy(number, tree), "");
    if (with_spare) slots_->tidy();
    spoil(fs::path(settings_.live) / "lib/a", "X", 1'700'000'000);
    tree["lib/a"].mtime_s += 1;  // the same content, but no longer the same file
    const auto built = build(number + 1, tree);
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error(), (Error{ErrorKind::corrupt, "lib/a: the file that should be copied has other bytes"}));
    EXPECT_EQ(deploy(number + 1, tree), "") << "everything was pulled";
    EXPECT_EQ(slots_->base(), objects_of(tree).root);
  }
}

TEST_F(SlotKeep, a_live_file_with_another_size_or_time_is_not_shared) {
  deploy_up_to(1);
  spoil(fs::path(settings_.live) / "lib/a", "XYZ", 1'700'000'000);
  EXPECT_EQ(deploy(2, numbered(2)), "");
  spoil(fs::path(settings_.live) / "lib/a", "X", 5);
  EXPECT_EQ(deploy(3, numbered(3)), "");
}

TEST_F(SlotKeep, a_live_file_that_only_got_another_mode_is_copied) {
  deploy_up_to(1);
  fs::permissions(fs::path(settings_.live) / "lib/a", fs::perms::owner_write, fs::perm_options::add);
  source_.served.clear();
  EXPECT_EQ(deploy(2, numbered(2)), "");
  EXPECT_FALSE(source_.served.contains(digest_of("a")));
}

TEST_F(SlotKeep, damaged_folder_objects_are_pulled_again) {
  for (const char* damage : {"", "torn"}) {
    for (const bool with_spare : {false, true}) {
      deploy_up_to(1);
      if (with_spare) slots_->tidy();
      for (const auto& entry : fs::directory_iterator(own("trees"))) {
        fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::add);
        std::ofstream(entry.path(), std::ios::trunc) << damage;
      }
      SampleTree more = numbered(2);
      more["lib/more"] = file("more");
      EXPECT_EQ(deploy(2, more), "");
      EXPECT_TRUE(slots_->discard(name(1)));
      ASSERT_EQ(deploy(3, numbered(3)), "");
      EXPECT_TRUE(slots_->discard(slot(2, more)));
    }
  }
}

TEST_F(SlotKeep, a_missing_folder_object_keeps_the_others) {
  deploy_up_to(4);
  fs::remove(own("trees/" + objects_of(numbered(4)).root.hex()));
  now_ += settings_.idle_grace;
  slots_->tidy();
  EXPECT_EQ(kept(), "2 3 4");
  EXPECT_EQ(files_in("trees"), 4U);
}

TEST_F(SlotKeep, too_little_space_is_told_before_the_first_byte) {
  EXPECT_TRUE(slots_->check_space(0, 0));
  const auto bytes = slots_->check_space(1ULL << 60, 1);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().kind, ErrorKind::no_space);
  EXPECT_NE(bytes.error().text.find("free some space"), std::string::npos);
  const auto files = slots_->check_space(1, 1ULL << 50);
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().kind, ErrorKind::no_space);
  EXPECT_NE(files.error().text.find("inodes free"), std::string::npos);
}

}  // namespace serin::apply
