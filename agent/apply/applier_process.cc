#include "agent/apply/applier_process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <deque>

#include "agent/apply/folder_dir.h"
#include "agent/apply/hook_process.h"
#include "agent/apply/journal_file.h"
#include "agent/apply/slot_dir.h"
#include "agent/apply/tree_mend_dir.h"
#include "protocol/posix/files.h"

namespace serin::apply {

namespace {

constexpr int kAttempts = 3;

/// What a crash within a save left.
void remove_half_saved(const std::filesystem::path& folder, const std::string& name) {
  const auto names = names_in(folder);
  if (!names) return;
  for (const std::string& each : *names) {
    if (each.starts_with("." + name + ".")) ::unlink((folder / each).c_str());
  }
}

}  // namespace

struct Applier::Parts {
  Parts(Options with, SlotDir with_slots, JournalFile file)
      : options(std::move(with)), slots(std::move(with_slots)), journal_file(std::move(file)) {}

  Options options;
  SlotDir slots;
  JournalFile journal_file;
  StepJournal journal;
  std::string save_failure;  ///< why the journal on disk is not the one in memory; empty: it is
  std::string warning;
  std::stop_token superseded, leaving;  ///< of the step at work

  [[nodiscard]] LiveFacts live_facts() const {
    if (slots.adopted()) return {.slot = kAdoptedSlot};
    const auto live = slots.live();
    return live ? LiveFacts{live->name, live->release, live->root} : LiveFacts{};
  }

  /// Feeds the machine and carries out what it asks for, until it asks for nothing more.
  void drive(const Event& first) {
    std::deque<Event> events{first};
    while (!events.empty()) {
      const Event event = std::move(events.front());
      events.pop_front();
      Advance step = advance(std::move(journal), event, live_facts(), options.now());
      journal = std::move(step.next);
      for (const Effect& effect : step.effects) {
        if (auto answer = carry_out(effect)) events.push_back(std::move(*answer));
      }
    }
  }

  std::optional<Event> carry_out(const Effect& effect) {
    return std::visit([&](const auto& value) -> std::optional<Event> { return act(value); }, effect);
  }

  std::optional<Event> act(const SaveJournal& /*effect*/) {
    const auto saved = journal_file.save(journal);
    save_failure = saved ? std::string{} : saved.error().text;
    options.on_status(status());
    return std::nullopt;
  }

  std::optional<Event> act(const Stage& stage) {
    if (!save_failure.empty()) return StageFailed{"journal", save_failure};
    Event end = pull_and_build(stage.release);
    if (leaving.stop_requested()) return std::nullopt;
    if (!std::holds_alternative<Staged>(end)) return end;
    if (auto adoptable = slots.check_adoptable(stage.release); !adoptable) {
      return StageFailed{"not-adoptable", adoptable.error().text};
    }
    return end;
  }

  Event pull_and_build(const Release& release) {
    std::stop_source stop;
    const auto request = [&stop] { stop.request_stop(); };
    const std::stop_callback on_superseded(superseded, request);
    const std::stop_callback on_leaving(leaving, request);
    const auto failed = [this](const char* step, const Error& error) {
      if (error.kind != ErrorKind::no_space) return StageFailed{step, error.text};
      // Others need the room.
      slots.drop_pulled();
      return StageFailed{"space", error.text};
    };
    // What the host has already needs no source: going back is one rename.
    if (slots.has(release)) return Staged{release.slot_name(), 0};
    std::uint64_t bytes_pulled = 0;
    for (int attempt = 1;; ++attempt) {
      const auto pulled = options.pull(release, slots, stop.get_token());
      if (stop.stop_requested()) return StageFailed{"pull", "a newer order took its place"};
      if (!pulled) return failed("pull", pulled.error());
      bytes_pulled += pulled->bytes;
      if (auto good = slots.check_kept(release); !good) return failed("keep", good.error());
      const auto slot = slots.build(release);
      if (slot) return Staged{*slot, bytes_pulled};
      // Something that the host should have is damaged; build() relies on less each time.
      if (attempt == kAttempts || slot.error().kind != ErrorKind::corrupt) return failed("build", slot.error());
    }
  }

  std::optional<Event> act(const LinkTo& link) {
    // A switch that the journal does not know of could not be ended after a crash. The way back is taken all the same.
    if (!save_failure.empty() && journal.phase == StepPhase::switching) return LinkFailed{"journal: " + save_failure};
    if (auto linked = slots.link_to(link.slot); !linked) return LinkFailed{linked.error().text};
    return Linked{};
  }

