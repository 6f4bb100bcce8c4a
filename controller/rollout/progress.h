#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "protocol/clock.h"

namespace serin::rollout {

inline constexpr std::size_t kHostSteps = 12;  ///< of HostStep

/// What advance() keeps beside a rollout's rows, so that an event of one host among ten thousand costs O(log n) and not
/// a walk through the plan. Built by Started and Restored, never stored, no part of a rollout's value: any two are
/// equal. "Index" is always one into Rollout::hosts.
struct Progress {
  /// A source that the verdict waits for.
  struct Waits {
    std::string source;
    SteadyTime ends{};     ///< of its window, and what it is usually behind
    SteadyTime at_most{};  ///< then it is judged with what is there
    std::string why;       ///< "is 12 s behind"; empty: it is not late
  };
  std::vector<Waits> waits;                                       ///< of several sources or a server
  std::vector<std::size_t> by_name;                               ///< indexes, ascending by host name
  std::vector<std::vector<std::size_t>> of_stage;                 ///< indexes of each stage, in the plan's order
  std::vector<std::array<std::uint32_t, kHostSteps>> step_count;  ///< of each stage
  std::deque<std::size_t> ready;               ///< staged hosts in order of arrival; may name some that no longer are
  std::vector<SteadyTime> heard_at;            ///< of each host: newest hello, heartbeat or outcome
  std::uint32_t connected_controls = 0;        ///< connected hosts outside judged stages
  std::deque<SteadyTime> losses;               ///< when such hosts went, newest last
  std::optional<SteadyTime> recovering_until;  ///< after a restart: hosts are still coming back
  std::uint32_t prefetch_stage = 0;            ///< while soaking: the stage that stages ahead; 0: none
  friend bool operator==(const Progress&, const Progress&) { return true; }
};

}  // namespace serin::rollout
