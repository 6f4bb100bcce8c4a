#include "controller/judge/sequential_rule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace serin::judge {

namespace {

constexpr double kUnheardShare = 0.25;
constexpr double kNoLooOfOne = 2;  ///< with one canary nothing can be left out: as much evidence less

SideSums minus(SideSums side, const SideSums& part) {
  side.errors = std::max(0.0, side.errors - part.errors);
  side.weight -= part.weight;
  side.variance = std::max(0.0, side.variance - part.variance);
  side.hosts -= part.hosts;
  return side;
}

SideSums plus(SideSums side, const SideSums& part) {
  side.errors += part.errors;
  side.weight += part.weight;
  side.variance += part.variance;
  side.hosts += part.hosts;
  return side;
}

double needs_without_one(const SequentialSettings& settings, std::size_t treated, bool quiet) {
  if (treated > 2) return std::log(settings.fail_odds_without_one);
  return std::log(treated == 2 && quiet ? settings.fail_odds_calm_pair : settings.fail_odds_few);
}

double raw_rate(const std::vector<Member>& members) {
  double errors = 0, seconds = 0;
  for (const Member& member : members) {
    errors += member.raw_errors;
    seconds += member.seen;
  }
  return seconds > 0 ? errors / seconds : 0;
}

}  // namespace

SequentialRule::SequentialRule(const SequentialSettings& settings, const HostWeights& weights, const PostCounts& counts)
    : settings_(settings), weights_(weights), counts_(counts) {}

SideSums SequentialRule::side_of(const RuleState& state, std::size_t treated) const {
  const Member& member = counts_.treated()[treated];
  return sums_of(member, counts_.weight(member) * counts_.exposure(member), state.controls);
}

void SequentialRule::look_at_treated(RuleState& state) const {
  const double seconds = state.evidence_seconds;
  for (std::size_t i = 0; i < counts_.treated().size(); ++i) {
    const Member& member = counts_.treated()[i];
    const SideSums side = side_of(state, i);
    state.treated = plus(state.treated, side);
    const double usual = state.controls.multiplier * side.weight;
    state.hosts.push_back(
        {.host = member.host,
         .errors = member.errors,
         .expected = usual * seconds,
         .traffic = member.traffic / seconds,
         .suspect = member.recent_errors() > settings_.suspect_factor * 5 * usual + settings_.suspect_errors,
         .unheard = seconds - member.seen >= kUnheardShare * seconds,
         .silent = seconds - member.last_seen >= 5,
         .idle = member.traffic < settings_.traffic_min * seconds,
         .unproven = !member.traffic_known && member.errors < 1});
  }
}

void SequentialRule::set_loud_aside(RuleState& state) const {
  const std::size_t count = state.hosts.size();
  if (count < 2) return;
  std::vector<std::pair<double, std::size_t>> loud;
  for (std::size_t i = 0; i < count; ++i) {
    const SideSums side = side_of(state, i);
    const double others = side.weight * (state.treated.errors - side.errors) / (state.treated.weight - side.weight);
    const double limit = settings_.loud_canary_factor * std::max(others, state.hosts[i].expected);
    const double excess = side.errors - limit - settings_.loud_canary_errors;
    if (excess > 0) loud.emplace_back(-excess, i);
  }
  std::sort(loud.begin(), loud.end());
  loud.resize(std::min(loud.size(), std::max<std::size_t>(1, count / 5)));
  for (const auto& [excess, i] : loud) state.hosts[i].loud = true;
}

SideSums SequentialRule::without_loud(const RuleState& state) const {
  SideSums side = state.treated;
  for (std::size_t i = 0; i < state.hosts.size(); ++i) {
    if (state.hosts[i].loud) side = minus(side, side_of(state, i));
  }
  return side;
}

void SequentialRule::measure_ratio(RuleState& state) const {
  const SideSums& treated = state.treated;
  const SideSums& control = state.controls.kept;
  if (treated.weight <= 0 || control.weight <= 0) return;
  const ShareCounts share = compare(treated, state.controls, state.evidence_seconds, false);
  const double base = control.weight / treated.weight;
  state.ratio = treated.errors * base / (control.errors > 0 ? control.errors : 0.5);
  const double middle = std::log((treated.errors + 0.5) * base / (control.errors + 0.5));
  const double deviation =
      std::sqrt(share.dispersion / (treated.errors + 0.5) + share.dispersion / (control.errors + 0.5) + share.variance);
  state.ratio_low = std::exp(middle - 1.96 * deviation);
  state.ratio_high = std::exp(middle + 1.96 * deviation);
}

/// Two canaries, a quiet fleet. When neither is loud they bear each other out: the evidence of both together counts,
/// and only a little of each is asked for. Where the controls are so quiet that a rise of the whole fleet may not yet
/// show on them, it must hold for longer. Returns what is added to lf's threshold.
double SequentialRule::ease_pair(RuleState& state) const {
  state.fail_needs_seconds = static_cast<std::size_t>(std::max<std::int64_t>(1, settings_.min_fail.count()));
  if (state.hosts.size() != 2 || !state.controls.quiet) return 0;
  if (state.controls.kept.weight * state.controls.multiplier < settings_.pair_control_errors) {
    state.fail_needs_seconds = std::max(
        state.fail_needs_seconds, static_cast<std::size_t>(std::max<std::int64_t>(1, settings_.min_fail_pair.count())));
  }
  if (state.hosts[0].loud || state.hosts[1].loud) return 0;
  state.fail_needs_without_one = std::log(settings_.fail_odds_even_pair);
  return -std::log(settings_.even_pair_ease);
}

