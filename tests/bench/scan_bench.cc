// What it costs to build a release from a staging folder, in one thread and in all: the first time, when nothing
// changed, and when 50 files changed. Trees: 10,000 files of 1 to 30 kB in 1,700 folders, as PHP applications are, and
// 20 files of 20 MB. They stand in $BENCH_TMP (/dev/shm), beside the store.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "controller/release/release_dir.h"

namespace serin::release {
namespace {

class Source {
 public:
  explicit Source(bool large_files) {
    const char* under = std::getenv("BENCH_TMP");
    std::string name = std::string(under == nullptr ? "/dev/shm" : under) + "/serin-scan-bench.XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    folder_ = name;
    for (int i = 0; i < (large_files ? 20 : 10'000); ++i)
      write(i, large_files ? std::size_t{20'000'000} : std::size_t{1'000} + static_cast<std::size_t>(i) * 37 % 29'000);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() { std::filesystem::remove_all(folder_); }

  void write(int index, std::size_t bytes) {
    const auto folder = folder_ / "source" / std::to_string(index % 17) / std::to_string(index % 1'700);
    std::filesystem::create_directories(folder);
    std::string content(bytes, '\0');
    for (std::size_t i = 0; i + 4 <= bytes; i += 4) {
      const auto word = static_cast<std::uint32_t>(random_());
      content.replace(i, 4, reinterpret_cast<const char*>(&word), 4);
    }
    std::ofstream(folder / fmt::format("{}.php", index), std::ios::binary) << content;
  }

  /// As a daemon that has just started. Its clock is an hour ahead: no file is too young for the cache.
  ReleaseDir open(unsigned threads) {
    auto opened = ReleaseDir::open(folder_ / "state",
                                   {.wall_seconds = [] { return std::time(nullptr) + 3'600; }, .threads = threads});
    if (!opened) std::abort();
    return std::move(*opened);
  }
  ReleaseDir open_empty(unsigned threads) {
    std::filesystem::remove_all(folder_ / "state");
    return open(threads);
  }
  [[nodiscard]] BuildResult build(ReleaseDir& releases, const BuildResult& base) const {
    auto built = releases.build({.application = "app",
                                 .source = folder_ / "source",
                                 .exclude = {".git", "*.swp"},
                                 .base = base.root,
                                 .base_files = base.files,
                                 .base_bytes = base.bytes});
    if (!built) std::abort();
    return *built;
  }

 private:
  std::filesystem::path folder_;
  std::mt19937 random_{1};
};

/// Arguments: threads; are the files large.
void first_build(benchmark::State& state) {
  Source source(state.range(1) != 0);
  std::uint64_t bytes = 0;
  while (state.KeepRunning()) {
    state.PauseTiming();
    ReleaseDir releases = source.open_empty(static_cast<unsigned>(state.range(0)));
    state.ResumeTiming();
    bytes = source.build(releases, {}).bytes;
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}
BENCHMARK(first_build)
    ->ArgNames({"threads", "large"})
    ->ArgsProduct({{1, 2, 0}, {0, 1}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

/// Arguments: threads; files that change before each build.
void next_build(benchmark::State& state) {
  Source source(false);
  ReleaseDir releases = source.open(static_cast<unsigned>(state.range(0)));
  BuildResult base = source.build(releases, {});
  while (state.KeepRunning()) {
    state.PauseTiming();
    for (int i = 0; i < state.range(1); ++i) source.write(i * 199, 3'000);
    state.ResumeTiming();
    base = source.build(releases, base);
  }
}
BENCHMARK(next_build)
    ->ArgNames({"threads", "changed"})
    ->ArgsProduct({{1, 2, 0}, {0, 50}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

}  // namespace
}  // namespace serin::release

BENCHMARK_MAIN();
