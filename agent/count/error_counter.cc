#include "agent/count/error_counter.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>

#include "protocol/limits.h"

namespace serin::count {
namespace {

constexpr std::size_t kGapsPerSecondMax = 8;
constexpr std::size_t kGapTextBytesMax = 300;

std::uint32_t sum_of(std::uint32_t a, std::uint64_t b) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(b > kMost - a ? kMost : a + b);
}

}  // namespace

void ErrorCounter::advance(SteadyTime now) {
  const auto second = second_of(now);
  if (!seconds_.empty()) {
    const auto newest = seconds_.back().second;
    if (second <= newest) return;
    if (second - newest <= kAssumedRunning) {
      for (auto quiet = newest + 1; quiet < second; ++quiet) seconds_.push_back({.second = quiet});
    }
  }
  seconds_.push_back({.second = second});
  // By age, not by number: absent seconds take their place too. The newest is not finished and comes on top.
  const auto oldest = second - limits::kReportedSecondsKept.count();
  while (seconds_.front().second < oldest) seconds_.pop_front();
  while (!gaps_.empty() && gaps_.front().second < oldest) gaps_.pop_front();
}

void ErrorCounter::add(const Findings& found, Written written) {
  const auto messages = signatures_.take();
  if (seconds_.empty()) return;
  totals_.errors += found.errors;
  totals_.lines += found.lines;
  totals_.requests += found.requests;
  totals_.long_lines += found.long_lines;
  totals_.unparsed += found.unparsed;
  if (written == Written::earlier) {
    totals_.late_errors += found.errors;
    totals_.late_lines += found.lines + found.requests;
    return;
  }
  auto& newest = seconds_.back();
  newest.lines = sum_of(newest.lines, found.lines);
  newest.errors = sum_of(newest.errors, found.errors);
  newest.requests = sum_of(newest.requests, found.requests);
  if (!messages.empty()) add_signatures(newest, messages);
}

/// Both ascend by id. When there are too many the rarest are counted as one.
void ErrorCounter::add_signatures(SecondCounts& second, const std::vector<SignatureCount>& counts) {
  std::vector<SignatureCount> merged;
  merged.reserve(second.signatures.size() + counts.size());
  auto old = second.signatures.begin();
  for (const auto& next : counts) {
    while (old != second.signatures.end() && old->id < next.id) merged.push_back(*old++);
    merged.push_back(next);
    if (old != second.signatures.end() && old->id == next.id) {
      merged.back().count = sum_of(old->count, next.count);
      ++old;
    }
  }
  merged.insert(merged.end(), old, second.signatures.end());
  if (merged.size() > limits::kSignaturesPerSecond) {
    SignatureCount others{.id = SignatureTable::others(), .count = 0};
    std::ranges::stable_sort(merged, [&](const SignatureCount& a, const SignatureCount& b) {
      return (a.id == others.id) != (b.id == others.id) ? b.id == others.id : a.count > b.count;
    });
    for (auto rest = limits::kSignaturesPerSecond - 1; rest < merged.size(); ++rest) {
      others.count = sum_of(others.count, merged[rest].count);
    }
    merged.resize(limits::kSignaturesPerSecond - 1);
    merged.push_back(others);
    std::ranges::sort(merged, {}, &SignatureCount::id);
  }
  second.signatures = std::move(merged);
}

void ErrorCounter::note_gap(const std::string& text) {
  if (seconds_.empty()) return;
  const auto second = seconds_.back().second;
  const auto kept = text.substr(0, kGapTextBytesMax);
  std::size_t noted = 0;
  for (auto gap = gaps_.rbegin(); gap != gaps_.rend() && gap->second == second; ++gap, ++noted) {
    if (gap->text == kept) return;
  }
  if (noted < kGapsPerSecondMax) gaps_.push_back({.second = second, .text = kept});
}

std::vector<SecondCounts> ErrorCounter::seconds_since(std::int64_t since) const {
  if (seconds_.empty()) return {};
  const auto finished = std::prev(seconds_.end());
  const auto first =
      std::find_if(seconds_.begin(), finished, [since](const SecondCounts& counts) { return counts.second >= since; });
  return {first, finished};
}

std::vector<SignatureId> ErrorCounter::messages_since(std::int64_t since) const {
  std::vector<SignatureId> ids;
  for (const auto& counts : seconds_) {
    if (counts.second < since) continue;
    for (const auto& counted : counts.signatures) ids.push_back(counted.id);
  }
  std::ranges::sort(ids);
  const auto twice = std::ranges::unique(ids);
  ids.erase(twice.begin(), twice.end());
  return ids;
}

std::string ErrorCounter::gaps_since(std::int64_t since) const {
  return seconds_.empty() ? std::string() : gaps_between(since, seconds_.back().second);
}

CounterState ErrorCounter::state(std::int64_t since) const {
  CounterState state{.totals = totals_, .seconds = {}, .gaps = {}};
  for (const auto& counts : seconds_) {
    if (counts.second >= since) state.seconds.push_back(counts);
  }
  for (const auto& gap : gaps_) {
    if (gap.second >= since) state.gaps.push_back(gap);
  }
  return state;
}

void ErrorCounter::restore(const CounterState& state, SteadyTime now) {
  const auto newest = second_of(now);
  const auto oldest = newest - limits::kReportedSecondsKept.count();
  totals_ = state.totals;
  seconds_.clear();
  gaps_.clear();
  const auto kept = [&](std::int64_t second) { return second >= oldest && second <= newest; };
  for (const auto& counts : state.seconds) {
    if (kept(counts.second) && (seconds_.empty() || counts.second > seconds_.back().second)) seconds_.push_back(counts);
  }
  for (const auto& gap : state.gaps) {
    if (kept(gap.second)) gaps_.push_back(gap);
  }
  advance(now);
}

std::string ErrorCounter::gap_in(std::int64_t second) const {
  if (seconds_.empty() || second >= seconds_.back().second) return {};
  return gaps_between(second, second + 1);
}

std::string ErrorCounter::gaps_between(std::int64_t since, std::int64_t until) const {
  std::string all;
  std::set<std::string_view> seen;
  for (const auto& gap : gaps_) {
    if (gap.second < since || gap.second >= until || !seen.insert(gap.text).second) continue;
    const std::string_view separator = all.empty() ? "" : "; ";
    if (all.size() + separator.size() + gap.text.size() > kGapBytesMax) break;
    all.append(separator).append(gap.text);
  }
  return all;
}

}  // namespace serin::count
