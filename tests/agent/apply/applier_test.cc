#include "agent/apply/applier_process.h"
#include "tests/agent/apply/step_fixture.h"

namespace serin::apply {

namespace fs = std::filesystem;

class ApplierTest : public StepTest {
 protected:
  void SetUp() override {
    StepTest::SetUp();
    open();
  }
  void open() {
    applier_.reset();
    auto opened =
        Applier::open({.settings = settings_,
                       .state_dir = folder_ / "state",
                       .pull = [this](const Release& wanted, SlotDir& slots,
                                      const std::stop_token& stop) { return pull_(wanted, slots, stop); },
                       .now = now,
                       .on_status = [this](const ApplicationStatus& status) { states_.push_back(status.state); }});
    ASSERT_TRUE(opened) << opened.error().text;
    applier_.emplace(std::move(*opened));
  }
  /// The outcome as "result step".
  std::string run(ReleaseNumber number, std::uint32_t sequence, OrderAction action = OrderAction::activate) {
    applier_->run(order(number, sequence, action), release(number), {});
    return outcome();
  }
  [[nodiscard]] std::string outcome() const {
    const auto told = applier_->unacknowledged();
    if (!told) return "";
    return std::string(name_of(told->result)) + (told->step.empty() ? "" : " " + told->step);
  }
  /// What a crash in this phase left, with this release live.
  void crash_in(StepPhase phase, ReleaseNumber live, std::uint32_t restarts = 0) {
    StepJournal step = journal();
    step.phase = phase;
    step.order = order(2, 9);
    step.release = release(2);
    step.former_slot = release(1).slot_name();
    step.target_slot = release(2).slot_name();
    step.restarts = restarts;
    step.outcome.reset();
    step.acknowledged = false;
    ASSERT_TRUE(JournalFile(journal_path()).save(step));
    fs::remove(settings_.live);
    fs::create_symlink("current.slots/" + release(live).slot_name(), settings_.live);
    open();
    applier_->recover();
  }

