#pragma once

#include <chrono>
#include <optional>
#include <span>

#include "controller/judge/sequential_settings.h"
#include "controller/judge/trace.h"

namespace serin::judge {

/// How long the canaries of a past good deployment logged more for their restart alone: whole seconds after the deploy
/// until the burst's end. 0: no burst. Nothing without #deploy, canaries, controls or a baseline.
///
/// A second is hot when the canaries, without the loudest of three or more, log more than 3 standard deviations and 2
/// errors above what their weights and the controls' errors, in that second or in the three around it, let expect. The
/// burst begins with a hot second among the first three after the deploy, and ends with the last hot second that has no
/// three calm ones in a row before it. One that never ends is no restart burst but a fault: then as if nothing were
/// known.
std::optional<std::chrono::seconds> restart_burst(const Trace& trace, const SequentialSettings& settings);

inline constexpr std::size_t kSettleDeploymentsMin = 5;  ///< fewer tell nothing
inline constexpr std::chrono::seconds kSettleMin{3};
inline constexpr std::chrono::seconds kSettleMax{20};

/// The 95th percentile (nearest rank) of the bursts of past good deployments, and a second more, in
/// kSettleMin..kSettleMax. With fewer than kSettleDeploymentsMin it is the default, but never less than their longest
/// burst asks for.
std::chrono::seconds settle_from(std::span<const std::chrono::seconds> bursts);

}  // namespace serin::judge
