#include "controller/judge/settings_by_name.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <variant>

#include "protocol/text.h"

namespace serin::judge {

namespace {

using Sequential = SequentialSettings;
using Fixed = FixedJudgeSettings;
using SequentialMember = std::variant<std::chrono::seconds Sequential::*, double Sequential::*>;
using FixedMember = std::variant<Duration Fixed::*, double Fixed::*, std::uint32_t Fixed::*>;

/// One key; durations' bounds are seconds.
template <class Member>
struct Key {
  std::string_view name;
  Member member;
  double least = 0, most = 0;
};

constexpr double kDay = 86'400;
constexpr double kMost = 1e9;

const Key<SequentialMember> kSequential[] = {
    {"baseline", &Sequential::baseline, 1, kDay},
    {"baseline_min", &Sequential::baseline_min, 1, kDay},
    {"settle", &Sequential::settle, 0, 3'600},
    {"min_fail", &Sequential::min_fail, 1, 3'600},
    {"min_fail_pair", &Sequential::min_fail_pair, 1, 3'600},
    {"min_pass", &Sequential::min_pass, 1, kDay},
    {"horizon", &Sequential::horizon, 1, kDay},
    {"block", &Sequential::block, 1, 3'600},
    {"tolerated", &Sequential::tolerated, 1, 1'000},
    {"bad", &Sequential::bad, 1.01, 1'000},
    {"excess_fail", &Sequential::excess_fail, 0, kMost},
    {"excess_pass", &Sequential::excess_pass, 1e-6, kMost},
    {"fail_odds", &Sequential::fail_odds, 1, kMost},
    {"fail_odds_without_one", &Sequential::fail_odds_without_one, 1, kMost},
    {"fail_odds_few", &Sequential::fail_odds_few, 1, kMost},
    {"fail_odds_calm_pair", &Sequential::fail_odds_calm_pair, 1, kMost},
    {"fail_odds_even_pair", &Sequential::fail_odds_even_pair, 1, kMost},
    {"even_pair_ease", &Sequential::even_pair_ease, 1, kMost},
    {"pair_control_errors", &Sequential::pair_control_errors, 0, kMost},
    {"pass_odds", &Sequential::pass_odds, 1, kMost},
    {"pass_odds_adverse", &Sequential::pass_odds_adverse, 1, kMost},
    {"veto_odds", &Sequential::veto_odds, 1, kMost},
    {"shape_min", &Sequential::shape_min, 0.1, 1'000},
    {"shape_max", &Sequential::shape_max, 0.1, 1'000},
    {"spread_min", &Sequential::spread_min, 1e-6, 10},
    {"spread_few", &Sequential::spread_few, 0, 10},
    {"calm_errors", &Sequential::calm_errors, 0, 1'000},
    {"storm_rise", &Sequential::storm_rise, 0, 1'000},
    {"storm_doubt", &Sequential::storm_doubt, 0.1, kMost},
    {"loud_canary_factor", &Sequential::loud_canary_factor, 1, 1'000},
    {"loud_canary_errors", &Sequential::loud_canary_errors, 0, kMost},
    {"loud_control_factor", &Sequential::loud_control_factor, 1, 1'000},
    {"loud_control_errors", &Sequential::loud_control_errors, 0, kMost},
    {"suspect_factor", &Sequential::suspect_factor, 1, 1'000},
    {"suspect_errors", &Sequential::suspect_errors, 0, kMost},
    {"quiet_spread", &Sequential::quiet_spread, 0, 10},
    {"quiet_dispersion", &Sequential::quiet_dispersion, 1, 1'000},
    {"quiet_rise", &Sequential::quiet_rise, 1, 1'000},
    {"noisy_spread", &Sequential::noisy_spread, 0, 10},
    {"noisy_dispersion", &Sequential::noisy_dispersion, 1, 1'000},
    {"traffic_min", &Sequential::traffic_min, 0, 1},
};

const Key<FixedMember> kFixed[] = {
    {"wait", &Fixed::wait, 1, kDay},
    {"threshold", &Fixed::threshold, 1, 1e6},
    {"floor", &Fixed::floor, 0, 1e6},
    {"hosts_over", &Fixed::hosts_over, 0, 1e6},
    {"baseline_min", &Fixed::baseline_min, 1, 3'600},
    {"silence_max", &Fixed::silence_max, 1, kDay},
};

std::optional<double> number_of(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) return {};
  return number;
}

/// In seconds, of "90", "90s" or "1m30s".
std::optional<double> seconds_of(std::string_view text) {
  if (const auto number = number_of(text)) return number;
  const auto duration = parse_duration(text);
  if (!duration) return {};
  return std::chrono::duration<double>(*duration).count();
}

void assign(double& to, double value) {
  to = value;
}
void assign(std::uint32_t& to, double value) {
  to = static_cast<std::uint32_t>(value);
}
template <class Period>
void assign(std::chrono::duration<std::int64_t, Period>& to, double value) {
  to = std::chrono::duration<std::int64_t, Period>{
      std::llround(value * static_cast<double>(Period::den) / static_cast<double>(Period::num))};
}

template <class Field>
constexpr bool kIsDuration = !std::is_arithmetic_v<Field>;

template <class Settings, class Keys>
Result<void> set(Settings& settings, const Keys& keys, std::string_view name, std::string_view value, JudgeKind kind) {
  for (const auto& key : keys) {
    if (key.name != name) continue;
    return std::visit(
        [&](auto member) -> Result<void> {
          using Field = std::remove_reference_t<decltype(settings.*member)>;
          const auto read = kIsDuration<Field> ? seconds_of(value) : number_of(value);
          const bool whole = !std::is_same_v<Field, double>;
          if (!read || *read < key.least || *read > key.most || (whole && *read != std::floor(*read))) {
            return failure(
                ErrorKind::invalid,
                fmt::format("{}: '{}' is not possible: write a {}number{} from {} to {}", name, printable(value, 40),
                            whole ? "whole " : "", kIsDuration<Field> ? " of seconds" : "", key.least, key.most));
          }
          assign(settings.*member, *read);
          return {};
        },
        key.member);
  }
  return failure(ErrorKind::invalid, fmt::format("'{}' is no setting of this judge: there are {}", printable(name, 40),
                                                 fmt::join(setting_names(kind), ", ")));
}

}  // namespace

namespace {

template <class Settings, class Keys>
std::vector<std::string> changed(const Settings& settings, const Keys& keys,
                                 std::initializer_list<std::string_view> without) {
  const Settings usual;
  std::vector<std::string> changed;
  for (const auto& key : keys) {
    if (std::find(without.begin(), without.end(), key.name) != without.end()) continue;
    std::visit(
        [&](auto member) {
          if (settings.*member == usual.*member) return;
          if constexpr (kIsDuration<std::remove_cvref_t<decltype(settings.*member)>>) {
            changed.push_back(fmt::format("{}={}", key.name, std::chrono::duration<double>(settings.*member).count()));
          } else {
            changed.push_back(fmt::format("{}={}", key.name, settings.*member));
          }
        },
        key.member);
  }
  return changed;
}

}  // namespace

std::vector<std::string> changed_settings(const SequentialSettings& settings) {
  return changed(settings, kSequential, {"horizon", "settle"});
}

std::vector<std::string> changed_settings(const FixedJudgeSettings& settings) {
  return changed(settings, kFixed, {"wait"});
}

std::vector<std::string> setting_names(JudgeKind kind) {
  std::vector<std::string> names;
  if (kind == JudgeKind::sequential) {
    for (const auto& key : kSequential) names.emplace_back(key.name);
  } else {
    for (const auto& key : kFixed) names.emplace_back(key.name);
  }
  return names;
}

Result<void> set_by_name(JudgeSettings& settings, std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    return failure(ErrorKind::invalid, fmt::format("'{}' sets nothing: write key=value", printable(assignment, 60)));
  }
  const std::string_view name = assignment.substr(0, equals);
  const std::string_view value = assignment.substr(equals + 1);
  if (settings.kind == JudgeKind::fixed) return set(settings.fixed, kFixed, name, value, settings.kind);
  return set(settings.sequential, kSequential, name, value, settings.kind);
}

}  // namespace serin::judge
