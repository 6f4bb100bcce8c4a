// The calibration program: simulated deployments by the hundred, judged by the sequential judge and by the rules of
// others. README.md beside this file has its table and its command.
#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <functional>
#include <regex>
#include <span>
#include <stdexcept>
#include <thread>

#include "tests/simulation/calibration/bounds.h"
#include "tests/simulation/calibration/dice.h"
#include "tests/simulation/calibration/later_stages.h"
#include "tests/simulation/calibration/table.h"
#include "tests/simulation/calibration/variants.h"

namespace serin::calibration {

namespace {

constexpr const char* kUsage =
    "usage: calibration [--rows printed|good|bad|late|all] [--only REGEX] [--runs N] [--runs-large N] [--seed N]\n"
    "                   [--variant NAME,...] [--no-peers] [--csv] [--threads N]\n";

struct Options {
  std::string rows = "printed";
  std::regex only{""};
  std::uint64_t runs = 300;
  std::uint64_t runs_large = 100;  ///< on fleet L
  std::uint64_t seed = 1;
  std::uint64_t threads = 1;
  std::vector<std::string> variants{std::string(kVariants.front())};
  bool peers = true;
  bool csv = false;
};

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) throw std::invalid_argument(kUsage);
  return value;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

Options parse(std::span<char*> arguments) {
  Options options;
  for (std::size_t at = 1; at < arguments.size(); ++at) {
    const std::string_view name = arguments[at];
    if (name == "--csv") {
      options.csv = true;
      continue;
    }
    if (name == "--no-peers") {
      options.peers = false;
      continue;
    }
    if (++at == arguments.size()) throw std::invalid_argument(kUsage);
    const std::string value = arguments[at];
    if (name == "--rows") {
      options.rows = value;
    } else if (name == "--only") {
      options.only = std::regex(value);
    } else if (name == "--runs") {
      options.runs = options.runs_large = number(value);
    } else if (name == "--runs-large") {
      options.runs_large = number(value);
    } else if (name == "--seed") {
      options.seed = number(value);
    } else if (name == "--threads") {
      options.threads = std::max<std::uint64_t>(1, number(value));
    } else if (name == "--variant") {
      options.variants = split(value);
    } else {
      throw std::invalid_argument(kUsage);
    }
  }
  if (options.runs == 0 || options.runs_large == 0) throw std::invalid_argument(kUsage);
  return options;
}

/// Each result has its place: the table does not depend on the threads.
std::vector<Trial> run_all(std::size_t runs, std::size_t threads, const std::function<Trial(std::size_t)>& run) {
  std::vector<Trial> trials(runs);
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (auto at = next++; at < runs; at = next++) trials[at] = run(at);
  };
  std::vector<std::jthread> workers;
  for (std::size_t at = 1; at < threads; ++at) workers.emplace_back(work);
  work();
  workers.clear();
  return trials;
}

struct Job {
  Scenario scenario;
  bool late = false;
  bool peers = false;
};

std::vector<Job> jobs_of(const Options& options) {
  std::vector<Job> jobs;
  const bool every = options.rows == "all";
  const auto add = [&](std::string_view name, const std::vector<Scenario>& rows, bool late) {
    if (!every && options.rows != name) return;
    for (const auto& scenario : rows) {
      const auto row = late ? late_name(scenario) : scenario.name();
      if (std::regex_search(row, options.only)) jobs.push_back({scenario, late, options.peers && !late});
    }
  };
  add("printed", printed_rows(), false);
  add("good", good_rows(), false);
  add("bad", bad_rows(), false);
  add("late", late_rows(), true);
  if (jobs.empty()) throw std::invalid_argument(fmt::format("calibration: no such row\n{}", kUsage));
  return jobs;
}

Row run_job(const Job& job, const Options& options, const judge::SequentialSettings& settings) {
  const auto name = job.late ? late_name(job.scenario) : job.scenario.name();
  const auto runs = job.scenario.fleet.name == 'L' ? options.runs_large : options.runs;
  return count(name, job.scenario, run_all(runs, options.threads, [&](std::size_t run) {
                 const auto seed = seed_of(options.seed, name, run);
                 return job.late ? run_late_trial(job.scenario, seed, settings)
                                 : run_trial(job.scenario, seed, settings, job.peers);
               }));
}

/// The number of rows that break a bound.
int run(const Options& options) {
  const auto jobs = jobs_of(options);
  std::vector<std::string> complaints;
  std::size_t bounded = 0;
  if (options.csv) fmt::print("{}", csv_head());
  for (const auto& variant : options.variants) {
    const auto settings = settings_of(variant);
    std::string_view head;  // of the table that is being printed
    for (const auto& job : jobs) {
      const std::string_view wanted = job.peers ? "peers" : "judge";
      if (!options.csv && head != wanted) fmt::print("\njudge: {}\n\n{}", variant, markdown_head(job.peers));
      head = wanted;
      const auto row = run_job(job, options, settings);
      fmt::print("{}", options.csv ? csv_line(row, variant) : markdown_line(row, job.peers));
      std::fflush(stdout);
      if (!(bounds_of(row) == Bounds{})) ++bounded;
      for (auto& complaint : broken(row, false)) complaints.push_back(variant + ": " + std::move(complaint));
    }
  }
  fmt::print(stderr, "{} rows have bounds that they must reach; {} broken, seed {}\n", bounded, complaints.size(),
             options.seed);
  for (const auto& complaint : complaints) fmt::print(stderr, "  {}\n", complaint);
  return complaints.empty() ? 0 : 1;
}

}  // namespace

}  // namespace serin::calibration

int main(int count, char** arguments) {
  try {
    return serin::calibration::run(serin::calibration::parse(std::span(arguments, static_cast<std::size_t>(count))));
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
