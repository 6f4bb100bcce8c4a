#include "agent/count/checkpoint.h"

#include <algorithm>

#include "protocol/wire_fields.h"

namespace serin::count {
namespace {

constexpr unsigned kVersion = 1;

/// The checkpoint as plain fields, flat enough for the codec's bound of depth.
struct PositionRecord {
  FilePosition at;
};
struct ApplicationRecord {
  ApplicationCheckpoint of;
  std::vector<PositionRecord> files;
};
struct CheckpointRecord {
  unsigned version = kVersion;
  Checkpoint of;
  std::vector<ApplicationRecord> applications;
};

}  // namespace

template <class V>
void fields(V& v, CounterState::Gap& m) {
  v("second", m.second);
  v("text", m.text);
}

template <class V>
void fields(V& v, JournalPosition& m) {
  v("source", m.source);
  v("cursor", m.cursor);
  v("text", m.text);
}

namespace {

template <class V>
void fields(V& v, PositionRecord& m) {
  v("source", m.at.source);
  v("path", m.at.path);
  v("device", m.at.id.device);
  v("inode", m.at.id.inode);
  v("generation", m.at.generation);
  v("head_hash", m.at.head_hash);
  v("head_bytes", m.at.head_bytes);
  v("offset", m.at.offset);
  v("line_bytes", m.at.line_bytes);
  v("anchor", m.at.anchor);
  v("text", m.at.text);
  v("changed_ns", m.at.changed_ns);
  v("at_end_ms", m.at.at_end_ms);
  v("grown_ms", m.at.grown_ms);
  v("seen_ms", m.at.seen_ms);
  v("is_newest", m.at.is_newest);
  v("is_draining", m.at.is_draining);
  v("is_finished", m.at.is_finished);
}
template <class V>
void fields(V& v, ApplicationRecord& m) {
  v("application", m.of.application);
  v("rules_hash", m.of.rules_hash);
  v("totals", m.of.counts.totals);
  v("seconds", m.of.counts.seconds);
  v("gaps", m.of.counts.gaps);
  v("acknowledged", m.of.acknowledged);
  v("untold", m.of.untold);
  v("sources", m.of.logs.sources);
  v("files", m.files);
  v("journals", m.of.logs.journals);
}
template <class V>
void fields(V& v, CheckpointRecord& m) {
  v("version", m.version);
  v("run", m.of.run);
  v("sequence", m.of.sequence);
  v("boot_id", m.of.boot_id);
  v("clock_ms", m.of.clock_ms);
  v("wall_ms", m.of.wall_ms);
  v("at_stop", m.of.at_stop);
  v("applications", m.applications);
}

}  // namespace
}  // namespace serin::count

// After the fields, so that they are found by the codec.
#include "protocol/wire_codec.h"

namespace serin::count {
namespace {

bool same_position(const FilePosition& a, const FilePosition& b) {
  return a.offset == b.offset && a.line_bytes == b.line_bytes && a.id == b.id && a.generation == b.generation &&
         a.is_newest == b.is_newest && a.is_draining == b.is_draining && a.is_finished == b.is_finished &&
         a.path == b.path && a.text == b.text;
}

/// But for what changes by itself while nothing is logged: clocks, quiet seconds, the gaps of a blind host.
bool same_but_for_time(const ApplicationCheckpoint& a, const ApplicationCheckpoint& b) {
  return a.counts.totals == b.counts.totals && a.acknowledged == b.acknowledged && a.application == b.application &&
         a.rules_hash == b.rules_hash && a.logs.sources == b.logs.sources && a.logs.journals == b.logs.journals &&
         std::ranges::equal(a.logs.files, b.logs.files, same_position);
}

std::uint64_t less(std::uint64_t all, std::uint64_t part) {
  return all > part ? all - part : 0;
}

RunTotals less(const RunTotals& all, const RunTotals& part) {
  return {.errors = less(all.errors, part.errors),
          .lines = less(all.lines, part.lines),
          .requests = less(all.requests, part.requests),
          .late_errors = less(all.late_errors, part.late_errors),
          .late_lines = less(all.late_lines, part.late_lines),
          .skipped_bytes = less(all.skipped_bytes, part.skipped_bytes),
          .long_lines = less(all.long_lines, part.long_lines),
          .unparsed = less(all.unparsed, part.unparsed),
          .suppressed = less(all.suppressed, part.suppressed)};
}

}  // namespace

std::string encode_checkpoint(const Checkpoint& checkpoint) {
  CheckpointRecord record{.version = kVersion, .of = checkpoint, .applications = {}};
  record.of.applications.clear();
  for (const auto& application : checkpoint.applications) {
    ApplicationRecord& made = record.applications.emplace_back(ApplicationRecord{.of = application, .files = {}});
    for (auto& file : made.of.logs.files) made.files.push_back({.at = std::move(file)});
    made.of.logs.files.clear();
  }
  return codec::encode_map(record);
}

Result<Checkpoint> decode_checkpoint(std::string_view bytes) {
  auto record = codec::decode_map<CheckpointRecord>(bytes, {});
  if (!record) return std::unexpected(record.error());
  if (record->version != kVersion) return failure(ErrorKind::unsupported, "of another version of Serin");
  Checkpoint checkpoint = std::move(record->of);
  for (auto& application : record->applications) {
    for (auto& file : application.files) application.of.logs.files.push_back(std::move(file.at));
    checkpoint.applications.push_back(std::move(application.of));
  }
  return checkpoint;
}

bool differs(const Checkpoint& older, const Checkpoint& newer) {
  return older.run != newer.run || older.boot_id != newer.boot_id || older.at_stop != newer.at_stop ||
         !std::ranges::equal(older.applications, newer.applications, same_but_for_time);
}

Resumed resume(const Checkpoint& from, const std::map<ApplicationName, std::string>& rules_hashes,
               const std::string& boot_id, const std::string& new_run, Now now) {
  Resumed resumed;
  const auto passed_ms = now.steady.time_since_epoch().count() - from.clock_ms;
  resumed.same_boot = from.boot_id == boot_id && passed_ms >= 0;
  resumed.run = resumed.same_boot ? from.run : new_run;
  // Reports may have left after the last one that is written down here: at most two a second, nearly always one.
  if (resumed.same_boot) resumed.sequence = from.sequence + 100 + static_cast<std::uint64_t>(passed_ms) / 500;
  if (!resumed.same_boot && !from.at_stop) {
    resumed.gap = "the host stopped without warning: its last seconds may be missing or counted twice";
  }
  for (const auto& saved : from.applications) {
    const auto configured = rules_hashes.find(saved.application);
    if (configured == rules_hashes.end()) continue;
    auto& made = resumed.applications[saved.application];
    made.untold = saved.untold;
    if (!resumed.same_boot) {
      made.counts.totals = less(saved.counts.totals, saved.acknowledged);
      continue;
    }
    made.acknowledged = saved.acknowledged;
    made.counts.totals = saved.counts.totals;
    if (saved.rules_hash != configured->second) continue;
    made.counts = saved.counts;
    if (!saved.counts.seconds.empty()) {
      made.counts.gaps.push_back({.second = saved.counts.seconds.back().second, .text = "the agent was started again"});
    }
  }
  return resumed;
}

}  // namespace serin::count
