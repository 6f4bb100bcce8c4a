#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "agent/apply/applier_process.h"
#include "agent/apply/journal_file.h"
#include "tests/agent/apply/crash_points.h"
#include "tests/agent/apply/local_source.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::apply {

namespace fs = std::filesystem;
using crash::killed_at;

/// An agent that is killed again and again while it deploys one release after the other.
class ApplierCrash : public testing::Test {
 protected:
  void SetUp() override {
    settings_.name = "shop";
    settings_.live = (folder_ / "current").string();
    settings_.idle_grace = Duration{0};
    settings_.keep = {{"kept/data", true}, {"many/local", false}};
    settings_.reload.argv = {"/bin/sh", "-c", "test ! -e " + (folder_ / "fail-").string() + "$SERIN_RELEASE"};
  }

  /// Releases differ in every kind of entry.
  static SampleTree tree(ReleaseNumber number) {
    const std::string n = std::to_string(number);
    SampleTree all{{"index", file("index of " + n)}, {"lib/same", file("same")},           {"lib/run", program(n)},
                   {"name", link_to("lib/" + n)},    {"only-" + n + "/deep/x", file("x")}, {"empty", file("")}};
    if (number % 2 == 0) all["kind"] = file("a file");
    if (number % 2 == 1) all["kind/inner"] = file("in a folder");
    for (int i = 0; i < 8; ++i) all["many/" + std::to_string(i)] = file(i == 0 ? n : std::to_string(i));
    return all;
  }

  /// As it stands on the host.
  static SampleTree with_links(SampleTree all) {
    for (const char* path : {"kept/data", "many/local"}) {
      all[path] = link_to(fmt::format("../../../current.kept/shop/{}", path));
    }
    return all;
  }

  /// What the agent does from its start to the end of the order, and afterwards. In a child.
  void agent(ReleaseNumber number, std::uint32_t sequence) {
    auto applier = Applier::open({.settings = settings_,
                                  .state_dir = folder_ / "state",
                                  .pull = [this](const Release& wanted, SlotDir& slots,
                                                 const std::stop_token&) { return source_.pull(wanted, slots); },
                                  .now = [] { return Now{}; },
                                  .on_status = [](const ApplicationStatus&) {}});
    if (!applier) return fail(applier.error().text);
    if (!applier->warning().empty()) return fail(applier->warning());
    applier->recover();
    const Release release = release_of(number, tree(number));
    const Order order{.application = "shop",
                      .id = {number, sequence},
                      .action = OrderAction::activate,
                      .release = {.record = encode_release(release), .signature = {}}};
    applier->run(order, release, {});
    applier->tidy();
    applier->acknowledge(order.id);
  }
  static void fail(const std::string& why) {
    fmt::print(stderr, "the agent: {}\n", why);
    ::_exit(1);
  }

  /// The release whose whole tree the live path shows; 0: there is no live path. Anything else fails the test.
  ReleaseNumber live(ReleaseNumber newest) const {
    if (!fs::exists(fs::symlink_status(settings_.live))) return 0;
    std::string differences;
    for (const ReleaseNumber number : {newest, newest - 1}) {
      const std::string difference =
          number == 0 ? "nothing" : apply::difference(settings_.live, with_links(tree(number)));
      if (difference.empty()) return number;
      differences += fmt::format("\nr{}: {}", number, difference);
    }
    ADD_FAILURE() << "the live path shows no whole tree:" << differences;
    return 0;
  }
  [[nodiscard]] StepResult result() const {
    const auto journal = JournalFile(folder_ / "state/journal/shop").load();
    EXPECT_TRUE(journal) << journal.error().text;
    return journal && journal->outcome ? journal->outcome->result : StepResult::unknown;
  }
  /// Nothing of a crash is left beside the live path, in the slots and in the journal's folder.
  void expect_tidy() const {
    EXPECT_FALSE(fs::exists(fs::symlink_status(settings_.live + ".serin-new")));
    for (const auto& entry : fs::directory_iterator(settings_.live + ".slots")) {
      const std::string name = entry.path().filename().string();
      EXPECT_TRUE(name == ".serin" || name == ".spare" || name.starts_with("r")) << name;
    }
    const auto count = [](const fs::path& folder) { return std::distance(fs::directory_iterator(folder), {}); };
    const fs::path own = settings_.live + ".slots/.serin";
    EXPECT_EQ(count(own / "incoming"), 0);
    EXPECT_LE(count(own / "slots"), 3);
    EXPECT_EQ(count(folder_ / "state/journal"), 1);
  }

