#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/agent_config.h"
#include "agent/count/signature.h"
#include "protocol/clock.h"
#include "protocol/messages.h"

namespace serin::count {

using agent::Samples;

/// The messages of one application's errors: each normalised (signature.h), named by its id, counted.
///
/// Each event is counted exactly once, under one id: the sum of all that take() returns is the number of add()s. At
/// most limits::kSignaturesKept messages are told apart; a new one takes the place of the rarest (space saving:
/// Metwally, Agrawal, El Abbadi 2005; what is taken over is halved each minute, so that old fame ends). A rule that
/// made kNewPerMinute new messages within a minute makes no more until it is over: its other events count under one id,
/// "(other messages)" of the rule. Memory is bounded whatever the messages are: 140 KB at most. Constant time for each
/// event. Pure; single-threaded; never fails.
class SignatureTable {
 public:
  static constexpr unsigned kNewPerMinute = 50;
  static constexpr std::size_t kRulesKept = 64;  ///< with others of their own; further ones share

  /// What is known of one message.
  struct Known {
    SignatureId id = 0;
    std::string rule;  ///< of the first such event
    std::string text;  ///< as the source of the first such event wants it; limits::kSignatureTextBytes at most
  };

  /// One event that `rule` fits; `text`: its lines, without the newline of the last.
  void add(std::string_view rule, std::string_view text, SteadyTime now, Samples samples = Samples::normalised);
  /// What was added since the last call, ascending by id, none twice. Takes as long as there are different ones.
  std::vector<SignatureCount> take();
  /// nullptr: unknown, or forgotten. Lives until the next add().
  [[nodiscard]] const Known* find(SignatureId id) const;
  /// Under which messages stand together that are too many to be counted each, whatever their rules; find() knows it.
  static SignatureId others();
  /// Events that were counted as other messages of their rule, since the beginning.
  [[nodiscard]] std::uint64_t other_events() const { return other_events_; }

 private:
  struct Slot {
    Known known;
    std::uint32_t added = 0;  ///< since the last take()
    bool is_other = false;    ///< never leaves
  };
  struct Rule {
    std::string name;
    SteadyTime minute{};  ///< when its current one began
    unsigned made = 0;    ///< in it
    std::size_t other = 0;
    bool has_other = false;
  };

  Rule& rule_of(std::string_view name, SteadyTime now);
  std::size_t make(std::string_view rule, const Signature& signature, std::string_view text, Samples samples);
  std::size_t other_of(Rule& rule);
  std::size_t free_slot();
  void fade(SteadyTime now);

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> weights_;  ///< of each slot: how often it came, with what it took over, halved each minute
  std::unordered_map<SignatureId, std::size_t> by_id_;
  std::vector<std::size_t> touched_;     ///< slots with something added
  std::vector<SignatureCount> evicted_;  ///< what was added to messages that have left since the last take()
  std::vector<Rule> rules_;
  SteadyTime faded_{};
  std::uint64_t other_events_ = 0;
};

}  // namespace serin::count
