#include "controller/evidence/series_growth.h"

#include <algorithm>

namespace serin::evidence {

namespace {

/// The value, when its sample is not too old; a gauge has no value where it is stale.
std::optional<double> fresh(const Series& series, const Grid& grid, std::size_t point) {
  if (point >= series.values.size() || !series.values[point]) return std::nullopt;
  if (series.times.empty()) return series.values[point];
  const double at = grid.first + static_cast<double>(point) * static_cast<double>(grid.step);
  if (point >= series.times.size() || !series.times[point] || at - *series.times[point] > grid.stale_after) {
    return std::nullopt;
  }
  return series.values[point];
}

}  // namespace

bool is_fresh(const SeriesByLabels& series, const Grid& grid, std::size_t point) {
  return std::any_of(series.begin(), series.end(),
                     [&](const auto& labelled) { return fresh(labelled.second, grid, point).has_value(); });
}

std::set<std::string_view> targets_at(const SeriesByLabels& series, const Grid& grid, std::size_t point) {
  std::set<std::string_view> targets;
  for (const auto& [labels, one] : series) {
    if (fresh(one, grid, point)) targets.insert(one.target);
  }
  return targets;
}

double growth(const SeriesByLabels& series, SeriesKind kind, const Grid& grid, std::size_t end) {
  double sum = 0;
  for (const auto& [labels, one] : series) {
    const auto now = fresh(one, grid, end);
    if (!now) continue;
    if (kind == SeriesKind::gauge) {
      sum += std::max(0.0, *now) * static_cast<double>(grid.step);
      continue;
    }
    const double before = fresh(one, grid, end - 1).value_or(0);
    sum += *now >= before ? *now - before : *now;
  }
  return sum;
}

}  // namespace serin::evidence
