#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "controller/evidence/source_settings.h"

/// What series of one host say of each step between points in time. Pure arithmetic.
namespace serin::evidence {

/// One series at each point; a point without a value is absent.
struct Series {
  std::vector<std::optional<double>> values;
  std::vector<std::optional<double>> times;  ///< of the samples behind these, seconds since 1970; of counters
  std::string target;                        ///< whom Prometheus asked for it
};

/// Points of time, equally far apart, in seconds since 1970.
struct Grid {
  double first = 0;
  std::int64_t step = 1;
  std::size_t points = 0;
  double stale_after = 30;  ///< a sample older than this says nothing of a point
};

/// Series by their labels.
using SeriesByLabels = std::map<std::string, Series>;

/// Some series has a fresh value at this point.
bool is_fresh(const SeriesByLabels& series, const Grid& grid, std::size_t point);

/// Targets that have a series with a fresh value at this point. They point into the series.
std::set<std::string_view> targets_at(const SeriesByLabels& series, const Grid& grid, std::size_t point);

/// What happened in the step that ends with point `end` (>= 1), added up over the series. Precondition: each target
/// that was looked at, at one of its ends, was so at both. A counter that fell was reset and began at 0; one that was
/// not there before began at 0, since its target was; one that is gone has no more to say.
double growth(const SeriesByLabels& series, SeriesKind kind, const Grid& grid, std::size_t end);

}  // namespace serin::evidence
