#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "controller/judge/sequential_rule.h"
#include "controller/judge/trace.h"
#include "controller/judge/verdict.h"

namespace serin::judge {

inline constexpr std::size_t kSignaturesJudged = 64;     ///< one by one; what is beyond is judged as one
inline constexpr std::size_t kSignaturesKnown = 20'000;  ///< of each side; beyond it nothing else is judged as new
inline constexpr std::size_t kSignatureSeconds = 3;      ///< in which a message must be seen before it fails
/// After settle: what is first seen until then may end with the restart.
inline constexpr std::chrono::seconds kRestartTail{20};
inline constexpr std::size_t kDecisionSeconds = 6;  ///< after the tail, until which such a message is pending
inline constexpr double kSignatureExcess = 0.005;   ///< errors per second and canary: the floor of one message

/// Judges error messages that are new with the release: seen on canaries, on no control since the deploy, nor in the
/// application's history. Each is counted by itself and asked for a fail by the sequential rule, as errors that no host
/// ever had before; the floor is kSignatureExcess, the evidence must outweigh the number of messages that were tried,
/// and it must come back: what is logged in one moment only is named but does not fail. Workers that drain and restart
/// have messages of their own, which controls never log: one that is first seen before settle + kRestartTail (with a
/// short horizon: half of what is left after settle) is judged by what it does from then on, and is pending until
/// kDecisionSeconds later. One that any control shows is
/// not new, for good. O(kSignaturesJudged x hosts); deterministic; never fails.
///
/// More than kSignaturesJudged at once: the errors of all others are judged as one, `kOtherSignatures`, against what
/// controls log of messages that are new too and that no canary shows: where each host has messages of its own, both
/// sides have as many. How many there are is told in any case, and so is when they are too many to be told apart.
class SignatureJudge {
 public:
  /// `weights`: of the deployment's baseline: its hosts and their trusted seconds. `history`: ids of 30 days.
  SignatureJudge(SequentialSettings settings, const HostWeights& weights, std::set<std::string> history);

  /// As SequentialJudge::add_second(), with the messages of that second; SignatureCount::host is an index of the
  /// weights, its second is not looked at.
  void add_second(std::span<const Counts> second, std::span<const SignatureCount> signatures);

  /// New messages on at least two canaries, those that fail first, then the most frequent; samples are empty.
  [[nodiscard]] std::vector<NewSignature> found() const;
  /// One of them alone is enough for a fail.
  [[nodiscard]] bool fails() const;

 private:
  struct Candidate {
    PostCounts counts;
    std::map<std::size_t, std::uint64_t> by_canary;
    std::size_t seconds_seen = 0;  ///< on canaries, after settle
    std::size_t fail_seconds = 0;
    bool early = false;  ///< it may be the restart's
    bool fails = false;
  };
  [[nodiscard]] static bool is_pending(const Candidate& candidate);
  [[nodiscard]] static NewSignature described(std::string id, const Candidate& candidate);
  [[nodiscard]] bool is_full() const;  ///< what comes from now on is not told apart
  [[nodiscard]] bool is_by(const SignatureCount& at, Role role) const;
  [[nodiscard]] Candidate new_candidate();
  void learn(std::span<const SignatureCount> signatures);
  void learn_canary(const SignatureCount& at);
  [[nodiscard]] std::uint64_t beyond(const SignatureCount& at) const;
  void judge(Candidate& candidate, std::span<const Counts> counts) const;

  SequentialSettings settings_;
  HostWeights silent_;  ///< the same hosts, as if none had ever logged anything
  std::set<std::string> history_;
  std::set<std::string> known_;  ///< that controls showed
  PostCounts silence_;           ///< what a message that appears now has behind it
  PostCounts late_silence_;      ///< the same, counted from the end of the tail on
  std::size_t tail_end_ = 0;     ///< second after the deploy
  std::size_t seconds_ = 0;
  std::map<std::string, Candidate> candidates_;
  std::set<std::string> of_canaries_;  ///< all that are new and that canaries showed
  /// Of these, such as found no place among the candidates, with their counts by canary.
  std::map<std::string, std::map<std::size_t, std::uint64_t>> others_;
  std::optional<Candidate> together_;  ///< what others_ come to
  std::size_t tried_ = 0;
};

}  // namespace serin::judge
