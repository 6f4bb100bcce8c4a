#include "controller/judge/host_weights.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

namespace serin::judge {

namespace {

constexpr int kWinsoriseRounds = 5;

/// Errors by host (row) and second or block (column).
struct Table {
  std::size_t rows = 0, columns = 0;
  std::vector<double> cells;
  double& at(std::size_t row, std::size_t column) { return cells[row * columns + column]; }
  [[nodiscard]] double at(std::size_t row, std::size_t column) const { return cells[row * columns + column]; }
};

std::span<const Counts> newest(const std::vector<Counts>& seconds, std::size_t most) {
  return std::span{seconds}.last(std::min(seconds.size(), most));
}

/// S_h, and the row of the table: what was not seen is as usual.
double winsorise(std::span<const Counts> seconds, double trusted, std::size_t row, Table& table) {
  double cap = std::numeric_limits<double>::infinity();
  double sum = 0;
  for (int round = 0; round <= kWinsoriseRounds; ++round) {
    sum = 0;
    for (const Counts& at : seconds) sum += at.seen ? std::min(static_cast<double>(at.errors), cap) : 0;
    if (round < kWinsoriseRounds) cap = count_cap(sum / trusted);
  }
  for (std::size_t t = 0; t < seconds.size(); ++t) {
    table.at(row, t) = seconds[t].seen ? std::min(static_cast<double>(seconds[t].errors), cap) : sum / trusted;
  }
  return sum;
}

/// X2/df against independence of host and time, at least 1.
double pearson_dispersion(const Table& table) {
  std::vector<double> rows(table.rows), columns(table.columns);
  for (std::size_t h = 0; h < table.rows; ++h) {
    for (std::size_t t = 0; t < table.columns; ++t) {
      rows[h] += table.at(h, t);
      columns[t] += table.at(h, t);
    }
  }
  const double total = std::accumulate(rows.begin(), rows.end(), 0.0);
  const auto counted = [](const std::vector<double>& sums) {
    return static_cast<double>(std::count_if(sums.begin(), sums.end(), [](double sum) { return sum > 0; }));
  };
  const double freedom = (counted(rows) - 1) * (counted(columns) - 1);
  if (total <= 0 || freedom <= 0) return 1;
  double chi = 0;
  for (std::size_t h = 0; h < table.rows; ++h) {
    if (rows[h] <= 0) continue;
    for (std::size_t t = 0; t < table.columns; ++t) {
      if (columns[t] <= 0) continue;
      const double expected = rows[h] * columns[t] / total;
      chi += (table.at(h, t) - expected) * (table.at(h, t) - expected) / expected;
    }
  }
  return std::max(1.0, chi / freedom);
}

/// The newest whole blocks.
Table in_blocks(const Table& table, std::size_t block) {
  Table blocks{.rows = table.rows, .columns = table.columns / block, .cells = {}};
  blocks.cells.resize(blocks.rows * blocks.columns);
  const std::size_t first = table.columns - blocks.columns * block;
  for (std::size_t h = 0; h < blocks.rows; ++h) {
    for (std::size_t t = first; t < table.columns; ++t) blocks.at(h, (t - first) / block) += table.at(h, t);
  }
  return blocks;
}

double slow_spread_of(const Table& table, double dispersion, std::size_t block) {
  const Table blocks = in_blocks(table, std::max<std::size_t>(1, block));
  if (blocks.cells.empty()) return 0;
  const double mean =
      std::accumulate(blocks.cells.begin(), blocks.cells.end(), 0.0) / static_cast<double>(blocks.cells.size());
  return std::max(0.0, pearson_dispersion(blocks) - dispersion) / std::max(mean, 1.0);
}

/// a: how many errors' worth the fleet's rate is, by the method of moments on the rates' spread.
double shape_of(const std::vector<double>& scaled, double dispersion, const SequentialSettings& settings) {
  const auto count = static_cast<double>(scaled.size());
  const double mean = std::accumulate(scaled.begin(), scaled.end(), 0.0) / count;
  if (mean <= 0) return settings.shape_max;
  double squares = 0;
  for (const double sum : scaled) squares += (sum - mean) * (sum - mean);
  const double variance = scaled.size() > 1 ? squares / (count - 1) : 0;
  return std::clamp(mean * mean / std::max(variance - mean * dispersion, 1e-9), settings.shape_min, settings.shape_max);
}

HostWeight weight_of(const HostBaseline& host, const Baseline& baseline, std::span<const Counts> seconds) {
  HostWeight weight{.host = host.host, .role = host.role};
  double good = 0;
  double requests = 0;
  for (const Counts& at : seconds) {
    if (!at.seen) continue;
    ++weight.trusted;
    good += static_cast<double>(at.lines - std::min(at.lines, at.errors));
    requests += static_cast<double>(at.requests);
  }
  const auto trusted = static_cast<double>(std::max<std::size_t>(1, weight.trusted));
  if (baseline.lines_known) weight.good_lines = good / trusted;
  if (baseline.requests_known) weight.requests = requests / trusted;
  return weight;
}

}  // namespace

double count_cap(double rate) {
  return std::max(3.0, std::ceil(8 * (rate + std::sqrt(rate) + 0.25)));
}

HostWeights weigh_hosts(const Baseline& baseline, const SequentialSettings& settings) {
  HostWeights weights;
  const std::size_t hosts = baseline.hosts.size();
  if (hosts == 0) return weights;
  std::size_t length = 0;
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, settings.baseline.count()));
  for (const HostBaseline& host : baseline.hosts) length = std::max(length, newest(host.seconds, most).size());
  Table table{.rows = hosts, .columns = length, .cells = std::vector<double>(hosts * length)};

  std::vector<double> sums(hosts), scaled(hosts);
  double errors = 0;
  double trusted_all = 0;
  const auto whole = static_cast<double>(std::max<std::size_t>(1, length));
  for (std::size_t h = 0; h < hosts; ++h) {
    const auto seconds = newest(baseline.hosts[h].seconds, most);
    weights.hosts.push_back(weight_of(baseline.hosts[h], baseline, seconds));
    const auto trusted = static_cast<double>(std::max<std::size_t>(1, weights.hosts[h].trusted));
    sums[h] = winsorise(seconds, trusted, h, table);
    scaled[h] = sums[h] * whole / trusted;
    errors += sums[h];
    trusted_all += trusted;
  }
  weights.dispersion = pearson_dispersion(table);
  weights.slow_spread = slow_spread_of(table, weights.dispersion,
                                       static_cast<std::size_t>(std::max<std::int64_t>(1, settings.block.count())));
  weights.fleet_rate = std::max(errors / trusted_all, 0.5 / (static_cast<double>(hosts) * whole));
  weights.shape = shape_of(scaled, weights.dispersion, settings);
  for (std::size_t h = 0; h < hosts; ++h) {
    const auto trusted = static_cast<double>(std::max<std::size_t>(1, weights.hosts[h].trusted));
    weights.hosts[h].rate = (sums[h] + weights.shape) / (trusted + weights.shape / weights.fleet_rate);
    weights.hosts[h].variance = 1 / (sums[h] + weights.shape);
  }
  return weights;
}

}  // namespace serin::judge
