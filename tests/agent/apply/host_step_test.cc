#include "agent/apply/host_step.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

namespace serin::apply {

namespace {

constexpr std::uint32_t kSequence = 4;

ObjectId root_of(ReleaseNumber number) {
  return digest_of(std::to_string(number));
}
Release release(ReleaseNumber number) {
  return {.application = "shop", .number = number, .root = root_of(number)};
}
Order order(OrderAction action, std::uint32_t sequence = kSequence) {
  return {.application = "shop", .id = {7, sequence}, .action = action};
}
std::string slot(ReleaseNumber number) {
  return release(number).slot_name();
}
/// Live is r1 unless a row says otherwise; the order is about r2.
constexpr ReleaseNumber kFolderLive = 99;
LiveFacts live_facts(ReleaseNumber number) {
  if (number == kFolderLive) return {.slot = kAdoptedSlot};
  return number == 0 ? LiveFacts{} : LiveFacts{slot(number), number, root_of(number)};
}

/// The journal of a step that stands in this phase.
StepJournal journal(StepPhase phase, OrderAction action = OrderAction::activate) {
  StepJournal step{.phase = phase, .order = order(action), .release = release(2), .state = HostState::loaded};
  if (phase == StepPhase::staging) step.state = HostState::pulling;
  if (phase == StepPhase::idle || phase == StepPhase::staging) return step;
  step.former_slot = slot(1);
  step.target_slot = slot(2);
  step.state = HostState::switching;
  step.bytes_pulled = 500;
  if (phase == StepPhase::reverting || phase == StepPhase::reloading) {
    step.failed_step = "check";
    step.exit_status = 3;
    step.output = "bad";
  }
  return step;
}
StepJournal restarted(StepPhase phase, std::uint32_t times) {
  StepJournal step = journal(phase);
  step.restarts = times;
  return step;
}
StepJournal ended(StepResult result, bool acknowledged = false) {
  StepJournal step = journal(StepPhase::idle);
  step.outcome = Outcome{.application = "shop", .order = step.order.id, .result = result};
  step.acknowledged = acknowledged;
  return step;
}
StepJournal first_release(StepPhase phase) {
  StepJournal step = journal(phase);
  step.former_slot.clear();
  return step;
}

StepJournal over_folder(StepPhase phase) {
  StepJournal step = journal(phase);
  step.former_slot = kAdoptedSlot;
  return step;
}

struct NameEffect {
  std::string operator()(const SaveJournal&) const { return "save"; }
  std::string operator()(const Stage& stage) const { return fmt::format("stage:r{}", stage.release.number); }
  std::string operator()(const LinkTo& link) const { return "link:" + link.slot.substr(0, link.slot.find('-')); }
  std::string operator()(const RunHooks&) const { return "hooks"; }
  std::string operator()(const RunReload&) const { return "reload"; }
  std::string operator()(const DiscardStaged& gone) const {
    return "discard:" + gone.slot.substr(0, gone.slot.find('-'));
  }
  std::string operator()(const ReportOutcome&) const { return "report"; }
};
std::string words_of(const std::vector<Effect>& effects) {
  std::string words;
  for (const Effect& effect : effects) words += (words.empty() ? "" : " ") + std::visit(NameEffect{}, effect);
  return words;
}

struct Row {
  const char* what;
  StepJournal before;
  Event event;
  ReleaseNumber live = 1;
  StepPhase phase;      ///< after it
  const char* effects;  ///< in order
  StepResult result = StepResult::unknown;
  HostState state;
};

Event order_came(OrderAction action, std::uint32_t sequence) {
  return OrderCame{order(action, sequence), release(2)};
}
Event restart_with(ReleaseNumber live) {
  return AgentRestarted{live == 0 ? "" : slot(live)};
}
const HookEnded kHookGood{true, "", 0, "done"};
const HookEnded kHookBad{false, "reload hook", 5, "boom"};
const Staged kStaged{slot(2), 500};
const StageFailed kStageFailed{"pull", "no source"};
const LinkFailed kLinkFailed{"read-only"};
const OutcomeAcknowledged kAcknowledged{{7, kSequence}};

using enum StepPhase;
using enum OrderAction;
using R = StepResult;
using S = HostState;

/// Every phase meets every event; where the answer depends on more, there is a row for each case.
std::vector<Row> rows() {
  const auto newer = [](OrderAction action) { return order_came(action, kSequence + 1); };
  const Event same = order_came(activate, kSequence);
  StepJournal broken = ended(R::broken);
  broken.live_broken = true;
  broken.state = S::broken;
  StepJournal broken_staging = journal(staging);
  broken_staging.live_broken = true;
  auto discarding = journal(idle, discard);
  discarding.target_slot = slot(2);
  const auto staging_only = journal(staging, OrderAction::stage);
  return {
      // idle
      {"a newer order to stage",
       ended(R::loaded),
       newer(OrderAction::stage),
       1,
       staging,
       "save stage:r2",
       {},
       S::pulling},
      {"a newer order to activate", ended(R::loaded), newer(activate), 1, staging, "save stage:r2", {}, S::pulling},
      {"a newer order to discard", ended(R::staged), newer(discard), 1, idle, "save discard:r2", {}, S::loaded},
      {"a newer order to restore",
       ended(R::loaded),
       newer(restore),
       1,
       switching,
       "save link:adopted",
       {},
       S::switching},
      {"a newer order to restore what is live",
       ended(R::loaded),
       newer(restore),
       kFolderLive,
       loading,
       "save hooks",
       {},
       S::switching},
      {"an order of a kind that it does not know", ended(R::loaded), newer(OrderAction::unknown), 1, idle,
       "save report", R::unchanged, S::loaded},
      {"the same order again", ended(R::loaded, true), same, 1, idle, "report", R::loaded, S::loaded},
      {"the same order while it has no outcome", journal(idle), same, 1, idle, "", {}, S::loaded},
      {"an older order", ended(R::loaded), order_came(activate, 3), 1, idle, "", R::loaded, S::loaded},
      {"staged, unasked", ended(R::loaded), kStaged, 1, idle, "", R::loaded, S::loaded},
      {"not staged, unasked", ended(R::loaded), kStageFailed, 1, idle, "", R::loaded, S::loaded},
      {"linked, unasked", ended(R::loaded), Linked{}, 1, idle, "", R::loaded, S::loaded},
      {"not linked, unasked", ended(R::loaded), kLinkFailed, 1, idle, "", R::loaded, S::loaded},
      {"a hook, unasked", ended(R::loaded), kHookGood, 1, idle, "", R::loaded, S::loaded},
      {"discarded", discarding, Discarded{}, 1, idle, "save report", R::discarded, S::loaded},
      {"discarded with nothing live", discarding, Discarded{}, 0, idle, "save report", R::discarded, S::unknown},
      {"discarded twice", ended(R::discarded), Discarded{}, 1, idle, "", R::discarded, S::loaded},
      {"a restart with an outcome to tell", ended(R::loaded), restart_with(1), 1, idle, "report", R::loaded, S::loaded},
      {"a restart with nothing to tell", ended(R::loaded, true), restart_with(1), 1, idle, "", R::loaded, S::loaded},
      {"a restart within a discard", discarding, restart_with(1), 1, idle, "discard:r2", {}, S::loaded},
      {"an acknowledgement", ended(R::loaded), kAcknowledged, 1, idle, "save", R::loaded, S::loaded},
      {"a second acknowledgement", ended(R::loaded, true), kAcknowledged, 1, idle, "", R::loaded, S::loaded},
      {"an acknowledgement of another order", ended(R::loaded), OutcomeAcknowledged{{7, 3}}, 1, idle, "", R::loaded,
       S::loaded},
      {"a newer order on a broken host", broken, newer(discard), 1, idle, "save discard:r2", {}, S::broken},
      // staging
      {"a newer order while staging", journal(staging), newer(activate), 1, staging, "", {}, S::pulling},
      {"staged", journal(staging), kStaged, 1, switching, "save link:r2", {}, S::switching},
      {"staged what is live", journal(staging), kStaged, 2, loading, "save hooks", {}, S::switching},
      {"staged and no more is wanted", staging_only, kStaged, 1, idle, "save report", R::staged, S::staged},
      {"staged what is live and no more is wanted", staging_only, kStaged, 2, idle, "save report", R::staged,
       S::loaded},
      {"not staged", journal(staging), kStageFailed, 1, idle, "save report", R::unchanged, S::loaded},
      {"not staged with nothing live", journal(staging), kStageFailed, 0, idle, "save report", R::unchanged,
       S::unknown},
      {"not staged on a broken host", broken_staging, kStageFailed, 1, idle, "save report", R::unchanged, S::broken},
      {"linked while staging", journal(staging), Linked{}, 1, staging, "", {}, S::pulling},
      {"not linked while staging", journal(staging), kLinkFailed, 1, staging, "", {}, S::pulling},
      {"a hook while staging", journal(staging), kHookBad, 1, staging, "", {}, S::pulling},
      {"discarded while staging", journal(staging), Discarded{}, 1, staging, "", {}, S::pulling},
      {"a restart while staging", journal(staging), restart_with(1), 1, idle, "save", {}, S::loaded},
      {"a restart while staging on a broken host", broken_staging, restart_with(1), 1, idle, "save", {}, S::broken},
      {"an acknowledgement while staging", journal(staging), kAcknowledged, 1, staging, "", {}, S::pulling},
      // switching
      {"a newer order while switching", journal(switching), newer(activate), 1, switching, "", {}, S::switching},
      {"staged while switching", journal(switching), kStaged, 1, switching, "", {}, S::switching},
      {"not staged while switching", journal(switching), kStageFailed, 1, switching, "", {}, S::switching},
      {"linked", journal(switching), Linked{}, 2, loading, "save hooks", {}, S::switching},
      {"not linked", journal(switching), kLinkFailed, 1, idle, "save report", R::unchanged, S::loaded},
      {"linked, but not durably", journal(switching), kLinkFailed, 2, reverting, "save link:r1", {}, S::switching},
      {"a hook while switching", journal(switching), kHookBad, 1, switching, "", {}, S::switching},
      {"discarded while switching", journal(switching), Discarded{}, 1, switching, "", {}, S::switching},
      {"a restart before the switch",
       journal(switching),
       restart_with(1),
       1,
       switching,
       "save link:r2",
       {},
       S::switching},
      {"a restart after the switch", journal(switching), restart_with(2), 2, loading, "save hooks", {}, S::switching},
      {"the third restart before the switch", restarted(switching, 2), restart_with(1), 1, idle, "save report",
       R::unchanged, S::loaded},
      {"the third restart after the switch",
       restarted(switching, 2),
       restart_with(2),
       2,
       reverting,
       "save link:r1",
       {},
       S::switching},
      {"an acknowledgement while switching", journal(switching), kAcknowledged, 1, switching, "", {}, S::switching},
      // loading
      {"a newer order while loading", journal(loading), newer(activate), 2, loading, "", {}, S::switching},
      {"staged while loading", journal(loading), kStaged, 2, loading, "", {}, S::switching},
      {"not staged while loading", journal(loading), kStageFailed, 2, loading, "", {}, S::switching},
      {"linked while loading", journal(loading), Linked{}, 2, loading, "", {}, S::switching},
      {"not linked while loading", journal(loading), kLinkFailed, 2, loading, "", {}, S::switching},
      {"hooks done", journal(loading), kHookGood, 2, idle, "save report", R::loaded, S::loaded},
      {"a hook failed", journal(loading), kHookBad, 2, reverting, "save link:r1", {}, S::switching},
      {"a hook of the release over an adopted folder failed",
       over_folder(loading),
       kHookBad,
       2,
       reverting,
       "save link:adopted",
       {},
       S::switching},
      {"a hook of the first release failed", first_release(loading), kHookBad, 2, idle, "save report", R::broken,
       S::broken},
      {"discarded while loading", journal(loading), Discarded{}, 2, loading, "", {}, S::switching},
      {"a restart while loading", journal(loading), restart_with(2), 2, loading, "save hooks", {}, S::switching},
      {"a restart while loading, link lost",
       journal(loading),
       restart_with(1),
       1,
       switching,
       "save link:r2",
       {},
       S::switching},
      {"the third restart while loading",
       restarted(loading, 2),
       restart_with(2),
       2,
       reverting,
       "save link:r1",
       {},
       S::switching},
      {"an acknowledgement while loading", journal(loading), kAcknowledged, 2, loading, "", {}, S::switching},
      // reverting
      {"a newer order while reverting", journal(reverting), newer(activate), 2, reverting, "", {}, S::switching},
      {"staged while reverting", journal(reverting), kStaged, 2, reverting, "", {}, S::switching},
      {"not staged while reverting", journal(reverting), kStageFailed, 2, reverting, "", {}, S::switching},
      {"linked back", journal(reverting), Linked{}, 1, reloading, "save reload", {}, S::switching},
      {"not linked back", journal(reverting), kLinkFailed, 2, idle, "save report", R::broken, S::broken},
      {"a hook while reverting", journal(reverting), kHookBad, 2, reverting, "", {}, S::switching},
      {"discarded while reverting", journal(reverting), Discarded{}, 2, reverting, "", {}, S::switching},
      {"a restart while reverting",
       journal(reverting),
       restart_with(2),
       2,
       reverting,
       "save link:r1",
       {},
       S::switching},
      {"an acknowledgement while reverting", journal(reverting), kAcknowledged, 2, reverting, "", {}, S::switching},
      // reloading
      {"a newer order while reloading", journal(reloading), newer(activate), 1, reloading, "", {}, S::switching},
      {"staged while reloading", journal(reloading), kStaged, 1, reloading, "", {}, S::switching},
      {"not staged while reloading", journal(reloading), kStageFailed, 1, reloading, "", {}, S::switching},
      {"linked while reloading", journal(reloading), Linked{}, 1, reloading, "", {}, S::switching},
      {"not linked while reloading", journal(reloading), kLinkFailed, 1, reloading, "", {}, S::switching},
      {"reloaded", journal(reloading), kHookGood, 1, idle, "save report", R::taken_back, S::taken_back},
      {"the way back failed", journal(reloading), kHookBad, 1, idle, "save report", R::broken, S::broken},
      {"discarded while reloading", journal(reloading), Discarded{}, 1, reloading, "", {}, S::switching},
      {"a restart while reloading", journal(reloading), restart_with(1), 1, reloading, "save reload", {}, S::switching},
      {"a restart while reloading, link lost",
       journal(reloading),
       restart_with(2),
       2,
       reverting,
       "save link:r1",
       {},
       S::switching},
      {"the third restart on the way back", restarted(reloading, 2), restart_with(1), 1, idle, "save report", R::broken,
       S::broken},
      {"an acknowledgement while reloading", journal(reloading), kAcknowledged, 1, reloading, "", {}, S::switching},
  };
}

}  // namespace

TEST(HostStep, does_what_each_row_says) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.what);
    const Advance done = advance(row.before, row.event, live_facts(row.live), Now{});
    EXPECT_EQ(done.next.phase, row.phase);
    EXPECT_EQ(words_of(done.effects), row.effects);
    EXPECT_EQ(done.next.outcome ? done.next.outcome->result : StepResult::unknown, row.result);
    EXPECT_EQ(done.next.state, row.state) << name_of(done.next.state);
  }
}