  // Kills are of processes, not of power: the page cache lives on, so that a disk would only make this slow.
  TemporaryFolder folder_{fs::is_directory("/dev/shm") ? "/dev/shm" : fs::temp_directory_path()};
  agent::ApplicationSettings settings_;
  LocalSource source_;
};

TEST_F(ApplierCrash, killed_before_any_change_of_the_disk_it_shows_a_whole_tree_and_ends_loaded) {
  bool killed = true;
  ReleaseNumber number = 0;
  for (std::uint64_t point = 1; killed && !HasFailure(); ++point) {
    ++number;
    source_.offer(tree(number));
    killed = killed_at(point, [&] { agent(number, 1); });
    SCOPED_TRACE(fmt::format("killed at point {}", point));
    const ReleaseNumber shown = live(number);
    EXPECT_TRUE(shown == number || shown == number - 1);
    ASSERT_FALSE(killed_at(0, [&] { agent(number, 1); }));
    EXPECT_EQ(live(number), number);
    EXPECT_EQ(result(), StepResult::loaded);
    expect_tidy();
  }
  EXPECT_GT(number, 60U) << "points";
}

TEST_F(ApplierCrash, killed_before_any_change_of_the_disk_it_takes_a_bad_release_back) {
  source_.offer(tree(1));
  ASSERT_FALSE(killed_at(0, [&] { agent(1, 1); }));
  bool killed = true;
  std::uint64_t points = 0;
  for (std::uint32_t sequence = 1; killed && !HasFailure(); ++sequence) {
    std::ofstream(folder_ / "fail-2") << "";
    source_.offer(tree(2));
    killed = killed_at(++points, [&] { agent(2, sequence); });
    SCOPED_TRACE(fmt::format("killed at point {}", points));
    live(2);
    ASSERT_FALSE(killed_at(0, [&] { agent(2, sequence); }));
    EXPECT_EQ(live(2), 1U);
    EXPECT_EQ(result(), StepResult::taken_back);
    expect_tidy();
  }
  EXPECT_GT(points, 30U);
}

TEST_F(ApplierCrash, killed_again_and_again_it_ends_in_one_state_and_shows_whole_trees) {
  constexpr std::uint32_t kSeed = 7'110;
  std::mt19937 random(kSeed);
  std::uint32_t kills = 0;
  for (ReleaseNumber number = 1; number <= 25 && !HasFailure(); ++number) {
    SCOPED_TRACE(fmt::format("seed {}, release {}", kSeed, number));
    source_.offer(tree(number));
    for (int start = 0; start < 6 && killed_at(1 + random() % 120, [&] { agent(number, 1); }); ++start) {
      ++kills;
      live(number);
    }
    // By now it may have been killed too often to trust this release: then it is taken back, and ordered again.
    ASSERT_FALSE(killed_at(0, [&] { agent(number, 1); }));
    if (result() == StepResult::loaded) {
      EXPECT_EQ(live(number), number);
    } else {
      EXPECT_TRUE(result() == StepResult::taken_back || result() == StepResult::broken ||
                  result() == StepResult::unchanged)
          << name_of(result());
      ASSERT_FALSE(killed_at(0, [&] { agent(number, 2); }));
      EXPECT_EQ(result(), StepResult::loaded);
      EXPECT_EQ(live(number), number);
    }
    expect_tidy();
  }
  EXPECT_GT(kills, 50U);
}

}  // namespace serin::apply
