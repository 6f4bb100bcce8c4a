#include "controller/judge/fleet_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "controller/judge/verdict_text.h"

namespace serin::judge {

namespace {

/// The settling is behind it: the last batch loaded before the watch began.
SequentialSettings without_settle(SequentialSettings settings) {
  settings.settle = std::chrono::seconds{0};
  settings.storm_rise = 0;  // here the rise of the fleet itself is the question
  return settings;
}

}  // namespace

FleetWatch::FleetWatch(SequentialSettings settings, HostWeights weights, FleetWatchSettings watch)
    : settings_(settings), weights_(std::move(weights)), watch_(watch), block_(new_block()) {
  verdict_.judge = "sequential";
  verdict_.reason = "watching";
}

PostCounts FleetWatch::new_block() const {
  std::vector<std::size_t> all(weights_.hosts.size());
  std::iota(all.begin(), all.end(), 0U);
  return {without_settle(settings_), weights_, {}, all};
}

void FleetWatch::alarm(const ControlSide& fleet) {
  verdict_.answer = Answer::fail;
  verdict_.reason = "fleet-worse";
  const auto hosts = static_cast<double>(fleet.kept.hosts);
  const double seconds = block_.evidence_seconds();
  verdict_.text = fmt::format(
      "the fleet logs {} errors/s/host, {} before the deploy: {} times, for {} s; nobody runs the old release, so it "
      "may "
      "be the release or something else that began with it; `serin rollback` takes it back",
      rate_text(fleet.kept.errors / (hosts * seconds)), rate_text(fleet.kept.weight / hosts),
      rate_text(fleet.multiplier), watch_.block.count() * watch_.blocks);
  SequentialNumbers numbers{.ratio = fleet.multiplier,
                            .ratio_low = fleet.multiplier,
                            .ratio_high = fleet.multiplier,
                            .canary_rate = fleet.kept.errors / (hosts * seconds),
                            .control_rate = fleet.kept.weight / hosts,
                            .canary_errors = fleet.kept.errors,
                            .dispersion = fleet.dispersion,
                            .spread = fleet.spread};
  for (const std::size_t host : fleet.set_aside) {
    numbers.set_aside.push_back({weights_.hosts[host].host, Role::control, "logs far more errors than the others"});
  }
  verdict_.numbers = std::move(numbers);
}

void FleetWatch::end_block() {
  const ControlSide fleet = look_at_controls(settings_, weights_, block_);
  const double host_seconds = static_cast<double>(fleet.kept.hosts) * block_.evidence_seconds();
  const double usual = fleet.kept.weight * block_.evidence_seconds();
  const bool heard = 2 * block_.void_seconds() < static_cast<std::size_t>(watch_.block.count());
  const bool worse = heard && host_seconds > 0 && fleet.multiplier >= watch_.factor &&
                     (fleet.kept.errors - usual) / host_seconds >= watch_.excess;
  worse_ = worse ? worse_ + 1 : 0;
  if (worse_ >= watch_.blocks) alarm(fleet);
  block_ = new_block();
}

const Verdict& FleetWatch::add_second(std::span<const Counts> second) {
  if (!watching()) return verdict_;
  ++seconds_;
  verdict_.seconds = static_cast<double>(seconds_);
  const std::chrono::seconds since{seconds_};
  if (since <= settings_.settle) return verdict_;
  block_.add_second(second);
  if (block_.seconds() >= static_cast<std::size_t>(watch_.block.count())) end_block();
  if (watching() && since >= watch_.lasts) {
    verdict_.reason = "watch-ended";
    verdict_.text = fmt::format("watch ended: {} s without an alarm", seconds_);
  }
  return verdict_;
}

}  // namespace serin::judge