TEST(HostStep, has_a_row_for_every_phase_and_event) {
  std::map<std::pair<StepPhase, std::size_t>, int> seen;
  for (const Row& row : rows()) ++seen[{row.before.phase, row.event.index()}];
  EXPECT_EQ(seen.size(), 6 * std::variant_size_v<Event>);
}

TEST(HostStep, leaves_everything_as_it_is_when_nothing_is_to_be_done) {
  for (const Row& row : rows()) {
    if (*row.effects == '\0') {
      EXPECT_EQ(advance(row.before, row.event, live_facts(row.live), Now{}).next, row.before) << row.what;
    }
  }
}

TEST(HostStep, an_outcome_tells_what_is_live_and_why) {
  StepJournal step = journal(reloading);
  const Now now{.steady = SteadyTime{std::chrono::seconds{9}}};
  const Advance done = advance(step, HookEnded{true, {}, 0, {}}, live_facts(1), now);
  EXPECT_EQ(done.next.outcome, (Outcome{.application = "shop",
                                        .order = {7, kSequence},
                                        .action = activate,
                                        .result = R::taken_back,
                                        .step = "check",
                                        .exit_status = 3,
                                        .output = "bad",
                                        .live_release = 1,
                                        .live_root = root_of(1),
                                        .at_ms = 9'000,
                                        .bytes_pulled = 500}));
}