  std::function<Result<PullResult>(const Release&, SlotDir&, const std::stop_token&)> pull_ =
      [this](const Release& wanted, SlotDir& slots, const std::stop_token&) { return source_.pull(wanted, slots); };
  std::vector<HostState> states_;
  std::optional<Applier> applier_;
};

TEST_F(ApplierTest, pulls_builds_switches_and_loads) {
  EXPECT_EQ(run(1, 1), "loaded");
  EXPECT_EQ(live(), 1U);
  EXPECT_EQ(loads(), "1 ");
  EXPECT_EQ(states_, (std::vector{HostState::pulling, HostState::switching, HostState::switching, HostState::loaded,
                                  HostState::loaded}));
  const Outcome told = *applier_->unacknowledged();
  EXPECT_EQ(told.output, "release 1");
  EXPECT_EQ(told.live_root, release(1).root);
  EXPECT_GT(told.bytes_pulled, 0U);
  const ApplicationStatus status = applier_->status();
  EXPECT_EQ(status.live_release, 1U);
  EXPECT_EQ(status.last_order, (OrderId{5, 1}));
  EXPECT_EQ(status.slots, std::vector<ReleaseNumber>{1});
  EXPECT_EQ(journal().outcome, told);
}

TEST_F(ApplierTest, a_hook_is_told_what_is_live) {
  settings_.reload.argv = {"/bin/sh", "-c", "echo $SERIN_APPLICATION $SERIN_RELEASE $SERIN_LIVE $SERIN_SLOT"};
  open();
  EXPECT_EQ(run(3, 1), "loaded");
  EXPECT_EQ(applier_->unacknowledged()->output, "shop 3 " + settings_.live + " " + release(3).slot_name() + "\n");
}

TEST_F(ApplierTest, a_staged_release_is_activated_without_pulling_again) {
  EXPECT_EQ(run(1, 1), "loaded");
  EXPECT_EQ(run(2, 2, OrderAction::stage), "staged");
  EXPECT_EQ(live(), 1U);
  EXPECT_EQ(applier_->status().state, HostState::staged);
  source_.served.clear();
  EXPECT_EQ(run(2, 3), "loaded");
  EXPECT_EQ(live(), 2U);
  EXPECT_TRUE(source_.served.empty());
}

TEST_F(ApplierTest, a_staged_release_is_discarded) {
  EXPECT_EQ(run(1, 1), "loaded");
  EXPECT_EQ(run(2, 2, OrderAction::stage), "staged");
  EXPECT_EQ(run(2, 3, OrderAction::discard), "discarded");
  EXPECT_EQ(applier_->status().slots, std::vector<ReleaseNumber>{1});
  EXPECT_EQ(applier_->status().state, HostState::loaded);
  EXPECT_EQ(run(1, 4, OrderAction::discard), "discarded") << "but what is live stays";
  EXPECT_EQ(live(), 1U);
}

TEST_F(ApplierTest, a_failed_hook_takes_the_release_back) {
  EXPECT_EQ(run(1, 1), "loaded");
  fail_hook_of(2);
  EXPECT_EQ(run(2, 2), "taken back reload hook");
  EXPECT_EQ(live(), 1U);
  EXPECT_EQ(loads(), "1 2 1 ");
  EXPECT_EQ(applier_->unacknowledged()->exit_status, 1);
  EXPECT_EQ(applier_->unacknowledged()->output, "release 2");
  EXPECT_EQ(applier_->unacknowledged()->live_release, 1U);
}

TEST_F(ApplierTest, a_failed_check_takes_the_release_back_too) {
  EXPECT_EQ(run(1, 1), "loaded");
  settings_.check.argv = {"/bin/sh", "-c", "echo bad; exit 4"};
  open();
  EXPECT_EQ(run(2, 2), "taken back check");
  EXPECT_EQ(applier_->unacknowledged()->exit_status, 4);
  EXPECT_EQ(live(), 1U);
}

TEST_F(ApplierTest, a_failed_way_back_is_broken_until_something_loads) {
  EXPECT_EQ(run(1, 1), "loaded");
  fail_hook_of(1);
  fail_hook_of(2);
  EXPECT_EQ(run(2, 2), "broken reload hook");
  EXPECT_EQ(live(), 1U);
  EXPECT_EQ(run(3, 3, OrderAction::discard), "discarded");
  EXPECT_EQ(applier_->status().state, HostState::broken);
  EXPECT_EQ(run(3, 4), "loaded");
  EXPECT_EQ(applier_->status().state, HostState::loaded);
}

TEST_F(ApplierTest, a_first_release_that_does_not_load_stays_and_is_broken) {
  fail_hook_of(1);
  EXPECT_EQ(run(1, 1), "broken reload hook");
  EXPECT_EQ(live(), 1U);
}

TEST_F(ApplierTest, a_failed_pull_changes_nothing) {
  EXPECT_EQ(run(1, 1), "loaded");
  pull_ = [](const Release&, SlotDir&, const std::stop_token&) { return failure(ErrorKind::busy, "nobody there"); };
  EXPECT_EQ(run(2, 2), "unchanged pull");
  EXPECT_EQ(applier_->unacknowledged()->output, "nobody there");
  pull_ = [](const Release&, SlotDir&, const std::stop_token&) { return failure(ErrorKind::no_space, "full"); };
  EXPECT_EQ(run(2, 3), "unchanged space");
  pull_ = [](const Release&, SlotDir&, const std::stop_token&) { return PullResult{}; };
  EXPECT_EQ(run(2, 4), "unchanged build") << "nothing came";
  EXPECT_EQ(live(), 1U);
  EXPECT_EQ(loads(), "1 ");
}

TEST_F(ApplierTest, a_damaged_live_tree_is_pulled_anew) {
  EXPECT_EQ(run(1, 1), "loaded");
  applier_->tidy();
  const fs::path damaged = fs::path(settings_.live) / "lib/a";
  fs::permissions(damaged, fs::perms::owner_write, fs::perm_options::add);
  std::ofstream(damaged) << "longer";
  SampleTree touched = tree(2);
  touched["lib/a"].mtime_s += 1;
  source_.offer(touched);
  applier_->run(order(2, 2), release_of(2, touched), {});
  EXPECT_EQ(outcome(), "loaded");
  EXPECT_EQ(difference(settings_.live, touched), "");
}

TEST_F(ApplierTest, a_repeated_order_is_answered_and_not_carried_out_twice) {
  EXPECT_EQ(run(1, 1), "loaded");
  applier_->acknowledge({5, 1});
  EXPECT_EQ(outcome(), "");
  EXPECT_EQ(run(1, 1), "loaded");
  open();
  applier_->recover();
  EXPECT_EQ(outcome(), "") << "it was acknowledged before the restart";
  EXPECT_EQ(run(1, 1), "loaded");
  EXPECT_EQ(loads(), "1 ");
}

TEST_F(ApplierTest, an_outcome_survives_a_restart_until_it_is_acknowledged) {
  EXPECT_EQ(run(1, 1), "loaded");
  open();
  applier_->recover();
  EXPECT_EQ(outcome(), "loaded");
  applier_->acknowledge({5, 2});
  EXPECT_EQ(outcome(), "loaded") << "that was another order";
  applier_->acknowledge({5, 1});
  open();
  EXPECT_EQ(outcome(), "");
}

TEST_F(ApplierTest, an_older_order_is_ignored) {
  EXPECT_EQ(run(2, 7), "loaded");
  EXPECT_EQ(run(1, 6), "loaded") << "the outcome of the newer one";
  EXPECT_EQ(live(), 2U);
}

TEST_F(ApplierTest, a_superseded_order_ends_unchanged) {
  EXPECT_EQ(run(1, 1), "loaded");
  std::stop_source superseded;
  pull_ = [&](const Release&, SlotDir&, const std::stop_token& stop) -> Result<PullResult> {
    superseded.request_stop();
    EXPECT_TRUE(stop.stop_requested());
    return failure(ErrorKind::busy, "stopped");
  };
  applier_->run(order(2, 2), release(2), superseded.get_token());
  EXPECT_EQ(outcome(), "unchanged pull");
  EXPECT_EQ(applier_->unacknowledged()->output, "a newer order took its place");
}

TEST_F(ApplierTest, an_agent_that_leaves_while_staging_begins_anew_after_its_restart) {
  EXPECT_EQ(run(1, 1), "loaded");
  const auto good_pull = pull_;
  std::stop_source leaving;
  pull_ = [&](const Release& wanted, SlotDir& slots, const std::stop_token& stop) {
    leaving.request_stop();
    EXPECT_TRUE(stop.stop_requested());
    return good_pull(wanted, slots, stop);
  };
  applier_->run(order(2, 2), release(2), {}, leaving.get_token());
  EXPECT_EQ(journal().phase, StepPhase::staging);
  EXPECT_EQ(outcome(), "");
  open();
  applier_->recover();
  EXPECT_LT(applier_->status().last_order, (OrderId{5, 2})) << "so that the controller sends it again";
  pull_ = good_pull;
  EXPECT_EQ(run(2, 2), "loaded");
}

TEST_F(ApplierTest, nothing_is_begun_that_the_journal_cannot_record) {
  EXPECT_EQ(run(1, 1), "loaded");
  fs::rename(folder_ / "state", folder_ / "away");
  EXPECT_EQ(run(2, 2), "unchanged journal");
  EXPECT_EQ(live(), 1U);
  fs::rename(folder_ / "away", folder_ / "state");
  EXPECT_EQ(run(2, 3), "loaded");
}

TEST_F(ApplierTest, a_switch_that_fails_changes_nothing) {
  EXPECT_EQ(run(1, 1), "loaded");
  EXPECT_EQ(run(2, 2, OrderAction::stage), "staged");
  fs::rename(settings_.live, folder_ / "aside");
  std::ofstream(settings_.live) << "x";
  EXPECT_EQ(run(2, 3), "unchanged switch");
  EXPECT_NE(applier_->unacknowledged()->output.find("it is no link"), std::string::npos);
  EXPECT_EQ(loads(), "1 ");
}

TEST_F(ApplierTest, a_damaged_journal_is_told_and_what_is_live_stays) {
  EXPECT_EQ(run(1, 1), "loaded");
  EXPECT_EQ(applier_->warning(), "");
  fs::resize_file(journal_path(), fs::file_size(journal_path()) - 1);
  std::ofstream(folder_ / "state/journal/.shop.abc123") << "half";
  open();
  applier_->recover();
  EXPECT_NE(applier_->warning().find(journal_path().string() + ": its checksum is wrong"), std::string::npos);
  EXPECT_EQ(live(), 1U);
  EXPECT_EQ(applier_->status().state, HostState::loaded);
  EXPECT_FALSE(fs::exists(folder_ / "state/journal/.shop.abc123"));
  EXPECT_EQ(run(2, 2), "loaded");
}

TEST_F(ApplierTest, a_live_path_that_cannot_be_used_is_told) {
  applier_.reset();
  std::ofstream(settings_.live) << "x";
  const auto opened = Applier::open(
      {.settings = settings_, .state_dir = folder_ / "state", .pull = pull_, .now = now, .on_status = [](const auto&) {
       }});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::refused);
}

