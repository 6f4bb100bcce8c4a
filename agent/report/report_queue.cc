#include "agent/report/report_queue.h"

#include <algorithm>
#include <vector>

#include "protocol/limits.h"

namespace serin::report {
namespace {

using Counters = std::map<ApplicationName, const count::ErrorCounter*>;

/// Three quarters of a frame, by these estimates of what a value takes on the wire.
constexpr std::size_t kReportBytes = limits::kControlFrameBytesMax / 4 * 3;
constexpr std::size_t kSecondBytes = 48;
constexpr std::size_t kEntryBytes = 256;
constexpr std::size_t kSignatureBytes = 18;
/// Beside them, for what the messages of all applications say.
constexpr std::size_t kTextsBytes = limits::kControlFrameBytesMax / 8;
constexpr std::size_t kSentKept = limits::kReportedSecondsKept.count();

std::int64_t oldest_second(const Counters& counters, std::int64_t since, std::int64_t now) {
  auto oldest = now;
  for (const auto& [name, counter] : counters) {
    const auto seconds = counter->seconds_since(since);
    if (!seconds.empty()) oldest = std::min(oldest, seconds.front().second);
  }
  return oldest;
}

/// Seconds of [from, until), cut where the gap's text changes.
void append_entries(const ApplicationName& name, const std::string& rules_hash, const count::ErrorCounter& counter,
                    std::int64_t from, std::int64_t until, std::vector<ApplicationCounts>& entries) {
  ApplicationCounts entry{
      .application = name, .rules_hash = rules_hash, .seconds = {}, .gap = {}, .totals = {}, .texts = {}};
  for (const auto& counts : counter.seconds_since(from)) {
    if (counts.second >= until) break;
    auto gap = counter.gap_in(counts.second);
    if (!entry.seconds.empty() && gap != entry.gap) {
      entries.push_back(entry);
      entry.seconds.clear();
    }
    entry.gap = std::move(gap);
    entry.seconds.push_back(counts);
  }
  entry.totals = counter.totals();
  entries.push_back(std::move(entry));
}

bool fits(const std::vector<ApplicationCounts>& entries) {
  std::size_t bytes = 0;
  for (const auto& entry : entries) {
    bytes += kEntryBytes + entry.application.size() + entry.rules_hash.size() + entry.gap.size();
    bytes += entry.seconds.size() * kSecondBytes;
    for (const auto& second : entry.seconds) bytes += second.signatures.size() * kSignatureBytes;
  }
  return bytes <= kReportBytes && entries.size() <= limits::kUnpackItemsMax;
}

}  // namespace

Report ReportQueue::next(const Counters& counters, const std::map<ApplicationName, std::string>& rules_hashes,
                         SteadyTime now) {
  // A controller that asks for seconds that are still to come knows the host from before a reboot.
  if (safe_until_ > second_of(now)) safe_until_ = 0;
  const auto from = oldest_second(counters, safe_until_, second_of(now));
  auto until = second_of(now);
  Report report{.run = run_, .sequence = ++sequence_, .clock_ms = now.time_since_epoch().count(), .applications = {}};
  for (;;) {
    report.applications.clear();
    for (const auto& [name, counter] : counters) {
      const auto hash = rules_hashes.find(name);
      append_entries(name, hash == rules_hashes.end() ? std::string() : hash->second, *counter, from, until,
                     report.applications);
    }
    if (until - from <= 1 || fits(report.applications)) break;
    until = from + (until - from) / 2;
  }
  auto bytes_left = kTextsBytes;
  for (const auto& [name, counter] : counters) {
    auto& texts = texts_[name];
    texts.learn(*counter, safe_until_);
    const auto last = std::ranges::find(report.applications.rbegin(), report.applications.rend(), name,
                                        &ApplicationCounts::application);
    last->texts = texts.tell(sequence_, bytes_left);
  }
  sent_until_[sequence_] = until;
  if (sent_until_.size() > kSentKept) sent_until_.erase(sent_until_.begin());
  return report;
}

void ReportQueue::acknowledged(const std::string& run, std::uint64_t sequence) {
  if (run != run_) return;
  const auto sent = sent_until_.find(sequence);
  if (sent == sent_until_.end()) return;
  safe_until_ = std::max(safe_until_, sent->second);
  sent_until_.erase(sent_until_.begin(), std::next(sent));
  for (auto& [application, texts] : texts_) texts.acknowledged(sequence);
}

void ReportQueue::send_again_since(std::int64_t second) {
  safe_until_ = second;
  sent_until_.clear();
  for (auto& [application, texts] : texts_) texts.new_session();
}

std::vector<SignatureText> ReportQueue::untold(const ApplicationName& name, const count::ErrorCounter& counter) {
  auto& texts = texts_[name];
  texts.learn(counter, safe_until_);
  return texts.untold();
}

void ReportQueue::restore_untold(const ApplicationName& name, std::vector<SignatureText> texts) {
  texts_[name].restore(std::move(texts));
}

}  // namespace serin::report
