#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <vector>

#include "agent/count/error_counter.h"
#include "protocol/messages.h"

namespace serin::report {

/// The words for the messages of one application that the controller may lack: kept from when a message is first
/// counted, sent in each report until one of them is acknowledged, the oldest first. What one report cannot hold
/// follows in later ones; what is to be told yet outlives the process (untold(), restore()) and the message's place in
/// the table. At most kUntoldMax, the oldest go first. Pure; single-threaded; never fails.
class MessageTexts {
 public:
  static constexpr std::size_t kUntoldMax = 1'024;

  /// Of another process: untold() of its last record.
  void restore(std::vector<SignatureText> untold);
  /// What is counted in seconds from `since` on, the unfinished one too.
  void learn(const count::ErrorCounter& counter, std::int64_t since);
  /// Those that this report tells, at most limits::kSignatureTextsPerReport and `bytes_left`, which they are taken
  /// from.
  std::vector<SignatureText> tell(std::uint64_t sequence, std::size_t& bytes_left);
  /// The controller has this report.
  void acknowledged(std::uint64_t sequence);
  /// Nothing is known of what the controller knows.
  void new_session();
  [[nodiscard]] std::vector<SignatureText> untold() const;

 private:
  struct Untold {
    SignatureText text;
    std::uint64_t since = 0;  ///< the report from which on each one has it; 0: none has
  };
  void add(SignatureText text);

  std::deque<Untold> untold_;   ///< the oldest first
  std::set<SignatureId> kept_;  ///< those in it
  std::set<SignatureId> known_;
};

}  // namespace serin::report
