#include "tests/simulation/calibration/generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tests/simulation/calibration/dice.h"

namespace serin::calibration {

namespace {

constexpr double kDeploy = kSecondsBefore;
constexpr double kRamp = 360;      // seconds, in which the load of the day more than doubles
constexpr double kGoodLines = 20;  // per second and host

/// [begin, end) in seconds since the baseline began.
struct Stretch {
  double begin = 0;
  double end = 0;
  [[nodiscard]] bool covers(std::size_t second) const {
    return static_cast<double>(second) >= begin && static_cast<double>(second) < end;
  }
};

struct Spam {
  Stretch when;
  double rate = 0;
};

/// What the dice have decided for the whole deployment and for one host.
struct Outage {
  Stretch when;
  double factor = 1;
};
struct Host {
  bool canary = false;
  double rate = 0;         ///< ordinary errors per second
  double sensitivity = 1;  ///< to an outage
  double mood = 0;         ///< the Ornstein-Uhlenbeck process, in standard deviations
  std::vector<Spam> spam;
  std::vector<Stretch> mute;
  Stretch burst;  ///< of a restart
};

class Deployment {
 public:
  Deployment(const Scenario& scenario, std::uint64_t seed) : scenario_(scenario), dice_(seed) {}
  Recording record();

 private:
  void prepare();
  void prepare_mutes();
  Spam spam() {
    const double times = std::max(1.0, scenario_.base);
    const double begin = kDeploy + static_cast<double>(dice_.below(11));
    const double seconds = 3 + static_cast<double>(dice_.below(58));
    return {{begin, begin + seconds}, dice_.log_between(10, 500) * times};
  }
  judge::Counts second(Host& host, std::size_t at);
  double errors_mean(Host& host, std::size_t at);
  bool with(Noise noise) const { return has(scenario_.noise, noise); }

  const Scenario& scenario_;
  Dice dice_;
  Outage outage_;
  std::vector<Host> hosts_;
};

void Deployment::prepare() {
  const bool uneven = with(Noise::nb) || with(Noise::ou) || with(Noise::blip) || with(Noise::clump);
  const double spread = uneven ? 0.5 : 0.2;
  hosts_.resize(scenario_.fleet.hosts());
  if (with(Noise::blip)) {
    const double begin = std::floor(kDeploy + dice_.between(-5, 26));
    outage_.when = {begin, begin + std::floor(dice_.between(4, 31))};
    outage_.factor = dice_.log_between(5, 50);
  }
  for (std::size_t at = 0; at < hosts_.size(); ++at) {
    Host& host = hosts_[at];
    host.canary = at < scenario_.fleet.canaries;
    host.rate = scenario_.base * std::exp(spread * dice_.normal());
    host.sensitivity = std::exp(0.4 * dice_.normal());
    host.mood = dice_.normal();
    if (at >= scenario_.fleet.canaries + scenario_.batch) continue;
    const double restart = kDeploy + (host.canary ? 0 : static_cast<double>(scenario_.batch_s));
    if (with(Noise::trans)) host.burst = {restart, restart + 1 + static_cast<double>(dice_.below(3))};
    if (with(Noise::trans6)) host.burst = {restart, restart + 6};
  }
  const std::size_t first = scenario_.fleet.canaries;
  if (with(Noise::spam_canary)) hosts_[0].spam.push_back(spam());
  if (with(Noise::spam_control)) hosts_[first].spam.push_back(spam());
  if (with(Noise::spam_canaries)) {
    const auto shared = spam();
    for (const std::size_t at : {0U, 1U}) hosts_[at].spam.push_back(shared);
  }
  if (with(Noise::spam_past)) {
    const double begin = std::floor(dice_.between(0, kDeploy - 15));
    hosts_[0].spam.push_back({{begin, begin + 15}, 100});
  }
  prepare_mutes();
}

void Deployment::prepare_mutes() {
  if (with(Noise::mute_canaries)) {
    const double begin = std::floor(kDeploy + dice_.between(0, 30));
    for (auto& host : hosts_) {
      if (host.canary) host.mute.push_back({begin, begin + 15});
    }
  }
  if (with(Noise::mute_controls)) {
    const double begin = std::floor(kDeploy + dice_.between(0, 30));
    for (auto& host : hosts_) {
      if (!host.canary && dice_.uniform() < 0.7) host.mute.push_back({begin, begin + 15});
    }
  }
}

double Deployment::errors_mean(Host& host, std::size_t at) {
  double mean = host.rate;
  double extra = host.burst.covers(at) ? 20 : 0;
  for (const auto& one : host.spam) extra += one.when.covers(at) ? one.rate : 0;
  double load = 1;
  if (with(Noise::diurnal)) load *= 1 + 1.5 * static_cast<double>(at) / kRamp;
  if (with(Noise::ou)) {
    constexpr double kKept = 0.93550698503;  // exp(-1/15): 15 s of memory
    host.mood = kKept * host.mood + std::sqrt(1 - kKept * kKept) * dice_.normal();
    load *= std::exp(0.5 * host.mood);
  }
  mean *= load;
  if (outage_.when.covers(at)) mean = (mean * outage_.factor + 0.3) * host.sensitivity;
  if (host.canary && at >= kSecondsBefore + scenario_.onset_s) mean = mean * scenario_.factor + scenario_.new_errors;
  return mean + extra * load;
}

judge::Counts Deployment::second(Host& host, std::size_t at) {
  double mean = errors_mean(host, at);
  if (with(Noise::nb)) mean *= dice_.exponential();
  std::uint64_t errors = 0;
  if (with(Noise::clump)) {
    // Events of one line and three more on average: what one failing request writes.
    for (auto events = dice_.poisson(mean / 4); events > 0; --events) errors += 1 + dice_.poisson(3);
  } else {
    errors = dice_.poisson(mean);
  }

  double good = kGoodLines;
  if (with(Noise::diurnal)) good *= 1 + 1.5 * static_cast<double>(at) / kRamp;
  auto lines = dice_.poisson(good);
  if (with(Noise::idle) && host.canary && at >= kSecondsBefore) lines = errors = 0;

  const bool mute = std::ranges::any_of(host.mute, [&](const Stretch& one) { return one.covers(at); });
  if (mute || (with(Noise::holes) && dice_.uniform() < 0.05)) return {};
  return {.seen = true, .errors = errors, .lines = lines + errors};
}

Recording Deployment::record() {
  prepare();
  Recording recording;
  recording.canaries = scenario_.fleet.canaries;
  recording.after.assign(scenario_.seconds, std::vector<judge::Counts>(hosts_.size()));
  for (std::size_t index = 0; index < hosts_.size(); ++index) {
    Host& host = hosts_[index];
    auto& past = recording.baseline.hosts.emplace_back();
    past.host = fmt::format("{}{}", host.canary ? "canary" : "app", index);
    past.role = host.canary ? judge::Role::canary : judge::Role::control;
    past.seconds.reserve(kSecondsBefore);
    for (std::size_t at = 0; at < kSecondsBefore; ++at) past.seconds.push_back(second(host, at));
    for (std::size_t at = 0; at < scenario_.seconds; ++at)
      recording.after[at][index] = second(host, kSecondsBefore + at);
  }
  return recording;
}

}  // namespace

Recording record(const Scenario& scenario, std::uint64_t seed) {
  return Deployment(scenario, seed).record();
}

}  // namespace serin::calibration