TEST(HostStep, a_failed_way_back_tells_both_failures) {
  const Advance done = advance(journal(reloading), kHookBad, live_facts(1), Now{});
  EXPECT_EQ(done.next.outcome->step, "check");
  EXPECT_EQ(done.next.outcome->output, "bad\nthe way back failed: reload hook, exit status 5: boom");
}

TEST(HostStep, a_restart_while_staging_lets_the_repeated_order_begin_anew) {
  const StepJournal after = advance(journal(staging), restart_with(1), live_facts(1), Now{}).next;
  EXPECT_LT(after.order.id, (OrderId{7, kSequence}));
  const Advance again = advance(after, order_came(activate, kSequence), live_facts(1), Now{});
  EXPECT_EQ(words_of(again.effects), "save stage:r2");
  EXPECT_EQ(again.next.order.id, (OrderId{7, kSequence}));
  EXPECT_TRUE(advance(after, order_came(activate, kSequence - 1), live_facts(1), Now{}).effects.empty());
}

TEST(HostStep, the_way_back_counts_its_restarts_anew) {
  StepJournal step = advance(restarted(loading, 2), restart_with(2), live_facts(2), Now{}).next;
  EXPECT_EQ(step.phase, reverting);
  step = advance(step, Linked{}, live_facts(1), Now{}).next;
  for (int restart = 0; restart < 2; ++restart) {
    const Advance again = advance(step, restart_with(1), live_facts(1), Now{});
    EXPECT_EQ(words_of(again.effects), "save reload");
    step = again.next;
  }
  EXPECT_EQ(advance(step, restart_with(1), live_facts(1), Now{}).next.outcome->result, R::broken);
}

TEST(HostStep, a_broken_host_is_well_again_only_after_a_step_that_ended_well) {
  StepJournal step = advance(journal(reloading), kHookBad, live_facts(1), Now{}).next;
  EXPECT_EQ(step.state, S::broken);
  step = advance(step, order_came(activate, kSequence + 1), live_facts(1), Now{}).next;
  step = advance(step, kStageFailed, live_facts(1), Now{}).next;
  EXPECT_EQ(step.state, S::broken);
  step = advance(step, order_came(activate, kSequence + 2), live_facts(1), Now{}).next;
  step = advance(step, kStaged, live_facts(1), Now{}).next;
  step = advance(step, Linked{}, live_facts(2), Now{}).next;
  step = advance(step, kHookGood, live_facts(2), Now{}).next;
  EXPECT_EQ(step.state, S::loaded);
  EXPECT_FALSE(step.live_broken);
}

}  // namespace serin::apply
