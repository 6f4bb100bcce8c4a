#include "agent/apply/host_step.h"

#include <fmt/format.h>

namespace serin::apply {

namespace {

/// After this many restarts of the agent within one step the new release is taken for the cause.
constexpr std::uint32_t kRestartsMax = 3;

/// One call of advance(): the journal as it becomes, and what is to be done.
class Move {
 public:
  Move(StepJournal journal, const LiveFacts& live, Now now) : next_(std::move(journal)), live_(live), now_(now) {}

  void on(const OrderCame& came) {
    if (came.order.id == next_.order.id && next_.order.id.sequence != 0) {
      if (next_.phase == StepPhase::idle && next_.outcome) {
        next_.acknowledged = false;
        then(ReportOutcome{});
      }
      return;
    }
    if (came.order.id < next_.order.id || next_.phase != StepPhase::idle) return;
    next_ = StepJournal{
        .order = came.order, .release = came.release, .state = next_.state, .live_broken = next_.live_broken};
    switch (came.order.action) {
      case OrderAction::stage:
      case OrderAction::prefetch:
      case OrderAction::activate:
        enter(StepPhase::staging, HostState::pulling);
        then(Stage{next_.release});
        break;
      case OrderAction::discard:
        next_.target_slot = next_.release.slot_name();
        then(SaveJournal{});
        then(DiscardStaged{next_.target_slot});
        break;
      case OrderAction::restore:
        next_.target_slot = kAdoptedSlot;
        switch_or_load();
        break;
      case OrderAction::unknown:
        end(StepResult::unchanged, settled_state());
        break;
    }
  }

  void on(const Staged& staged) {
    if (next_.phase != StepPhase::staging) return;
    next_.target_slot = staged.slot;
    next_.bytes_pulled = staged.bytes_pulled;
    if (next_.order.action == OrderAction::stage || next_.order.action == OrderAction::prefetch) {
      end(StepResult::staged, live_.slot == staged.slot ? settled_state() : HostState::staged);
    } else {
      switch_or_load();
    }
  }

  void on(const StageFailed& failed) {
    if (next_.phase != StepPhase::staging) return;
    fail(failed.step, 0, failed.reason);
    end(StepResult::unchanged, settled_state());
  }

  void on(const Linked&) {
    if (next_.phase == StepPhase::switching) {
      enter(StepPhase::loading, HostState::switching);
      then(RunHooks{});
    } else if (next_.phase == StepPhase::reverting) {
      enter(StepPhase::reloading, HostState::switching);
      then(RunReload{});
    }
  }

  void on(const LinkFailed& failed) {
    if (next_.phase == StepPhase::switching) {
      fail("switch", 0, failed.reason);
      // The rename may have been done all the same, and only its fsync failed.
      if (live_.slot == next_.target_slot) {
        go_back();
      } else {
        end(StepResult::unchanged, settled_state());
      }
    } else if (next_.phase == StepPhase::reverting) {
      next_.output += "\nthe way back failed: " + failed.reason;
      end(StepResult::broken, HostState::broken);
    }
  }

  void on(const HookEnded& hook) {
    if (next_.phase == StepPhase::loading) {
      if (hook.ok) {
        next_.output = hook.output;
        end(StepResult::loaded, HostState::loaded);
        return;
      }
      fail(hook.step, hook.exit_status, hook.output);
      go_back();
    } else if (next_.phase == StepPhase::reloading) {
      if (hook.ok) {
        end(StepResult::taken_back, HostState::taken_back);
        return;
      }
      next_.output +=
          fmt::format("\nthe way back failed: {}, exit status {}: {}", hook.step, hook.exit_status, hook.output);
      end(StepResult::broken, HostState::broken);
    }
  }

  void on(const Discarded&) {
    if (next_.phase == StepPhase::idle && next_.order.action == OrderAction::discard && !next_.outcome) {
      end(StepResult::discarded, settled_state());
    }
  }

  void on(const AgentRestarted& restarted) {
    if (next_.phase == StepPhase::idle) {
      if (next_.outcome && !next_.acknowledged) then(ReportOutcome{});
      if (!next_.outcome && next_.order.action == OrderAction::discard) then(DiscardStaged{next_.target_slot});
      return;
    }
    ++next_.restarts;
    switch (next_.phase) {
      case StepPhase::staging:
        // Nothing live was touched. The order is forgotten, so that the controller's repetition begins it anew.
        next_.order.id.sequence = next_.order.id.sequence == 0 ? 0 : next_.order.id.sequence - 1;
        next_.phase = StepPhase::idle;
        next_.state = settled_state();
        then(SaveJournal{});
        break;
      case StepPhase::switching:
        restarted_switching(restarted.live_slot);
        break;
      case StepPhase::loading:
        restarted_loading(restarted.live_slot);
        break;
      case StepPhase::reverting:
        then(SaveJournal{});
        then(LinkTo{next_.former_slot});
        break;
      case StepPhase::reloading:
        restarted_reloading(restarted.live_slot);
        break;
      case StepPhase::idle:
        break;
    }
  }

