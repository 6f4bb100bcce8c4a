#include "tests/simulation/calibration/bounds.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

namespace serin::calibration {

namespace {

const std::map<std::string, Bounds>& named_bounds() {
  static const std::map<std::string, Bounds> kNamed{
      {"M 1 pois x10", {.fail_min = 99, .pass_max = 1, .fail_p95_max = 6}},
      {"M 1 blip x10", {.fail_min = 99, .pass_max = 1, .fail_p95_max = 6}},
      {"M 50 pois x3", {.fail_min = 99, .fail_p95_max = 6}},
      {"M 1 nb x10", {.fail_min = 99, .pass_max = 1, .fail_p95_max = 8}},
      {"M 1 pois x3", {.fail_min = 99, .fail_p95_max = 14}},
      {"M 1 pois x2", {.fail_min = 85}},
      {"S 0.01 pois x10", {.fail_min = 60}},
      {"M 1 pois x1", {.fail_max = 1.5, .pass_min = 100, .pass_p95_max = 18}},
      {"late M 1 pois x10", {.fail_min = 99, .fail_p95_max = 5}},
      {"late M 1 nb x10", {.fail_min = 99, .fail_p95_max = 5}},
      {"late M 1 blip x10", {.fail_min = 99, .fail_p95_max = 5}},
      {"late M 1 pois x3", {.fail_min = 99, .fail_p95_max = 14}},
  };
  return kNamed;
}

}  // namespace

std::size_t most_of(std::size_t n, double p) {
  if (p <= 0) return 0;
  if (p >= 1) return n;
  const auto trials = static_cast<double>(n);
  double term = std::pow(1 - p, trials);
  double below = term;
  std::size_t k = 0;
  while (below < 1 - 1e-3 && k < n) {
    term *= (trials - static_cast<double>(k)) / static_cast<double>(k + 1) * p / (1 - p);
    below += term;
    ++k;
  }
  return k;
}

Bounds bounds_of(const Row& row) {
  const auto& named = named_bounds();
  if (const auto found = named.find(row.name); found != named.end()) return found->second;
  const auto& scenario = row.scenario;
  const bool late = row.name.starts_with("late ");
  if (scenario.limit) return {};
  if (scenario.good()) {
    Bounds bounds{.fail_max = late ? 1 : 1.5};
    if (has(scenario.noise, Noise::idle)) bounds.pass_max = 0;
    return bounds;
  }
  if (scenario.factor >= 10 && scenario.base >= 1 && !late) return {.pass_max = 1};
  return {};
}

std::vector<std::string> broken(const Row& row, bool margin) {
  const auto bounds = bounds_of(row);
  std::vector<std::string> complaints;
  const auto runs = static_cast<double>(row.runs);
  const auto at_most = [&](const char* what, std::size_t count, double percent) {
    const auto most = margin ? static_cast<double>(most_of(row.runs, percent / 100)) : percent / 100 * runs + 1e-9;
    if (static_cast<double>(count) > most) {
      complaints.push_back(fmt::format("{}: {} in {:.1f} %, at most {} %", row.name, what, row.share(count), percent));
    }
  };
  const auto at_least = [&](const char* what, std::size_t count, double percent) {
    const auto misses = row.runs - count;
    const double most = margin ? static_cast<double>(most_of(row.runs, 1 - percent / 100)) : (1 - percent / 100) * runs;
    if (static_cast<double>(misses) > most + 1e-9) {
      complaints.push_back(fmt::format("{}: {} in {:.1f} %, at least {} %", row.name, what, row.share(count), percent));
    }
  };
  const auto in_time = [&](const char* what, const std::vector<double>& seconds, double most) {
    const double late = quantile(seconds, 0.95);
    if (late > most + (margin ? 1 : 0)) {
      complaints.push_back(fmt::format("{}: {} p95 after {} s, at most {} s", row.name, what, late, most));
    }
  };
  at_most("FAIL", row.fail_seconds.size(), bounds.fail_max);
  at_least("FAIL", row.fail_seconds.size(), bounds.fail_min);
  at_most("PASS", row.pass_seconds.size(), bounds.pass_max);
  at_least("PASS", row.pass_seconds.size(), bounds.pass_min);
  in_time("FAIL", row.fail_seconds, bounds.fail_p95_max);
  in_time("PASS", row.pass_seconds, bounds.pass_p95_max);
  return complaints;
}

}  // namespace serin::calibration
