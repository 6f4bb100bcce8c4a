// What one matched event costs: its signature alone, and with the table. Lines are those of the golden samples.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "agent/count/signature.h"
#include "agent/count/signature_table.h"
#include "tests/agent/count/signature_samples.h"

namespace serin::count {
namespace {

/// Events of one line, and of several.
std::vector<std::string> events(bool several) {
  std::vector<std::string> all;
  for (const auto& sample : kSignatureSamples) {
    if ((sample.event.find('\n') != std::string_view::npos) == several) all.emplace_back(sample.event);
  }
  return all;
}

void report(benchmark::State& state, const std::vector<std::string>& all) {
  std::size_t bytes = 0;
  for (const auto& event : all) bytes += event.size();
  const auto turns = static_cast<double>(state.iterations());
  state.counters["bytes_per_event"] = static_cast<double>(bytes) / static_cast<double>(all.size());
  state.counters["per_event"] = benchmark::Counter(turns * static_cast<double>(all.size()),
                                                   benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void signature(benchmark::State& state) {
  const auto all = events(state.range(0) != 0);
  while (state.KeepRunning()) {
    for (const auto& event : all) benchmark::DoNotOptimize(Signature(event).id());
  }
  report(state, all);
}
BENCHMARK(signature)->Arg(0)->Arg(1)->ArgName("several_lines");

void table(benchmark::State& state) {
  const auto all = events(false);
  SignatureTable table;
  while (state.KeepRunning()) {
    for (const auto& event : all) table.add("rule", event, SteadyTime{});
    benchmark::DoNotOptimize(table.take());
  }
  report(state, all);
}
BENCHMARK(table);

/// A line of 100 bytes.
void hundred_bytes(benchmark::State& state) {
  const std::string line =
      "[Fri Jan 02 03:04:05 2026] [error] [client 10.0.0.1] worker 12 of pool shop failed in /srv/a1/x.php:12";
  while (state.KeepRunning()) benchmark::DoNotOptimize(Signature(line).id());
  report(state, {line});
}
BENCHMARK(hundred_bytes);

}  // namespace
}  // namespace serin::count

BENCHMARK_MAIN();