  void on(const OutcomeAcknowledged& done) {
    if (done.order != next_.order.id || !next_.outcome || next_.acknowledged) return;
    next_.acknowledged = true;
    then(SaveJournal{});
  }

  Advance result() { return {std::move(next_), std::move(effects_)}; }

 private:
  void then(Effect effect) { effects_.push_back(std::move(effect)); }

  void enter(StepPhase phase, HostState state) {
    next_.phase = phase;
    next_.state = state;
    then(SaveJournal{});
  }

  void switch_or_load() {
    next_.former_slot = live_.slot;
    if (live_.slot == next_.target_slot) {
      // It is live already: what is left is to load it.
      enter(StepPhase::loading, HostState::switching);
      then(RunHooks{});
    } else {
      enter(StepPhase::switching, HostState::switching);
      then(LinkTo{next_.target_slot});
    }
  }

  void fail(const std::string& step, std::int32_t exit_status, const std::string& output) {
    next_.failed_step = step;
    next_.exit_status = exit_status;
    next_.output = output;
  }

  [[nodiscard]] bool restarted_too_often() const { return next_.restarts >= kRestartsMax; }
  [[nodiscard]] std::string killed_text(std::string_view doing) const {
    return fmt::format("the agent was killed {} times while it {} this release", next_.restarts, doing);
  }

  void restarted_switching(const std::string& live_slot) {
    if (live_slot == next_.target_slot) {
      next_.phase = StepPhase::loading;
      restarted_loading(live_slot);
    } else if (restarted_too_often()) {
      fail("switch", 0, killed_text("switched to"));
      end(StepResult::unchanged, settled_state());
    } else {
      then(SaveJournal{});
      then(LinkTo{next_.target_slot});
    }
  }

  void restarted_loading(const std::string& live_slot) {
    if (live_slot != next_.target_slot) {
      next_.phase = StepPhase::switching;
      restarted_switching(live_slot);
    } else if (restarted_too_often()) {
      fail("load", 0, killed_text("loaded"));
      go_back();
    } else {
      then(SaveJournal{});
      then(RunHooks{});
    }
  }

  void restarted_reloading(const std::string& live_slot) {
    if (restarted_too_often()) {
      next_.output += "\nthe way back failed: " + killed_text("went back from");
      end(StepResult::broken, HostState::broken);
    } else if (live_slot != next_.former_slot) {
      enter(StepPhase::reverting, HostState::switching);
      then(LinkTo{next_.former_slot});
    } else {
      then(SaveJournal{});
      then(RunReload{});
    }
  }

  void go_back() {
    if (next_.former_slot.empty() || next_.former_slot == next_.target_slot) {
      next_.output += "\nthere is nothing to go back to: this release stays live";
      end(StepResult::broken, HostState::broken);
      return;
    }
    next_.restarts = 0;
    enter(StepPhase::reverting, HostState::switching);
    then(LinkTo{next_.former_slot});
  }

  /// What a host shows when a step ended without touching what is live.
  [[nodiscard]] HostState settled_state() const {
    if (live_.slot.empty()) return HostState::unknown;
    return next_.live_broken ? HostState::broken : HostState::loaded;
  }

  void end(StepResult result, HostState state) {
    next_.phase = StepPhase::idle;
    next_.state = state;
    next_.acknowledged = false;
    if (result == StepResult::loaded || result == StepResult::taken_back) next_.live_broken = false;
    if (result == StepResult::broken) next_.live_broken = true;
    next_.outcome = Outcome{.application = next_.order.application,
                            .order = next_.order.id,
                            .action = next_.order.action,
                            .result = result,
                            .step = next_.failed_step,
                            .exit_status = next_.exit_status,
                            .output = next_.output,
                            .live_release = live_.release,
                            .live_root = live_.root,
                            .at_ms = now_.steady.time_since_epoch().count(),
                            .bytes_pulled = next_.bytes_pulled};
    then(SaveJournal{});
    then(ReportOutcome{});
  }

  StepJournal next_;
  const LiveFacts& live_;
  Now now_;
  std::vector<Effect> effects_;
};

}  // namespace

Advance advance(StepJournal journal, const Event& event, const LiveFacts& live, Now now) {
  Move move(std::move(journal), live, now);
  std::visit([&](const auto& happened) { move.on(happened); }, event);
  return move.result();
}

}  // namespace serin::apply