// ---- a folder that was live before Serin, and what is kept ----

TEST_F(ApplierTest, a_first_release_that_cannot_be_loaded_gives_the_adopted_folder_back) {
  applier_.reset();
  fs::create_directory(settings_.live);
  std::ofstream(fs::path(settings_.live) / "index") << "before";
  open();
  EXPECT_TRUE(applier_->status().adopted);
  EXPECT_EQ(applier_->status().state, HostState::loaded) << "something is live";
  fail_hook_of(1);
  EXPECT_EQ(run(1, 1), "taken back reload hook");
  EXPECT_EQ(loads(), "1 0 ");
  EXPECT_TRUE(applier_->status().adopted);
  EXPECT_EQ(posix::read_file(settings_.live + "/index", 100), "before");
  mend_hook_of(1);
  EXPECT_EQ(run(1, 2), "loaded");
  EXPECT_FALSE(applier_->status().adopted);
  EXPECT_EQ(run(1, 3, OrderAction::restore), "loaded");
  EXPECT_EQ(loads(), "1 0 1 0 ");
  EXPECT_EQ(applier_->unacknowledged()->live_release, 0U);
  EXPECT_TRUE(applier_->status().adopted);
  EXPECT_EQ(run(1, 4, OrderAction::restore), "loaded") << "twice is once";
  EXPECT_EQ(run(2, 5), "loaded");
}

