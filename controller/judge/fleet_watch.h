#pragma once

#include <span>
#include <vector>

#include "controller/judge/control_side.h"
#include "controller/judge/verdict.h"

namespace serin::judge {

/// When the fleet is alarming, after everyone runs the release.
struct FleetWatchSettings {
  std::chrono::seconds lasts{600};
  std::chrono::seconds block{5};
  std::uint32_t blocks = 12;  ///< in a row that must be worse: a minute outlasts most outages
  double factor = 3;          ///< times the fleet's own past
  double excess = 0.08;       ///< errors per second and host above it
  friend bool operator==(const FleetWatchSettings&, const FleetWatchSettings&) = default;
};

/// Watches the whole fleet against its own past, when no host is left to compare with. Nothing tells a bad release from
/// an outage then, so it raises an alarm only for what is large, on the fleet as a whole and lasts: every one of
/// `blocks` blocks in a row has `factor` times the errors of before the deploy and `excess` more, counted without the
/// loudest tenth of the hosts and with single bursts capped. It never passes. O(hosts); deterministic; never fails.
class FleetWatch {
 public:
  FleetWatch(SequentialSettings settings, HostWeights weights, FleetWatchSettings watch = {});

  /// The next second since the last host loaded, hosts in the weights' order. Undecided (reason "watching"), fail
  /// (reason "fleet-worse": the alarm, which stands) or undecided with reason "watch-ended".
  const Verdict& add_second(std::span<const Counts> second);

  [[nodiscard]] const Verdict& verdict() const { return verdict_; }
  [[nodiscard]] bool watching() const { return verdict_.reason == "watching"; }

 private:
  void end_block();
  void alarm(const ControlSide& fleet);
  [[nodiscard]] PostCounts new_block() const;

  SequentialSettings settings_;
  HostWeights weights_;
  FleetWatchSettings watch_;
  PostCounts block_;
  std::size_t seconds_ = 0;
  std::uint32_t worse_ = 0;
  Verdict verdict_;
};

}  // namespace serin::judge
