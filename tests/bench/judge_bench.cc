// What one second of judging costs: 11 canaries and 1,000 controls at 1 error/s/host, all of them seen.
#include <benchmark/benchmark.h>

#include <limits>

#include "controller/judge/sequential_judge.h"
#include "tests/simulation/calibration/generator.h"

namespace serin::calibration {

namespace {

constexpr Fleet kThousand{'X', 11, 1000};

Recording recording_of(double factor) {
  return record({.fleet = kThousand, .base = 1, .factor = factor}, 1);
}

/// It must not end before the last second: nothing is enough for an answer.
judge::SequentialSettings undecided() {
  judge::SequentialSettings settings;
  settings.pass_odds = settings.fail_odds = std::numeric_limits<double>::infinity();
  return settings;
}

/// One second, on average over the 60 after the deploy.
void one_second(benchmark::State& state) {
  const auto recording = recording_of(static_cast<double>(state.range(0)));
  const judge::SequentialJudge fresh(undecided(), recording.baseline);
  auto judge = fresh;
  std::size_t at = 0;
  while (state.KeepRunning()) {
    if (at == recording.after.size()) {
      state.PauseTiming();
      judge = fresh;
      at = 0;
      state.ResumeTiming();
    }
    benchmark::DoNotOptimize(judge.add_second(recording.after[at++]));
  }
}
BENCHMARK(one_second)->Arg(1)->Arg(10)->ArgName("factor")->Unit(benchmark::kMicrosecond);

/// The baseline of 300 seconds, once at the deploy.
void baseline(benchmark::State& state) {
  const auto recording = recording_of(1);
  while (state.KeepRunning()) benchmark::DoNotOptimize(judge::weigh_hosts(recording.baseline, {}));
}
BENCHMARK(baseline)->Unit(benchmark::kMillisecond);

}  // namespace

}  // namespace serin::calibration

BENCHMARK_MAIN();