TEST_F(ApplierTest, without_an_adopted_folder_there_is_nothing_to_restore) {
  EXPECT_EQ(run(1, 1), "loaded");
  EXPECT_EQ(run(1, 2, OrderAction::restore), "unchanged switch");
  EXPECT_EQ(live(), 1U);
}

TEST_F(ApplierTest, a_folder_with_other_files_is_not_adoptable_and_stays_as_it_is) {
  applier_.reset();
  fs::create_directory(settings_.live);
  std::ofstream(fs::path(settings_.live) / "notes") << "mine";
  open();
  for (const OrderAction action : {OrderAction::stage, OrderAction::activate}) {
    EXPECT_EQ(run(1, action == OrderAction::stage ? 1 : 2, action), "unchanged not-adoptable");
    EXPECT_NE(applier_->unacknowledged()->output.find("notes"), std::string::npos);
  }
  EXPECT_EQ(loads(), "");
  EXPECT_EQ(posix::read_file(settings_.live + "/notes", 100), "mine");
}

TEST_F(ApplierTest, a_release_with_a_kept_path_ends_unchanged_with_the_path) {
  EXPECT_EQ(run(1, 1), "loaded");
  applier_.reset();
  settings_.keep = {{"lib", false}};
  open();
  EXPECT_EQ(run(2, 2), "unchanged keep");
  EXPECT_NE(applier_->unacknowledged()->output.find("the release has lib, which this host keeps"), std::string::npos);
  EXPECT_EQ(live(), 1U);
}

// ---- a crash in each phase ----

TEST_F(ApplierTest, a_crash_while_switching_goes_on_from_where_the_link_points) {
  for (const ReleaseNumber linked : {1U, 2U}) {
    run(1, 1);
    run(2, 2);
    crash_in(StepPhase::switching, linked);
    EXPECT_EQ(outcome(), "loaded");
    EXPECT_EQ(live(), 2U);
  }
}

TEST_F(ApplierTest, a_crash_while_loading_runs_the_hooks_again) {
  run(1, 1);
  run(2, 2);
  crash_in(StepPhase::loading, 2);
  EXPECT_EQ(outcome(), "loaded");
  EXPECT_EQ(loads(), "1 2 2 ");
}

TEST_F(ApplierTest, the_third_crash_while_loading_takes_the_release_back) {
  run(1, 1);
  run(2, 2);
  crash_in(StepPhase::loading, 2, 2);
  EXPECT_EQ(outcome(), "taken back load");
  EXPECT_EQ(applier_->unacknowledged()->output, "the agent was killed 3 times while it loaded this release");
  EXPECT_EQ(live(), 1U);
  EXPECT_EQ(loads(), "1 2 1 ");
}

TEST_F(ApplierTest, a_crash_on_the_way_back_goes_on_going_back) {
  for (const StepPhase phase : {StepPhase::reverting, StepPhase::reloading}) {
    for (const ReleaseNumber linked : {1U, 2U}) {
      run(1, 1);
      run(2, 2);
      crash_in(phase, linked);
      EXPECT_EQ(outcome(), "taken back");
      EXPECT_EQ(live(), 1U);
    }
  }
}

}  // namespace serin::apply
