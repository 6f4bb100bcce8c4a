#include "tests/simulation/calibration/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace serin::calibration {

namespace {

/// Three digits: 0, 0.3, 12, 100.
std::string percent(double share) {
  return share < 9.95 ? fmt::format("{:.2g}", share) : fmt::format("{:.0f}", share);
}

std::string with_seconds(double share, const std::vector<double>& seconds) {
  if (seconds.empty()) return percent(share);
  return fmt::format("{} {}/{}", percent(share), quantile(seconds, 0.5), quantile(seconds, 0.95));
}

}  // namespace

std::string markdown_head(bool with_peers) {
  std::string names = "| scenario |";
  std::string rule = "|---|";
  if (with_peers) {
    for (const auto peer : kPeers) {
      names += fmt::format(" {} |", peer);
      rule += "---|";
    }
  }
  return names + " judge FAIL %, s | PASS %, s | INC % |\n" + rule + "---|---|---|\n";
}

std::string markdown_line(const Row& row, bool with_peers) {
  auto line = fmt::format("| {} |", row.name);
  for (std::size_t peer = 0; with_peers && peer < kPeers.size(); ++peer) {
    line += fmt::format(" {} |", percent(row.share(row.peers[peer])));
  }
  return line + fmt::format(" **{}** | {} | {} |\n", with_seconds(row.fail(), row.fail_seconds),
                            with_seconds(row.pass(), row.pass_seconds), percent(row.inconclusive()));
}

std::string csv_head() {
  return fmt::format(
      "scenario,judge,runs,fail,fail_median_s,fail_p95_s,pass,pass_median_s,pass_p95_s,inconclusive,reason,{}\n",
      fmt::join(kPeers, ","));
}

std::string csv_line(const Row& row, const std::string& judge) {
  std::string line =
      fmt::format("{},{},{},{},{},{},{},{},{},{},{}", row.name, judge, row.runs, row.fail_seconds.size(),
                  quantile(row.fail_seconds, 0.5), quantile(row.fail_seconds, 0.95), row.pass_seconds.size(),
                  quantile(row.pass_seconds, 0.5), quantile(row.pass_seconds, 0.95),
                  row.runs - row.fail_seconds.size() - row.pass_seconds.size(), row.reason);
  for (const auto failed : row.peers) line += fmt::format(",{}", failed);
  return line + "\n";
}

}  // namespace serin::calibration
