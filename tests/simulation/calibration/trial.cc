#include "tests/simulation/calibration/trial.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "controller/judge/sequential_judge.h"

namespace serin::calibration {

using judge::Answer;

Trial run_trial(const Scenario& scenario, std::uint64_t seed, const judge::SequentialSettings& settings,
                bool with_peers) {
  const auto recording = record(scenario, seed);
  Trial trial;
  if (with_peers) trial.peers = ask_peers(recording);
  judge::SequentialJudge judge(settings, recording.baseline);
  for (const auto& second : recording.after) {
    const auto& verdict = judge.add_second(second);
    if (verdict.answer == Answer::undecided) continue;
    trial.answer = verdict.answer;
    trial.seconds = verdict.seconds;
    trial.reason = verdict.reason;
    break;
  }
  return trial;
}

Row count(std::string name, const Scenario& scenario, const std::vector<Trial>& trials) {
  Row row{.name = std::move(name), .scenario = scenario, .runs = trials.size()};
  std::map<std::string, std::size_t> reasons;
  for (const auto& trial : trials) {
    for (std::size_t peer = 0; peer < kPeers.size(); ++peer) row.peers[peer] += trial.peers[peer] ? 1U : 0U;
    if (trial.answer == Answer::fail) {
      row.fail_seconds.push_back(trial.seconds);
    } else if (trial.answer == Answer::pass) {
      row.pass_seconds.push_back(trial.seconds);
    } else {
      ++reasons[trial.reason];
    }
  }
  std::ranges::sort(row.fail_seconds);
  std::ranges::sort(row.pass_seconds);
  const auto most = std::ranges::max_element(reasons, {}, [](const auto& reason) { return reason.second; });
  if (most != reasons.end()) row.reason = most->first;
  return row;
}

double quantile(const std::vector<double>& ascending, double share) {
  if (ascending.empty()) return 0;
  const double rank = std::ceil(share * static_cast<double>(ascending.size()) - 1e-9);
  return ascending[static_cast<std::size_t>(std::max(1.0, rank)) - 1];
}

}  // namespace serin::calibration
