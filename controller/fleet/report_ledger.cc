#include "controller/fleet/report_ledger.h"

#include <algorithm>

#include "protocol/limits.h"

namespace serin::fleet {

namespace {

constexpr std::int64_t kFineSeconds = limits::kLedgerFine.count();
constexpr std::int64_t kSumSeconds = 10;
constexpr std::int64_t kSums = limits::kLedgerCoarse.count() / kSumSeconds;
constexpr std::size_t kGapsKept = 64;
constexpr std::int64_t kRateFreshSeconds = 10;
/// A host's clock that moved by more than this between two sessions began anew: the host was rebooted.
constexpr std::int64_t kClockMovedMs = 2'000;

std::size_t slot_of(std::int64_t number, std::int64_t size) {
  return static_cast<std::size_t>(((number % size) + size) % size);
}

std::int64_t sum_of(std::int64_t second) {
  const std::int64_t down = second >= 0 ? second / kSumSeconds : (second - kSumSeconds + 1) / kSumSeconds;
  return down * kSumSeconds;
}

}  // namespace

void ReportLedger::begin_session(const HostName& host, std::int64_t host_clock_ms, Now now) {
  Clock& clock = clocks_[host];
  const std::int64_t offset = now.steady.time_since_epoch().count() - host_clock_ms;
  // Kept within one boot of the host, so that a second that is sent again lands where it was.
  if (clock.shift_s && std::abs(offset - *clock.shift_s * 1'000) < kClockMovedMs) return;
  clock = Clock{};
  clock.shift_s = (offset + (offset >= 0 ? 500 : -500)) / 1'000;
}

ReportLedger::Series& ReportLedger::series(const HostName& host, const ApplicationName& application) {
  Series& found = series_[application][host];
  if (found.fine.empty()) {
    found.fine.resize(static_cast<std::size_t>(kFineSeconds));
    found.coarse.resize(static_cast<std::size_t>(kSums));
  }
  return found;
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

bool ReportLedger::put(Series& series, const Cell& next) {
  if (next.second <= series.newest - kFineSeconds) return false;  // older than the ring: too late for everybody
  Cell& cell = series.fine[slot_of(next.second, kFineSeconds)];
  if (cell.second == next.second) {
    if (cell.errors == next.errors && cell.lines == next.lines) return false;
    const bool trusted = cell.trusted;  // decided when the second was first heard of
    add_to_sum(series, cell, false);
    cell = next;
    cell.trusted = trusted;
  } else {
    cell = next;
  }
  add_to_sum(series, cell, true);
  series.newest = std::max(series.newest, next.second);
  return true;
}

std::vector<ChangedSample> ReportLedger::record(const HostName& host, const Report& report, Now now) {
  Clock& clock = clocks_[host];
  if (!clock.shift_s) begin_session(host, report.clock_ms, now);
  if (clock.position.run != report.run) clock.position = {report.run, 0};
  clock.position.sequence = std::max(clock.position.sequence, report.sequence);

  std::vector<ChangedSample> changed;
  const std::int64_t future = second_of(now.steady) + kRateFreshSeconds;
  for (const ApplicationCounts& counts : report.applications) {
    Series& of_host = series(host, counts.application);
    if (of_host.rules_hash != counts.rules_hash) {
      // Other rules count other things: what was counted before says nothing of what is counted now.
      if (!of_host.rules_hash.empty()) forget_baseline(of_host);
      of_host.rules_hash = counts.rules_hash;
    }
    for (const SecondCounts& second : counts.seconds) {
      const std::int64_t at = second.second + *clock.shift_s;
      if (at > future) continue;
      clock.newest_host_second = std::max(clock.newest_host_second, second.second);
      const bool trusted = of_host.trusted_from && start_of(at) >= *of_host.trusted_from;
      if (put(of_host, {at, second.errors, second.lines, trusted})) {
        changed.push_back({counts.application, {at, host, second.errors, second.lines, trusted}});
      }
    }
    if (!counts.gap.empty() && !counts.seconds.empty()) {
      of_host.gaps.push_back({counts.seconds.front().second + *clock.shift_s,
                              counts.seconds.back().second + *clock.shift_s + 1, counts.gap});
      if (of_host.gaps.size() > kGapsKept) of_host.gaps.pop_front();
    }
  }
  return changed;
}

void ReportLedger::forget_baseline(Series& series) {
  std::fill(series.coarse.begin(), series.coarse.end(), Sum{});
  for (Cell& cell : series.fine) cell.trusted = false;
}

void ReportLedger::restore(const ApplicationName& application, const Sample& sample) {
  put(series(sample.host, application), {sample.second, sample.errors, sample.lines, sample.trusted});
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

void ReportLedger::trust(const HostName& host, const ApplicationName& application, std::optional<SteadyTime> from) {
  series(host, application).trusted_from = from;
}

judge::Tally ReportLedger::baseline(const HostName& host, const ApplicationName& application,
                                    std::int64_t until) const {
  judge::Tally tally;
  const Series* found = find(host, application);
  if (found == nullptr) return tally;
  for (const Sum& sum : found->coarse) {
    if (sum.start < 0 || sum.start >= until || sum.start <= until - limits::kLedgerCoarse.count()) continue;
    tally.errors += sum.errors;
    tally.lines += sum.lines;
    tally.seconds += sum.seconds;
  }
  return tally;
}

judge::Tally ReportLedger::window(const HostName& host, const ApplicationName& application, std::int64_t from,
                                  std::int64_t until) const {
  judge::Tally tally;
  for (const Sample& sample : samples(host, application, from, until)) {
    tally.errors += sample.errors;
    tally.lines += sample.lines;
    ++tally.seconds;
  }
  return tally;
}

std::uint64_t ReportLedger::longest_silence(const HostName& host, const ApplicationName& application, std::int64_t from,
                                            std::int64_t until) const {
  std::int64_t longest = 0;
  std::int64_t heard_until = from;
  for (const Sample& sample : samples(host, application, from, until)) {
    longest = std::max(longest, sample.second - heard_until);
    heard_until = sample.second + 1;
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
  const std::int64_t until = second_of(now) + kRateFreshSeconds;
  const auto recent = samples(host, application, second_of(now) - kRateFreshSeconds - seconds, until);
  if (recent.empty() || recent.back().second < second_of(now) - kRateFreshSeconds) return std::nullopt;
  const auto count = std::min(recent.size(), static_cast<std::size_t>(seconds));
  double errors = 0;
  for (auto sample = recent.end() - static_cast<std::ptrdiff_t>(count); sample != recent.end(); ++sample) {
    errors += sample->errors;
  }
  return errors / static_cast<double>(count);
}

std::vector<Sample> ReportLedger::samples(const HostName& host, const ApplicationName& application, std::int64_t from,
                                          std::int64_t until) const {
  std::vector<Sample> all;
  const Series* found = find(host, application);
  if (found == nullptr) return all;
  const std::int64_t first = std::max(from, found->newest - kFineSeconds + 1);
  for (std::int64_t second = first; second < std::min(until, found->newest + 1); ++second) {
    const Cell& cell = found->fine[slot_of(second, kFineSeconds)];
    if (cell.second == second) all.push_back({second, host, cell.errors, cell.lines, cell.trusted});
  }
  return all;
}

}  // namespace serin::fleet
