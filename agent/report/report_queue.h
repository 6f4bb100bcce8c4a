#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/count/error_counter.h"
#include "agent/report/message_texts.h"
#include "protocol/messages.h"

namespace serin::report {

/// Makes the reports of one agent: numbered within its run, absolute, at most limits::kReportedSecondsKept back. Each
/// report holds the finished seconds that the controller has not acknowledged yet, the oldest first when they do not
/// all fit into one message. Seconds of one application that differ in what was not seen stand in entries of their own,
/// so that a gap taints its own seconds only. Every application has at least one entry; its last one has the totals,
/// and says what the messages are whose texts were not acknowledged in this session (MessageTexts). Pure;
/// single-threaded.
class ReportQueue {
 public:
  /// `sequence`: no report of this run has had a greater number.
  explicit ReportQueue(std::string run, std::uint64_t sequence = 0) : run_(std::move(run)), sequence_(sequence) {}

  /// The next report. All counters have been advanced to `now`.
  Report next(const std::map<ApplicationName, const count::ErrorCounter*>& counters,
              const std::map<ApplicationName, std::string>& rules_hashes, SteadyTime now);
  /// The controller has everything up to this report. Another run's acknowledgement is ignored, and so is one of a
  /// report that was made before the newest send_again_since().
  void acknowledged(const std::string& run, std::uint64_t sequence);
  /// A new session wants all seconds since this one again (0: all that are kept).
  void send_again_since(std::int64_t second);

  /// What the controller may lack of an application's messages, those counted just now among them: to be written down
  /// with the seconds that are not acknowledged.
  std::vector<SignatureText> untold(const ApplicationName& name, const count::ErrorCounter& counter);
  /// Of another process.
  void restore_untold(const ApplicationName& name, std::vector<SignatureText> texts);

  [[nodiscard]] const std::string& run() const { return run_; }
  /// Of the newest report.
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  /// Seconds before this one are acknowledged.
  [[nodiscard]] std::int64_t safe_until() const { return safe_until_; }

 private:
  std::string run_;
  std::uint64_t sequence_ = 0;
  std::int64_t safe_until_ = 0;                       ///< seconds before this are acknowledged
  std::map<std::uint64_t, std::int64_t> sent_until_;  ///< report -> the second after its last one
  std::map<ApplicationName, MessageTexts> texts_;
};

}  // namespace serin::report