void SequentialRule::ask_fail(RuleState& state, double fail_needs) const {
  state.seconds = counts_.seconds();
  state.evidence_seconds = counts_.evidence_seconds();
  if (state.evidence_seconds <= 0) return;
  state.controls = look_at_controls(settings_, weights_, counts_);
  state.hosts.reserve(counts_.treated().size());
  look_at_treated(state);
  set_loud_aside(state);
  measure_ratio(state);
  state.treated_rate = raw_rate(counts_.treated());
  state.control_rate = state.controls.raw_rate;
  if (state.hosts.empty()) return;

  const double seconds = state.evidence_seconds;
  const auto evidence = [&](const SideSums& side) {
    return fail_evidence(compare(side, state.controls, seconds, true), settings_.factors, settings_.tolerated);
  };
  state.fail = evidence(without_loud(state));
  state.fail_without_one = state.fail - kNoLooOfOne;
  if (state.hosts.size() > 1) {
    state.fail_without_one = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < state.hosts.size(); ++i) {
      state.fail_without_one = std::min(state.fail_without_one, evidence(minus(state.treated, side_of(state, i))));
    }
  }
  state.fail_needs_without_one = needs_without_one(settings_, state.hosts.size(), state.controls.quiet);
  state.fail_needs = fail_needs + ease_pair(state);

  const double usual = state.controls.multiplier * state.treated.weight;  // of all treated hosts, a second
  const auto hosts = static_cast<double>(state.hosts.size());
  state.excess = state.treated.errors / (hosts * seconds) - usual / hosts;
  const double window = state.treated.errors > 0
                            ? std::min(seconds, std::max(3.0, std::ceil(3 * seconds / state.treated.errors)))
                            : seconds;  // Lw
  state.live =
      counts_.treated_errors(static_cast<std::size_t>(window)) >= std::max(1.0, settings_.tolerated * usual * window);
  state.fail_holds = state.fail >= state.fail_needs && state.fail_without_one >= state.fail_needs_without_one &&
                     state.excess >= settings_.excess_fail && state.live;
}

double SequentialRule::pass_evidence(const RuleState& state, const SideSums& side, double traffic, bool traffic_known,
                                     const SideSums& controls, double* bad_factor) const {
  const double lambda = (controls.errors + 1) / (controls.weight * state.evidence_seconds + 1) * side.weight /
                        static_cast<double>(side.hosts);
  const double bad = std::max(settings_.bad, 1 + settings_.excess_pass / lambda);
  if (bad_factor != nullptr) *bad_factor = bad;
  ShareCounts share = compare(side, state.controls, state.evidence_seconds, false);
  share.control = controls.errors;
  share.control_weight = controls.weight;
  const double by_share = share_likelihood(1, share) - share_likelihood(bad, share);
  if (lambda * (settings_.bad - 1) >= settings_.excess_pass || !traffic_known) return by_share;
  // Few errors anywhere: a fault of excess_pass would show in the traffic that was served, whatever the controls do.
  const double worst = lambda + settings_.excess_pass;
  std::array<double, 2> by_traffic{};
  for (std::size_t j = 0; j < by_traffic.size(); ++j) {
    const double good = lambda + (j == 0 ? 0 : 0.25) * settings_.excess_pass;
    by_traffic[j] = (side.errors * std::log(good / worst) - (good - worst) * traffic) / share.dispersion;
  }
  return std::max(by_share, log_mean_exp(by_traffic));
}

void SequentialRule::ask_pass(RuleState& state) const {
  if (state.evidence_seconds <= 0 || state.hosts.empty() || counts_.controls().size() < 2) return;
  const std::size_t treated = state.hosts.size();
  SideSums side;
  double traffic = 0;
  bool known = true;
  std::size_t quietest = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < treated; ++i) {
    if (treated >= 3 && state.hosts[i].loud) continue;
    const SideSums host = side_of(state, i);
    side = plus(side, host);
    traffic += counts_.treated()[i].traffic;
    known = known && counts_.treated()[i].traffic_known;
    if (host.errors / host.weight < least) {
      least = host.errors / host.weight;
      quietest = i;
    }
  }
  state.pass = pass_evidence(state, side, traffic, known, state.controls.kept, &state.bad_factor);
  if (treated >= 2) {
    side = minus(side, side_of(state, quietest));
    traffic -= counts_.treated()[quietest].traffic;
  }
  const SideSums controls = minus(state.controls.kept, state.controls.loudest_sums);
  state.pass_adverse = pass_evidence(state, side, traffic, known, controls, nullptr);

  double unmeasured = 0, unmeasured_usual = 0;
  bool trouble = false;
  for (std::size_t i = 0; i < treated; ++i) {
    const TreatedState& host = state.hosts[i];
    trouble = trouble || host.idle || host.unproven || host.suspect || host.silent;
    if (counts_.treated()[i].traffic_known) continue;
    unmeasured += state.hosts[i].errors;
    unmeasured_usual += state.hosts[i].expected;
  }
  state.traffic_proven = !trouble && unmeasured >= settings_.traffic_min * unmeasured_usual;
  state.pass_holds =
      state.traffic_proven && state.evidence_seconds >= static_cast<double>(settings_.min_pass.count()) &&
      state.pass >= std::log(settings_.pass_odds) && state.pass_adverse >= std::log(settings_.pass_odds_adverse) &&
      state.fail_without_one < std::log(settings_.veto_odds);
}

}  // namespace serin::judge
