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

std::uint32_t sum_of(std::uint32_t a, std::uint32_t b) {
  constexpr auto kMost = std::numeric_limits<std::uint32_t>::max();
  return b > kMost - a ? kMost : a + b;
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

void ErrorCounter::add(std::uint32_t lines, std::uint32_t errors) {
  if (seconds_.empty()) return;
  auto& newest = seconds_.back();
  newest.lines = sum_of(newest.lines, lines);
  newest.errors = sum_of(newest.errors, errors);
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

std::string ErrorCounter::gaps_since(std::int64_t since) const {
  return seconds_.empty() ? std::string() : gaps_between(since, seconds_.back().second);
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
