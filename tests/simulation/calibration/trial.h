#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "controller/judge/sequential_settings.h"
#include "controller/judge/verdict.h"
#include "tests/simulation/calibration/peers.h"
#include "tests/simulation/calibration/scenario.h"

namespace serin::calibration {

/// What became of one simulated deployment.
struct Trial {
  judge::Answer answer = judge::Answer::undecided;
  double seconds =
      0;  ///< after the deploy; of later stages: after the fault began, or the window when nothing is wrong
  std::string reason;
  std::array<bool, kPeers.size()> peers{};  ///< which of the others failed it
};

/// Records one deployment and asks the sequential judge, second by second, until it answers. Pure.
Trial run_trial(const Scenario& scenario, std::uint64_t seed, const judge::SequentialSettings& settings,
                bool with_peers);

/// Many trials of one scenario, counted. Shares are percentages.
struct Row {
  std::string name;
  Scenario scenario;
  std::size_t runs = 0;
  std::array<std::size_t, kPeers.size()> peers{};
  std::vector<double> fail_seconds;  ///< of those that failed, ascending
  std::vector<double> pass_seconds;
  std::string reason;  ///< of most inconclusive ones
  [[nodiscard]] double share(std::size_t count) const {
    return 100 * static_cast<double>(count) / static_cast<double>(runs);
  }
  [[nodiscard]] double fail() const { return share(fail_seconds.size()); }
  [[nodiscard]] double pass() const { return share(pass_seconds.size()); }
  [[nodiscard]] double inconclusive() const { return share(runs - fail_seconds.size() - pass_seconds.size()); }
};

Row count(std::string name, const Scenario& scenario, const std::vector<Trial>& trials);

/// The smallest value that at least `share` of the ascending values do not exceed; 0 of none.
double quantile(const std::vector<double>& ascending, double share);

}  // namespace serin::calibration
