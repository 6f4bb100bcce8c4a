#include "tests/simulation/calibration/later_stages.h"

#include "controller/judge/cohort_watch.h"

namespace serin::calibration {

namespace {

std::vector<std::size_t> range(std::size_t begin, std::size_t end) {
  std::vector<std::size_t> hosts;
  for (auto host = begin; host < end; ++host) hosts.push_back(host);
  return hosts;
}

}  // namespace

std::vector<Scenario> late_rows() {
  std::vector<Scenario> rows;
  const auto add = [&](Noise noise, double factor) {
    rows.push_back({.noise = noise, .factor = factor, .onset_s = 15, .batch = 10, .seconds = 72});
  };
  for (const auto noise :
       {Noise::pois, Noise::nb, Noise::ou, Noise::clump, Noise::blip, Noise::diurnal, Noise::trans, Noise::all}) {
    add(noise, 1);
  }
  for (const double factor : {10.0, 3.0}) {
    for (const auto noise : {Noise::pois, Noise::nb, Noise::blip}) add(noise, factor);
  }
  return rows;
}

std::string late_name(const Scenario& scenario) {
  auto plain = scenario;
  plain.onset_s = 0;
  return "late " + plain.name();
}

Trial run_late_trial(const Scenario& scenario, std::uint64_t seed, const judge::SequentialSettings& settings) {
  const auto recording = record(scenario, seed);
  const std::size_t canaries = scenario.fleet.canaries;
  judge::CohortWatch watch(settings, judge::weigh_hosts(recording.baseline, settings), judge::planned_tests(1));
  watch.open_window("canaries", range(0, canaries));
  for (std::size_t at = 0; at < recording.after.size(); ++at) {
    if (at == scenario.batch_s) {
      const auto batch = range(canaries, canaries + scenario.batch);
      watch.leave_controls(batch);
      watch.open_window("batch", batch);
    }
    if (watch.add_second(recording.after[at]).answer != judge::Answer::fail) continue;
    const auto begin = scenario.good() ? scenario.batch_s : scenario.onset_s;
    return {.answer = judge::Answer::fail, .seconds = static_cast<double>(at + 1) - static_cast<double>(begin)};
  }
  return {.answer = judge::Answer::inconclusive, .reason = "watched"};
}

}  // namespace serin::calibration
