#pragma once

#include <cstdint>
#include <vector>

#include "controller/judge/counts.h"
#include "tests/simulation/calibration/scenario.h"

namespace serin::calibration {

inline constexpr std::size_t kSecondsBefore = 300;

/// What was seen of one simulated deployment, as the judge gets it.
struct Recording {
  judge::Baseline baseline;                       ///< the canaries first, then the controls
  std::vector<std::vector<judge::Counts>> after;  ///< of each second after the deploy: every host, in that order
  std::size_t canaries = 0;
  [[nodiscard]] std::size_t hosts() const { return baseline.hosts.size(); }
};

/// One deployment of a scenario; README.md describes the model. Pure: the same scenario and seed, the same recording.
Recording record(const Scenario& scenario, std::uint64_t seed);

}  // namespace serin::calibration
