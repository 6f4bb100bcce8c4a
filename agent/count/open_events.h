#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/count/continuation.h"
#include "agent/count/signature_table.h"
#include "protocol/clock.h"

namespace re2 {
class RE2;
}

namespace serin::count {

/// Where the messages of events go.
struct MessageSink {
  SignatureTable& signatures;
  SteadyTime now;
  Samples samples = Samples::normalised;
  void add(std::string_view rule, std::string_view text) const { signatures.add(rule, text, now, samples); }
};

/// The events of one text that may go on in its next lines: one for each process that writes into it, at most
/// kOpenMax. An event is over with the next record of its process, with kLinesApart lines of others, or a second
/// without a line; then its message is given to the signatures: its first line, its exception's and where it was
/// thrown. Pure; single-threaded; never fails.
class OpenEvents {
 public:
  static constexpr std::size_t kOpenMax = 8;
  static constexpr std::uint32_t kLinesApart = 64;
  static constexpr auto kOpenFor = std::chrono::seconds{1};

  [[nodiscard]] bool empty() const { return events_.empty(); }
  /// True: the line belongs to an event. `record_start`: what a line holds that does not; nullptr: told by its shape.
  bool take(std::string_view line, const re2::RE2* record_start, const MessageSink& messages);
  /// The line begins one. `rule` empty: it is counted elsewhere, and has no message here.
  void begin(std::string_view line, std::string_view rule, const MessageSink& messages);
  /// What has had no line for a second is over.
  void close_old(const MessageSink& messages);
  void close_all(const MessageSink& messages);
  void forget() { events_.clear(); }

  /// For another process: a restart does not make a new event of an old one's lines. Any bytes can be restored.
  [[nodiscard]] std::string saved() const;
  static OpenEvents restored(std::string_view saved);

 private:
  struct Event {
    std::string process;
    std::string rule;
    std::string text;   ///< its first line
    std::string name;   ///< its exception's line
    std::string frame;  ///< where it was thrown, as far as its lines have told
    EventShape shape;
    std::uint32_t lines_apart = 0;
    SteadyTime last{};
    bool undated = false;  ///< restored: its last line was read by another process's clock
  };
  static void close(const Event& event, const MessageSink& messages);

  std::vector<Event> events_;
};

}  // namespace serin::count