  std::optional<Event> act(const RunHooks& /*effect*/) {
    const auto environment = hook_environment();
    const HookResult reloaded = run_hook(options.settings.reload, environment);
    if (!reloaded.ok) return HookEnded{false, "reload hook", reloaded.exit_status, reloaded.output};
    const HookResult checked = run_hook(options.settings.check, environment);
    if (!checked.ok) return HookEnded{false, "check", checked.exit_status, checked.output};
    return HookEnded{true, {}, 0, reloaded.output + checked.output};
  }

  std::optional<Event> act(const RunReload& /*effect*/) {
    const HookResult reloaded = run_hook(options.settings.reload, hook_environment());
    return HookEnded{reloaded.ok, "reload hook", reloaded.exit_status, reloaded.output};
  }

  std::optional<Event> act(const DiscardStaged& discard) {
    // What cannot be removed now is reaped later: the step is done either way.
    [[maybe_unused]] const auto discarded = slots.discard(discard.slot);
    return Discarded{};
  }

  std::optional<Event> act(const ReportOutcome& /*effect*/) {
    options.on_status(status());
    return std::nullopt;
  }

  [[nodiscard]] std::map<std::string, std::string> hook_environment() const {
    const LiveFacts live = live_facts();
    return {{"SERIN_APPLICATION", options.settings.name},
            {"SERIN_RELEASE", std::to_string(live.release)},
            {"SERIN_LIVE", options.settings.live},
            {"SERIN_SLOT", live.slot}};
  }

  [[nodiscard]] ApplicationStatus status() const {
    const LiveFacts live = live_facts();
    ApplicationStatus status{.application = options.settings.name,
                             .state = journal.state,
                             .live_release = live.release,
                             .live_root = live.root,
                             .last_order = journal.order.id,
                             .adopted = slots.adopted(),
                             .old_code = slots.old_code()};
    if (status.state == HostState::unknown && !live.slot.empty()) status.state = HostState::loaded;
    for (const Slot& slot : slots.slots()) status.slots.push_back(slot.release);
    return status;
  }
};

Applier::Applier(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Applier::Applier(Applier&&) noexcept = default;
Applier& Applier::operator=(Applier&&) noexcept = default;
Applier::~Applier() = default;

Result<Applier> Applier::open(Options options) {
  const auto folder = options.state_dir / "journal";
  if (auto made = posix::make_folders(folder, 0700); !made) return std::unexpected(made.error());
  auto slots = SlotDir::open(options.settings, [now = options.now] { return now().steady; });
  if (!slots) return std::unexpected(slots.error());
  remove_half_saved(folder, options.settings.name);
  JournalFile file(folder / options.settings.name);
  auto journal = file.load();
  if (!journal && journal.error().kind != ErrorKind::corrupt) return std::unexpected(journal.error());
  auto parts = std::make_unique<Parts>(std::move(options), std::move(*slots), std::move(file));
  if (journal) {
    parts->journal = std::move(*journal);
  } else {
    // It says nothing of a step; what is live is whole in any case, and the controller orders again.
    parts->warning = journal.error().text + "; going on from what is live";
  }
  return Applier(std::move(parts));
}

void Applier::recover() {
  parts_->drive(AgentRestarted{parts_->live_facts().slot});
}

void Applier::run(const Order& order, const Release& release, const std::stop_token& superseded,
                  const std::stop_token& leaving) {
  parts_->superseded = superseded;
  parts_->leaving = leaving;
  parts_->drive(OrderCame{order, release});
}

MendResult Applier::mend(const MendJob& job, const std::stop_token& stop) {
  return mend_tree(parts_->slots, job, stop);
}

std::optional<Duration> Applier::tidy() {
  const std::vector<SlotUse> before = parts_->slots.old_code();
  const auto again = parts_->slots.tidy();
  if (parts_->slots.old_code() != before) parts_->options.on_status(parts_->status());
  return again;
}

void Applier::acknowledge(const OrderId& order) {
  parts_->drive(OutcomeAcknowledged{order});
}

std::optional<Outcome> Applier::unacknowledged() const {
  return parts_->journal.acknowledged ? std::nullopt : parts_->journal.outcome;
}

ApplicationStatus Applier::status() const {
  return parts_->status();
}

const std::string& Applier::warning() const {
  return parts_->warning;
}

}  // namespace serin::apply
