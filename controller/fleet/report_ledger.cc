#include "controller/fleet/report_ledger.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "protocol/limits.h"

namespace serin::fleet {

namespace {

constexpr std::int64_t kFineSeconds = limits::kLedgerFine.count();
constexpr std::int64_t kSumSeconds = 10;
constexpr std::int64_t kSums = limits::kLedgerCoarse.count() / kSumSeconds;
constexpr std::size_t kGapsKept = 64;
constexpr std::int64_t kRateFreshSeconds = 10;
constexpr std::size_t kGapBytes = 256;
/// A message is never so late: the host's clock began anew, or its machine stood still.
constexpr std::int64_t kJumpMs = 60'000;
/// So far the shift may be off before it is corrected: rounding, and the spread of quick messages.
constexpr std::int64_t kSlackMs = 1'000;
constexpr std::int64_t kHostClockMsMax = std::int64_t{1} << 53U;

std::size_t slot_of(std::int64_t number, std::int64_t size) {
  return static_cast<std::size_t>(((number % size) + size) % size);
}

std::int64_t sum_of(std::int64_t second) {
  const std::int64_t down = second >= 0 ? second / kSumSeconds : (second - kSumSeconds + 1) / kSumSeconds;
  return down * kSumSeconds;
}

constexpr std::array kTotals = {&RunTotals::errors,      &RunTotals::lines,      &RunTotals::requests,
                                &RunTotals::late_errors, &RunTotals::late_lines, &RunTotals::skipped_bytes,
                                &RunTotals::long_lines,  &RunTotals::unparsed,   &RunTotals::suppressed};

void add_to(RunTotals& sum, const RunTotals& totals) {
  for (const auto total : kTotals) sum.*total += totals.*total;
}

std::int64_t rounded_to_seconds(std::int64_t ms) {
  return (ms + (ms >= 0 ? 500 : -500)) / 1'000;
}

}  // namespace

void ReportLedger::learn(Clock& clock, std::int64_t host_clock_ms, Now now) {
  const std::int64_t offset =
      now.steady.time_since_epoch().count() - std::clamp<std::int64_t>(host_clock_ms, 0, kHostClockMsMax);
  if (!clock.shift_s || std::abs(offset - *clock.shift_s * 1'000) > kJumpMs) {
    clock = Clock{.boot_id = clock.boot_id, .shift_s = rounded_to_seconds(offset)};
  }
  clock.smallest_ms = clock.messages == 0 ? offset : std::min(clock.smallest_ms, offset);
  const bool slow_before = offset < *clock.shift_s * 1'000 - kSlackMs;
  const bool drifted = ++clock.messages >= kClockWindow && clock.smallest_ms > *clock.shift_s * 1'000 + kSlackMs;
  if (slow_before || drifted) clock.shift_s = rounded_to_seconds(clock.smallest_ms);
  if (clock.messages >= kClockWindow) clock.messages = 0;
}

void ReportLedger::begin_session(const HostName& host, const std::string& boot_id, std::int64_t host_clock_ms,
                                 Now now) {
  Clock& clock = clocks_[host];
  // Kept within one boot of the host, so that a second that is sent again lands where it was.
  if (clock.boot_id != boot_id) clock = Clock{.boot_id = boot_id};
  learn(clock, host_clock_ms, now);
}

ReportLedger::Series& ReportLedger::series(const HostName& host, const ApplicationName& application) {
  Series& found = series_[application][host];
  if (found.fine.empty()) {
    found.fine.resize(static_cast<std::size_t>(kFineSeconds));
    found.coarse.resize(static_cast<std::size_t>(kSums));
  }
  return found;
}

std::size_t ReportLedger::applications_of(const HostName& host) const {
  return static_cast<std::size_t>(
      std::count_if(series_.begin(), series_.end(), [&](const auto& item) { return item.second.contains(host); }));
}

const ReportLedger::Series* ReportLedger::find(const HostName& host, const ApplicationName& application) const {
  const auto of_application = series_.find(application);
  if (of_application == series_.end()) return nullptr;
  const auto found = of_application->second.find(host);
  return found == of_application->second.end() ? nullptr : &found->second;
}

void ReportLedger::add_to_sum(Series& series, const Cell& cell, bool add) {
  if (!cell.trusted) return;
  Sum& sum = series.coarse[slot_of(cell.second / kSumSeconds, kSums)];
  const std::int64_t start = sum_of(cell.second);
  if (sum.start != start) {
    if (!add) return;
    sum = Sum{.start = start};
  }
  sum.errors = add ? sum.errors + cell.errors : sum.errors - cell.errors;
  sum.lines = add ? sum.lines + cell.lines : sum.lines - cell.lines;
  sum.seconds = add ? sum.seconds + 1 : sum.seconds - 1;
}

/// Those in [from, until) that were reported, ascending.
template <class Use>
void ReportLedger::for_each_cell(const Series& series, std::int64_t from, std::int64_t until, const Use& use) {
  const std::int64_t first = std::max(from, series.newest - kFineSeconds + 1);
  for (std::int64_t second = first; second < std::min(until, series.newest + 1); ++second) {
    const Cell& cell = series.fine[slot_of(second, kFineSeconds)];
    if (cell.second == second) use(cell);
  }
}

void ReportLedger::add_to_tally(judge::Tally& tally, const Cell& cell) {
  tally.errors += cell.errors;
  tally.lines += cell.lines;
  ++tally.seconds;
}

const ReportLedger::Cell* ReportLedger::put(Series& series, const Cell& next) {
  if (next.second <= series.newest - kFineSeconds) return nullptr;  // older than the ring: too late for everybody
  Cell& cell = series.fine[slot_of(next.second, kFineSeconds)];
  if (cell.second == next.second) {
    if (cell.errors == next.errors && cell.lines == next.lines && cell.requests == next.requests) return nullptr;
    const bool trusted = cell.trusted;  // decided when the second was first heard of
    add_to_sum(series, cell, false);
    cell = next;
    cell.trusted = trusted;
  } else {
    cell = next;
  }
  add_to_sum(series, cell, true);
  series.newest = std::max(series.newest, next.second);
  return &cell;
}

void ReportLedger::note_gap(Series& series, Gap gap) {
  gap.text.resize(std::min(gap.text.size(), kGapBytes));
  // A host that stays blind says so again each second, and says all of it again after a hello.
  for (Gap& known : series.gaps) {
    if (known.text != gap.text || gap.from > known.until || gap.until < known.from) continue;
    known.from = std::min(known.from, gap.from);
    known.until = std::max(known.until, gap.until);
    return;
  }
  series.gaps.push_back(std::move(gap));
  if (series.gaps.size() > kGapsKept) series.gaps.pop_front();
}

std::vector<ChangedSample> ReportLedger::record(const HostName& host, const Report& report, Now now) {
  Clock& clock = clocks_[host];
  learn(clock, report.clock_ms, now);
  if (clock.position.run != report.run) clock.position = {report.run, 0};
  clock.position.sequence = std::max(clock.position.sequence, report.sequence);

  std::vector<ChangedSample> changed;
  for (const ApplicationCounts& counts : report.applications) {
    if (find(host, counts.application) == nullptr && applications_of(host) >= limits::kApplicationsPerHostMax) continue;
    record_application(host, counts, clock, now, changed);
  }
  return changed;
}

void ReportLedger::record_application(const HostName& host, const ApplicationCounts& counts, Clock& clock, Now now,
                                      std::vector<ChangedSample>& changed) {
  Series& of_host = series(host, counts.application);
  record_totals(of_host, clock.position.run, counts.totals);
  if (of_host.rules_hash != counts.rules_hash) {
    // Other rules count other things: what was counted before says nothing of what is counted now.
    if (!of_host.rules_hash.empty()) forget_baseline(of_host);
    of_host.rules_hash = counts.rules_hash;
  }
  const std::int64_t future = second_of(now.steady) + kRateFreshSeconds;
  std::optional<Gap> gap;
  for (const SecondCounts& second : counts.seconds) {
    if (second.second < 0 || second.second > kHostClockMsMax / 1'000) continue;
    const std::int64_t at = second.second + *clock.shift_s;
    if (at > future) continue;
    clock.newest_host_second = std::max(clock.newest_host_second, second.second);
    if (!counts.gap.empty()) {
      if (!gap) gap = Gap{.from = at, .until = at, .text = counts.gap};
      gap->until = at + 1;
    }
    // What a blind host counted is no baseline.
    const auto trusted_since = of_host.trusted.since();
    const bool trusted = counts.gap.empty() && trusted_since && start_of(at) >= *trusted_since;
    const bool known_before = cell_at(of_host, at).reported;
    const bool other_messages =
        known_before && of_host.messages.at(at) != second.signatures && at > of_host.newest - MessageRing::kFineSeconds;
    const Cell* cell = put(of_host, {at, second.errors, second.lines, second.requests, trusted});
    if (cell == nullptr && !other_messages) continue;
    of_host.messages.put(at, second.signatures, known_before);
    const SecondOfHost known = cell_at(of_host, at);
    changed.push_back(
        {counts.application, {at, host, known.errors, known.lines, known.trusted, known.requests, second.signatures}});
  }
  if (gap) note_gap(of_host, std::move(*gap));
}

/// Totals never shrink within a run: a smaller one was late on its way.
void ReportLedger::record_totals(Series& series, const std::string& run, const RunTotals& totals) {
  if (series.run != run) {
    add_to(series.former_runs, series.totals);
    series.totals = {};
    series.run = run;
  }
  for (const auto total : kTotals) series.totals.*total = std::max(series.totals.*total, totals.*total);
}

void ReportLedger::forget_baseline(Series& series) {
  std::fill(series.coarse.begin(), series.coarse.end(), Sum{});
  for (Cell& cell : series.fine) cell.trusted = false;
}

void ReportLedger::restore(const ApplicationName& application, const Sample& sample) {
  Series& of_host = series(sample.host, application);
  put(of_host, {sample.second, sample.errors, sample.lines, sample.requests, sample.trusted});
  of_host.messages.put(sample.second, sample.signatures, false);
}

void ReportLedger::forget(const HostName& host) {
  clocks_.erase(host);
  for (auto& [application, hosts] : series_) hosts.erase(host);
}

ReportLedger::Position ReportLedger::position(const HostName& host) const {
  const auto found = clocks_.find(host);
  return found == clocks_.end() ? Position{} : found->second.position;
}

std::int64_t ReportLedger::wanted_since(const HostName& host) const {
  const auto found = clocks_.find(host);
  return found == clocks_.end() || found->second.newest_host_second == 0 ? 0 : found->second.newest_host_second;
}

void ReportLedger::trust(const HostName& host, const ApplicationName& application, SteadyTime from) {
  series(host, application).trusted.begin(from);
}

void ReportLedger::end_trust(const HostName& host, const ApplicationName& application, SteadyTime at) {
  series(host, application).trusted.end(at);
}

std::vector<SecondSpan> ReportLedger::trusted_before(const HostName& host, const ApplicationName& application,
                                                     std::int64_t second) const {
  const Series* found = find(host, application);
  return found == nullptr ? std::vector<SecondSpan>{} : found->trusted.seconds_before(second);
}

bool ReportLedger::trusted_for(const HostName& host, const ApplicationName& application, std::int64_t second,
                               std::chrono::seconds length) const {
  const Series* found = find(host, application);
  const auto since = found == nullptr ? std::nullopt : found->trusted.since();
  return since && start_of(second) >= *since + length;
}

void ReportLedger::distrust(const HostName& host, const ApplicationName& application, std::int64_t from, Now now) {
  Series& of_host = series(host, application);
  of_host.trusted.cut(start_of(from), now.steady);
  for (Cell& cell : of_host.fine) {
    if (!cell.trusted || cell.second < from) continue;
    add_to_sum(of_host, cell, false);
    cell.trusted = false;
  }
}

judge::Tally ReportLedger::baseline(const HostName& host, const ApplicationName& application,
                                    std::int64_t until) const {
  judge::Tally tally;
  const Series* found = find(host, application);
  if (found == nullptr) return tally;
  for (const Sum& sum : found->coarse) {
    if (sum.start < 0 || sum.start + kSumSeconds > until || sum.start < until - limits::kLedgerCoarse.count()) continue;
    tally.errors += sum.errors;
    tally.lines += sum.lines;
    tally.seconds += sum.seconds;
  }
  for_each_cell(*found, sum_of(until), until, [&](const Cell& cell) {
    if (cell.trusted) add_to_tally(tally, cell);
  });
  return tally;
}

judge::Tally ReportLedger::window(const HostName& host, const ApplicationName& application, std::int64_t from,
                                  std::int64_t until) const {
  judge::Tally tally;
  if (const Series* found = find(host, application); found != nullptr) {
    for_each_cell(*found, from, until, [&](const Cell& cell) { add_to_tally(tally, cell); });
  }
  return tally;
}

std::uint64_t ReportLedger::longest_silence(const HostName& host, const ApplicationName& application, std::int64_t from,
                                            std::int64_t until) const {
  std::int64_t longest = 0;
  std::int64_t heard_until = from;
  if (const Series* found = find(host, application); found != nullptr) {
    for_each_cell(*found, from, until, [&](const Cell& cell) {
      longest = std::max(longest, cell.second - heard_until);
      heard_until = cell.second + 1;
    });
  }
  return static_cast<std::uint64_t>(std::max({longest, until - heard_until, std::int64_t{0}}));
}

std::string ReportLedger::gap(const HostName& host, const ApplicationName& application, std::int64_t from,
                              std::int64_t until) const {
  const Series* found = find(host, application);
  if (found == nullptr) return {};
  const auto overlaps = [&](const Gap& gap) { return gap.from < until && gap.until > from; };
  const auto newest = std::find_if(found->gaps.rbegin(), found->gaps.rend(), overlaps);
  return newest == found->gaps.rend() ? std::string{} : newest->text;
}

std::optional<double> ReportLedger::error_rate(const HostName& host, const ApplicationName& application, SteadyTime now,
                                               std::int64_t seconds) const {
  const Series* found = find(host, application);
  if (found == nullptr || found->newest < second_of(now) - kRateFreshSeconds) return std::nullopt;
  std::vector<std::uint32_t> recent;
  for_each_cell(*found, second_of(now) - kRateFreshSeconds - seconds, second_of(now) + kRateFreshSeconds,
                [&](const Cell& cell) { recent.push_back(cell.errors); });
  if (recent.empty()) return std::nullopt;
  const auto count = static_cast<std::ptrdiff_t>(std::min(recent.size(), static_cast<std::size_t>(seconds)));
  return std::accumulate(recent.end() - count, recent.end(), 0.0) / static_cast<double>(count);
}

SecondOfHost ReportLedger::cell_at(const Series& series, std::int64_t second) {
  const Cell& cell = series.fine[slot_of(second, kFineSeconds)];
  if (cell.second != second) return {};
  return {
      .errors = cell.errors, .lines = cell.lines, .reported = true, .trusted = cell.trusted, .requests = cell.requests};
}

SecondOfHost ReportLedger::at(const HostName& host, const ApplicationName& application, std::int64_t second) const {
  const Series* found = find(host, application);
  return found == nullptr ? SecondOfHost{} : cell_at(*found, second);
}

HostSeconds ReportLedger::seconds(const HostName& host, const ApplicationName& application, std::int64_t from,
                                  std::int64_t until) const {
  HostSeconds all{.host = host, .first = from, .rules_hash = {}, .seconds = {}};
  all.seconds.resize(static_cast<std::size_t>(std::max<std::int64_t>(until - from, 0)));
  const Series* found = find(host, application);
  if (found == nullptr) return all;
  all.rules_hash = found->rules_hash;
  for (std::size_t i = 0; i < all.seconds.size(); ++i) {
    all.seconds[i] = cell_at(*found, from + static_cast<std::int64_t>(i));
  }
  return all;
}

std::int64_t ReportLedger::newest(const HostName& host, const ApplicationName& application) const {
  const Series* found = find(host, application);
  return found == nullptr ? -1 : found->newest;
}

std::string ReportLedger::rules_hash(const HostName& host, const ApplicationName& application) const {
  const Series* found = find(host, application);
  return found == nullptr ? std::string{} : found->rules_hash;
}

const std::vector<SignatureCount>& ReportLedger::signatures(const HostName& host, const ApplicationName& application,
                                                            std::int64_t second) const {
  static const std::vector<SignatureCount> nothing;
  const Series* found = find(host, application);
  return found == nullptr ? nothing : found->messages.at(second);
}

std::map<SignatureId, std::uint64_t> ReportLedger::messages(const HostName& host, const ApplicationName& application,
                                                            std::int64_t since) const {
  std::map<SignatureId, std::uint64_t> sums;
  if (const Series* found = find(host, application); found != nullptr) found->messages.add_since(since, sums);
  return sums;
}

RunTotals ReportLedger::totals(const HostName& host, const ApplicationName& application) const {
  const Series* found = find(host, application);
  if (found == nullptr) return {};
  RunTotals all = found->former_runs;
  add_to(all, found->totals);
  return all;
}

std::vector<Sample> ReportLedger::samples(const HostName& host, const ApplicationName& application, std::int64_t from,
                                          std::int64_t until) const {
  std::vector<Sample> all;
  const Series* found = find(host, application);
  if (found == nullptr) return all;
  for_each_cell(*found, from, until, [&](const Cell& cell) {
    all.push_back(
        {cell.second, host, cell.errors, cell.lines, cell.trusted, cell.requests, found->messages.at(cell.second)});
  });
  return all;
}

}  // namespace serin::fleet
