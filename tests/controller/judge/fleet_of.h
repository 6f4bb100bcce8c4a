#pragma once

#include <functional>
#include <string>
#include <vector>

#include "controller/judge/sequential_judge.h"

/// Fleets in a literal, for the judge's tests.
namespace serin::judge {

using Seconds = std::vector<std::vector<Counts>>;

/// A number of errors by host and second.
using Errors = std::function<std::uint64_t(std::size_t host, std::size_t second)>;

/// Hosts c0.. are canaries, k0.. controls; 10 lines a second besides the errors.
inline Baseline baseline_of(std::size_t canaries, std::size_t controls, std::size_t seconds, const Errors& errors) {
  Baseline baseline;
  for (std::size_t h = 0; h < canaries + controls; ++h) {
    const bool canary = h < canaries;
    HostBaseline host{.host = canary ? "c" + std::to_string(h) : "k" + std::to_string(h - canaries),
                      .role = canary ? Role::canary : Role::control,
                      .seconds = {}};
    for (std::size_t t = 0; t < seconds; ++t) {
      host.seconds.push_back({.seen = true, .errors = errors(h, t), .lines = 10 + errors(h, t), .requests = 0});
    }
    baseline.hosts.push_back(std::move(host));
  }
  return baseline;
}

inline std::vector<Counts> second_of(std::size_t hosts, std::size_t second, const Errors& errors) {
  std::vector<Counts> counts;
  counts.reserve(hosts);
  for (std::size_t h = 0; h < hosts; ++h) {
    counts.push_back({.seen = true, .errors = errors(h, second), .lines = 10 + errors(h, second), .requests = 0});
  }
  return counts;
}

inline Seconds seconds_of(std::size_t hosts, std::size_t seconds, const Errors& errors) {
  Seconds all;
  all.reserve(seconds);
  for (std::size_t t = 0; t < seconds; ++t) all.push_back(second_of(hosts, t, errors));
  return all;
}

/// Every host logs `count` errors in every `period` seconds, evenly and each at its own second.
inline Errors every(std::size_t period, std::uint64_t count = 1) {
  return [=](std::size_t host, std::size_t second) { return (second + host) % period == 0 ? count : 0; };
}

/// Until it is decided.
inline Verdict run(SequentialJudge& judge, const Seconds& seconds) {
  for (const auto& second : seconds) {
    if (judge.verdict().answer != Answer::undecided) break;
    judge.add_second(second);
  }
  return judge.verdict();
}

/// "PASS 8", "INCONCLUSIVE 60 no-report".
inline std::string said(const Verdict& verdict) {
  std::string text{name_of(verdict.answer)};
  text += " " + std::to_string(static_cast<int>(verdict.seconds));
  return verdict.answer == Answer::inconclusive ? text + " " + verdict.reason : text;
}

}  // namespace serin::judge
