#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/count/findings.h"
#include "agent/count/signature_table.h"
#include "agent/count/source_matcher.h"

namespace serin::count {

/// What some logs added up to, as `serin-agent count` prints it. Bounded memory: of more than kMessagesMax messages the
/// later ones have no line of their own. Pure; single-threaded.
class CountSummary {
 public:
  static constexpr std::size_t kMessagesMax = 10'000;

  /// Adds what one source's matcher has found, and the messages since the last call.
  void add(const SourceMatcher& matcher, const Findings& found, SignatureTable& signatures);
  /// For people: sums, events by rule, the `top` most frequent messages. Safe for a terminal.
  [[nodiscard]] std::string text(std::size_t top) const;
  /// One line of JSON with the same: lines, requests, errors, long_lines, unparsed, rules {name: events}, messages
  /// [{rule, text, id, events}].
  [[nodiscard]] std::string json(std::size_t top) const;

 private:
  struct Message {
    SignatureId id = 0;
    std::string rule, text;
    std::uint64_t events = 0;
  };
  [[nodiscard]] std::vector<Message> most_frequent(std::size_t top) const;

  Findings sums_;
  std::vector<std::pair<std::string, std::uint64_t>> by_rule_;
  std::unordered_map<SignatureId, Message> messages_;
};

}  // namespace serin::count
