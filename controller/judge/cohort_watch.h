#pragma once

#include <span>
#include <string>
#include <vector>

#include "controller/judge/sequential_rule.h"
#include "controller/judge/verdict.h"

namespace serin::judge {

/// Watches the later stages: each cohort that has loaded (the canaries, each batch, all of them together) against the
/// hosts still on the old release. It only ever fails; silence is not a pass. Weights are those of the deployment's
/// stored baseline, from before the first switch. Hosts are indices in the weights. O(hosts x cohorts) memory and time
/// a second; deterministic, never fails.
class CohortWatch {
 public:
  /// `tests_planned`: see planned_tests(); each more asks for more evidence, so that all together keep the odds.
  CohortWatch(SequentialSettings settings, HostWeights weights, std::size_t tests_planned);

  /// These begin to switch: from now on they are on neither side, in this window and in later ones.
  void leave_controls(std::span<const std::size_t> hosts);
  /// These have loaded: they are a cohort from now on, and a new window opens with its own t0, the next second added.
  /// The former window ends. The first cohort is the canaries. With no hosts, the same cohorts are watched anew.
  void open_window(std::string name, std::span<const std::size_t> hosts);

  /// The next second of the window, hosts in the weights' order. Undecided (reason "watching"), fail (the first cohort
  /// that does, named; it stands), or undecided with reason "watch-ended": at the horizon or with fewer than three
  /// controls left.
  const Verdict& add_second(std::span<const Counts> second);

  [[nodiscard]] const Verdict& verdict() const { return verdict_; }
  /// A window is open: seconds are wanted.
  [[nodiscard]] bool watching() const { return !tests_.empty() && verdict_.answer == Answer::undecided; }
  /// What lf must reach.
  [[nodiscard]] double fail_needs() const { return fail_needs_; }

 private:
  enum class Side : std::uint8_t { control, neither, treated };
  struct Cohort {
    std::string name;
    std::vector<std::size_t> hosts;
  };
  struct Test {
    std::string name;
    PostCounts counts;
    std::size_t fail_seconds = 0;
    RuleState state{};
  };
  void start_test(std::string name, std::span<const std::size_t> hosts, std::span<const std::size_t> controls);
  void end_window(const std::string& why);
  void fail(const Test& test);

  SequentialSettings settings_;
  HostWeights weights_;
  double fail_needs_;
  std::vector<Side> sides_;
  std::vector<Cohort> cohorts_;
  std::vector<Test> tests_;  ///< of the open window
  Verdict verdict_;
};

/// Windows x cohorts of a rollout with so many batches behind its canaries: one window for the canaries alone, then one
/// for each batch with every cohort so far and all of them together.
std::size_t planned_tests(std::size_t batches);

}  // namespace serin::judge
