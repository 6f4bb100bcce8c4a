#include "agent/apply/journal_record.h"

#include "protocol/wire_fields.h"

namespace serin::apply {

namespace {

/// The journal as plain fields; an absent outcome is one without an application.
struct JournalRecord {
  std::uint8_t phase = 0;
  std::uint8_t state = 0;
  Order order;
  std::string former_slot, target_slot, failed_step, output;
  std::uint32_t restarts = 0;
  std::int32_t exit_status = 0;
  std::uint64_t bytes_pulled = 0;
  Outcome outcome;
  bool acknowledged = false;
  bool live_broken = false;
};

template <class V>
void fields(V& v, JournalRecord& m) {
  v("phase", m.phase);
  v("state", m.state);
  v("order", m.order);
  v("former_slot", m.former_slot);
  v("target_slot", m.target_slot);
  v("failed_step", m.failed_step);
  v("output", m.output);
  v("restarts", m.restarts);
  v("exit_status", m.exit_status);
  v("bytes_pulled", m.bytes_pulled);
  v("outcome", m.outcome);
  v("acknowledged", m.acknowledged);
  v("live_broken", m.live_broken);
}

}  // namespace

}  // namespace serin::apply

// After the fields, so that they are found by the codec.
#include "protocol/wire_codec.h"

namespace serin::apply {

std::string encode_journal(const StepJournal& journal) {
  JournalRecord record{.phase = static_cast<std::uint8_t>(journal.phase),
                       .state = static_cast<std::uint8_t>(journal.state),
                       .order = journal.order,
                       .former_slot = journal.former_slot,
                       .target_slot = journal.target_slot,
                       .failed_step = journal.failed_step,
                       .output = journal.output,
                       .restarts = journal.restarts,
                       .exit_status = journal.exit_status,
                       .bytes_pulled = journal.bytes_pulled,
                       .outcome = journal.outcome.value_or(Outcome{}),
                       .acknowledged = journal.acknowledged,
                       .live_broken = journal.live_broken};
  return codec::encode_map(record);
}

Result<StepJournal> decode_journal(std::string_view bytes) {
  auto record = codec::decode_map<JournalRecord>(bytes, {.string_bytes_max = 1U << 20});
  if (!record) return std::unexpected(record.error());
  if (record->phase > static_cast<std::uint8_t>(StepPhase::reloading) ||
      record->state > static_cast<std::uint8_t>(HostState::broken)) {
    return failure(ErrorKind::corrupt, "journal: an unknown phase");
  }
  StepJournal journal{.phase = static_cast<StepPhase>(record->phase),
                      .order = std::move(record->order),
                      .former_slot = std::move(record->former_slot),
                      .target_slot = std::move(record->target_slot),
                      .restarts = record->restarts,
                      .failed_step = std::move(record->failed_step),
                      .exit_status = record->exit_status,
                      .output = std::move(record->output),
                      .bytes_pulled = record->bytes_pulled,
                      .acknowledged = record->acknowledged,
                      .state = static_cast<HostState>(record->state),
                      .live_broken = record->live_broken};
  if (!record->outcome.application.empty()) journal.outcome = std::move(record->outcome);
  if (!journal.order.application.empty()) {
    // Its signature was checked when the order came; only this agent writes here.
    auto release = decode_release(journal.order.release.record);
    if (!release) return std::unexpected(release.error());
    journal.release = std::move(*release);
  }
  return journal;
}

}  // namespace serin::apply
