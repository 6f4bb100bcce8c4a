#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "agent/apply/applier_process.h"
#include "agent/apply/journal_file.h"
#include "protocol/posix/files.h"
#include "tests/agent/apply/crash_points.h"
#include "tests/agent/apply/local_source.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::apply {

namespace fs = std::filesystem;
using crash::killed_at;

/// An agent that is killed while it takes a real folder over, and while it gives it back.
class AdoptionCrash : public testing::Test {
 protected:
  void SetUp() override {
    settings_.name = "shop";
    settings_.live = (folder_ / "current").string();
    settings_.idle_grace = Duration{0};
    settings_.keep = {{"uploads", true}, {"config/local.php", false}};
    settings_.reload.argv = {"/bin/sh", "-c", "test ! -e " + (folder_ / "fail-").string() + "$SERIN_RELEASE"};
    source_.offer(tree());
  }

  static SampleTree tree() { return {{"index", file("release")}, {"lib/a", file("a")}}; }
  static SampleTree with_links() {
    SampleTree all = tree();
    all["uploads"] = link_to("../../current.kept/shop/uploads");
    all["config/local.php"] = link_to("../../../current.kept/shop/config/local.php");
    return all;
  }

  /// A folder that was live before Serin; nothing of an earlier turn.
  void begin() const {
    for (const char* rest : {"", ".slots", ".kept", ".adopted"}) fs::remove_all(settings_.live + rest);
    fs::remove_all(folder_ / "state");
    write("index", "before");
    write("uploads/cat.jpg", "cat");
    write("config/local.php", "secret");
  }
  void write(const std::string& path, const std::string& text) const {
    const fs::path whole = fs::path(settings_.live) / path;
    fs::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }

  /// What the agent does from its start to the end of the order, and afterwards. In a child.
  void agent(std::uint32_t sequence, OrderAction action) {
    auto applier = Applier::open({.settings = settings_,
                                  .state_dir = folder_ / "state",
                                  .pull = [this](const Release& wanted, SlotDir& slots,
                                                 const std::stop_token&) { return source_.pull(wanted, slots); },
                                  .now = [] { return Now{}; },
                                  .on_status = [](const ApplicationStatus&) {}});
    if (!applier) {
      fmt::print(stderr, "the agent: {}\n", applier.error().text);
      ::_exit(1);
    }
    applier->recover();
    const Release release = release_of(1, tree());
    const Order order{.application = "shop",
                      .id = {1, sequence},
                      .action = action,
                      .release = {.record = encode_release(release), .signature = {}}};
    applier->run(order, release, {});
    applier->tidy();
    applier->acknowledge(order.id);
  }

  /// "before" or "release": what the live path shows, whole, with everything that is kept. Anything else fails the
  /// test.
  [[nodiscard]] std::string live() const {
    const auto text = [this](const char* path) {
      return posix::read_file(fs::path(settings_.live) / path, 100).value_or("nothing");
    };
    EXPECT_EQ(text("uploads/cat.jpg"), "cat");
    EXPECT_EQ(text("config/local.php"), "secret");
    std::string shown = text("index");
    if (shown != "before") {
      EXPECT_EQ(difference(settings_.live, with_links()), "");
    }
    return shown;
  }
  [[nodiscard]] StepResult result() const {
    const auto journal = JournalFile(folder_ / "state/journal/shop").load();
    return journal && journal->outcome ? journal->outcome->result : StepResult::unknown;
  }
  /// Nothing of a crash is left.
  void expect_tidy(bool adopted) const {
    EXPECT_FALSE(fs::exists(fs::symlink_status(settings_.live + ".serin-new")));
    EXPECT_EQ(fs::symlink_status(settings_.live + ".adopted").type(),
              adopted ? fs::file_type::directory : fs::file_type::not_found);
    for (const char* path : {"uploads", "config/local.php"}) {
      EXPECT_FALSE(fs::is_symlink(fs::path(settings_.live + ".kept/shop") / path)) << path;
    }
  }

  // Kills are of processes, not of power: the page cache lives on, so that a disk would only make this slow.
  TemporaryFolder folder_{fs::is_directory("/dev/shm") ? "/dev/shm" : fs::temp_directory_path()};
  agent::ApplicationSettings settings_;
  LocalSource source_;
};

TEST_F(AdoptionCrash, killed_before_any_change_of_the_disk_it_shows_one_whole_tree_and_ends_loaded) {
  std::uint64_t point = 0;
  for (bool killed = true; killed && !HasFailure();) {
    begin();
    killed = killed_at(++point, [&] { agent(1, OrderAction::activate); });
    SCOPED_TRACE(fmt::format("killed at point {}", point));
    EXPECT_NE(live(), "nothing");
    ASSERT_FALSE(killed_at(0, [&] { agent(1, OrderAction::activate); }));
    EXPECT_EQ(live(), "release");
    EXPECT_EQ(result(), StepResult::loaded);
    expect_tidy(true);
  }
  EXPECT_GT(point, 60U);
}

TEST_F(AdoptionCrash, killed_before_any_change_of_the_disk_it_gives_the_folder_back_from_a_bad_release) {
  std::ofstream(folder_ / "fail-1") << "";
  std::uint64_t point = 0;
  for (bool killed = true; killed && !HasFailure();) {
    begin();
    killed = killed_at(++point, [&] { agent(1, OrderAction::activate); });
    SCOPED_TRACE(fmt::format("killed at point {}", point));
    EXPECT_NE(live(), "nothing");
    ASSERT_FALSE(killed_at(0, [&] { agent(1, OrderAction::activate); }));
    EXPECT_EQ(live(), "before");
    EXPECT_EQ(result(), StepResult::taken_back);
    expect_tidy(false);
  }
  EXPECT_GT(point, 70U);
}

TEST_F(AdoptionCrash, killed_before_any_change_of_the_disk_it_restores_the_folder_when_ordered) {
  std::uint64_t point = 0;
  for (bool killed = true; killed && !HasFailure();) {
    begin();
    ASSERT_FALSE(killed_at(0, [&] { agent(1, OrderAction::activate); }));
    killed = killed_at(++point, [&] { agent(2, OrderAction::restore); });
    SCOPED_TRACE(fmt::format("killed at point {}", point));
    EXPECT_NE(live(), "nothing");
    ASSERT_FALSE(killed_at(0, [&] { agent(2, OrderAction::restore); }));
    EXPECT_EQ(live(), "before");
    EXPECT_EQ(result(), StepResult::loaded);
    expect_tidy(false);
  }
  EXPECT_GT(point, 15U);
}

}  // namespace serin::apply
