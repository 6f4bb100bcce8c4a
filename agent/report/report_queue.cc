#include "agent/report/report_queue.h"

#include <algorithm>
#include <set>
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
constexpr std::size_t kTextBytes = 48;
constexpr std::size_t kKnownMax = 4 * limits::kSignaturesKept;
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
    for (const auto& text : entry.texts) bytes += kTextBytes + text.rule.size() + text.text.size();
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
      add_texts(name, counter->signatures(), report.applications);
    }
    if (until - from <= 1 || fits(report.applications)) break;
    until = from + (until - from) / 2;
  }
  for (const auto& entry : report.applications) {
    for (const auto& text : entry.texts) told_[entry.application].emplace(text.id, sequence_);
  }
  sent_until_[sequence_] = until;
  if (sent_until_.size() > kSentKept) sent_until_.erase(sent_until_.begin());
  return report;
}

/// The words for the messages of the application's last entry and those before it, where the controller may lack them.
void ReportQueue::add_texts(const ApplicationName& name, const count::SignatureTable& signatures,
                            std::vector<ApplicationCounts>& entries) const {
  const auto known = known_.find(name);
  std::set<SignatureId> wanted;
  for (const auto& entry : entries) {
    if (entry.application != name) continue;
    for (const auto& second : entry.seconds) {
      for (const auto& counted : second.signatures) {
        if (known == known_.end() || !known->second.contains(counted.id)) wanted.insert(counted.id);
      }
    }
  }
  for (const auto id : wanted) {
    const auto* message = signatures.find(id);
    if (message == nullptr) continue;
    if (entries.back().texts.size() == limits::kSignatureTextsPerReport) return;
    entries.back().texts.push_back({.id = id, .rule = message->rule, .text = message->text});
  }
}

void ReportQueue::acknowledged(const std::string& run, std::uint64_t sequence) {
  if (run != run_) return;
  const auto sent = sent_until_.find(sequence);
  if (sent == sent_until_.end()) return;
  safe_until_ = std::max(safe_until_, sent->second);
  sent_until_.erase(sent_until_.begin(), std::next(sent));
  for (auto& [application, told] : told_) {
    auto& known = known_[application];
    for (const auto& [id, first] : told) {
      if (first <= sequence) known.insert(id);
    }
    std::erase_if(told, [sequence](const auto& item) { return item.second <= sequence; });
    // Ids that nobody logs any more must not pile up; what is asked for again is told again.
    if (known.size() > kKnownMax) known.clear();
  }
}

void ReportQueue::send_again_since(std::int64_t second) {
  safe_until_ = second;
  sent_until_.clear();
  told_.clear();
  known_.clear();
}

}  // namespace serin::report
