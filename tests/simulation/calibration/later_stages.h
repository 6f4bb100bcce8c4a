#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulation/calibration/trial.h"

namespace serin::calibration {

/// The runs of judge.md, section 2, "Later stages": 5 canaries and 30 controls at 1 error/s/host; 12 s after the
/// canaries a batch of ten hosts loads the release, and a window opens in which three cohorts (canaries, batch, both
/// together) are compared with the 20 hosts that still run the old one. What goes wrong begins on the canaries after 15
/// s.
std::vector<Scenario> late_rows();
std::string late_name(const Scenario& scenario);

/// Watches as a rollout does: a window for the canaries, a second one with the batch. Fails as soon as one cohort does.
Trial run_late_trial(const Scenario& scenario, std::uint64_t seed, const judge::SequentialSettings& settings);

}  // namespace serin::calibration
