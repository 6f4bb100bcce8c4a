#include "controller/judge/post_counts.h"

#include <algorithm>
#include <numeric>

namespace serin::judge {

namespace {

constexpr double kWeightMin = 1e-9;
constexpr double kExposureMax = 4;
constexpr double kRequestsOfDoubt = 20;  ///< as many requests at the usual ratio are believed beforehand

std::vector<Member> members_of(const HostWeights& weights, std::span<const std::size_t> hosts) {
  std::vector<Member> members;
  members.reserve(hosts.size());
  for (const std::size_t host : hosts) {
    const HostWeight& weight = weights.hosts[host];
    members.push_back({.host = host,
                       .rate = weight.rate,
                       .variance = weight.variance,
                       .traffic_known = weight.requests > 0 || weight.good_lines > 0,
                       .requests_before = weight.requests,
                       .good_lines_before = weight.good_lines});
  }
  return members;
}

Counts of_host(std::span<const Counts> second, std::size_t host) {
  return host < second.size() ? second[host] : Counts{};
}

std::size_t seen_of(const std::vector<Member>& members, std::span<const Counts> second) {
  return static_cast<std::size_t>(std::count_if(
      members.begin(), members.end(), [&](const Member& member) { return of_host(second, member.host).seen; }));
}

/// The part of a second's usual traffic that it had, at most all of it.
double traffic_of(const Member& member, const Counts& counts) {
  if (member.requests_before > 0) return std::min(1.0, static_cast<double>(counts.requests) / member.requests_before);
  if (member.good_lines_before <= 0) return 1;
  const std::uint64_t good = counts.lines - std::min(counts.lines, counts.errors);
  return std::min(1.0, static_cast<double>(good) / member.good_lines_before);
}

}  // namespace

double Member::recent_errors() const {
  return std::accumulate(recent.begin(), recent.end(), 0.0);
}

PostCounts::PostCounts(const SequentialSettings& settings, const HostWeights& weights,
                       std::span<const std::size_t> treated, std::span<const std::size_t> controls)
    : settle_(static_cast<std::size_t>(std::max<std::int64_t>(0, settings.settle.count()))),
      storm_rise_(settings.storm_rise),
      storm_doubt_(settings.storm_doubt),
      treated_(members_of(weights, treated)),
      controls_(members_of(weights, controls)) {}

FleetSecond PostCounts::fleet_second(std::span<const Counts> second) const {
  FleetSecond fleet;
  for (const Member& member : controls_) {
    const Counts counts = of_host(second, member.host);
    if (counts.seen) fleet.add(member.host, static_cast<double>(counts.errors), member.rate);
  }
  return fleet;
}

void PostCounts::add_to(Member& member, const Counts& counts, const FleetSecond& fleet, bool control,
                        std::size_t slot) {
  member.recent[slot] = 0;
  if (!counts.seen) return;
  const auto errors = static_cast<double>(counts.errors);
  const double share =
      fleet.share_kept(control ? member.host : FleetSecond::kNoHost, errors, member.rate, storm_rise_, storm_doubt_);
  const double capped = share * std::min(errors, count_cap(member.rate * std::max(1.0, fleet.multiplier())));
  member.errors += capped;
  member.raw_errors += errors;
  member.recent[slot] = capped;
  member.seen += 1;
  member.last_seen = evidence_seconds() + 1;
  member.traffic += traffic_of(member, counts);
  member.requests += static_cast<double>(counts.requests);
}

void PostCounts::add_second(std::span<const Counts> second) {
  if (seconds_++ < settle_) return;
  const std::size_t slot = seconds_ % std::tuple_size_v<decltype(Member::recent)>;
  const double before = treated_total_.empty() ? 0 : treated_total_.back();
  if (2 * seen_of(treated_, second) < treated_.size() || 2 * seen_of(controls_, second) < controls_.size()) {
    ++void_seconds_;
    for (Member& member : treated_) member.recent[slot] = 0;
    treated_total_.push_back(before);
    return;
  }
  const FleetSecond fleet = fleet_second(second);
  double total = before;
  for (Member& member : treated_) {
    add_to(member, of_host(second, member.host), fleet, false, slot);
    total += member.recent[slot];
  }
  for (Member& member : controls_) {
    const Counts counts = of_host(second, member.host);
    add_to(member, counts, fleet, true, slot);
    if (!counts.seen || member.requests_before <= 0) continue;
    control_requests_ += static_cast<double>(counts.requests);
    control_requests_expected_ += member.requests_before;
  }
  treated_total_.push_back(total);
}

void PostCounts::remove_control(std::size_t host) {
  for (const Member& member : controls_) {
    if (member.host != host || member.requests_before <= 0) continue;
    control_requests_ -= member.requests;
    control_requests_expected_ -= member.requests_before * member.seen;
  }
  std::erase_if(controls_, [host](const Member& member) { return member.host == host; });
}

double PostCounts::weight(const Member& member) const {
  return std::max(kWeightMin, member.rate * member.seen / evidence_seconds());
}

double PostCounts::exposure(const Member& member) const {
  if (member.requests_before <= 0 || control_requests_expected_ <= 0) return 1;
  const double fleet = (control_requests_ + kRequestsOfDoubt) / (control_requests_expected_ + kRequestsOfDoubt);
  const double expected = member.requests_before * member.seen * fleet;
  return std::clamp((member.requests + kRequestsOfDoubt) / (expected + kRequestsOfDoubt), 1.0, kExposureMax);
}

double PostCounts::treated_errors(std::size_t seconds) const {
  const std::size_t have = treated_total_.size();
  if (have == 0) return 0;
  return treated_total_.back() - (seconds >= have ? 0 : treated_total_[have - 1 - seconds]);
}

}  // namespace serin::judge
