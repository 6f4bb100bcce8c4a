#include "tests/simulation/simulated_link.h"

#include <algorithm>

namespace serin::simulation {

namespace {
constexpr Duration kHandshake{50};
constexpr std::int64_t kRepeatedWithinMs = 2'000;
}  // namespace

bool SimulatedLinks::chance(double share) {
  return share > 0 && std::uniform_real_distribution<double>(0, 1)(random_) < share;
}

void SimulatedLinks::dial(std::size_t host, SteadyTime now) {
  links_[host] = {.dialled = true,
                  .up = false,
                  .connection = ++newest_connection_,
                  .up_at = now + kHandshake,
                  .swallows_until = links_[host].swallows_until};
}

std::size_t SimulatedLinks::host_of(const std::string& connection) const {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    if (links_[i].up && std::to_string(links_[i].connection) == connection) return i;
  }
  return links_.size();
}

std::optional<std::size_t> SimulatedLinks::next_up(SteadyTime now) {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    Link& link = links_[i];
    if (!link.dialled || link.up || std::max(link.up_at, link.swallows_until) > now) continue;
    link.up = true;
    return i;
  }
  return std::nullopt;
}

void SimulatedLinks::put(bool to_controller, std::size_t host, const Envelope& envelope, SteadyTime now) {
  Link& link = links_[host];
  if (!link.up || link.swallows_until > now || chance(weather.loses)) return;
  SteadyTime& newest = link.newest[to_controller ? 1 : 0];
  newest = std::max(newest,
                    now + Duration{std::uniform_int_distribution<std::int64_t>(1, weather.slowest.count())(random_)});
  Letter letter{.arrives = newest,
                .serial = ++newest_serial_,
                .frames = encode(envelope),
                .to_controller = to_controller,
                .host = host,
                .connection = link.connection};
  // A link keeps its order: what comes again behind newer ones is what peers send again.
  const bool sent_again = !std::holds_alternative<Heartbeat>(envelope.message);
  if (sent_again && chance(weather.repeats)) {
    Letter again = letter;
    again.serial = ++newest_serial_;
    again.arrives += Duration{std::uniform_int_distribution<std::int64_t>(0, kRepeatedWithinMs)(random_)};
    on_the_way_.insert(std::move(again));
  }
  on_the_way_.insert(std::move(letter));
}

std::optional<SimulatedLinks::Letter> SimulatedLinks::next_letter(SteadyTime now) {
  while (!on_the_way_.empty() && on_the_way_.begin()->arrives <= now) {
    Letter letter = std::move(on_the_way_.extract(on_the_way_.begin()).value());
    const Link& link = links_[letter.host];
    if (link.up && link.connection == letter.connection && link.swallows_until <= now) return letter;
  }
  return std::nullopt;
}

SteadyTime SimulatedLinks::next_due(bool listening) const {
  SteadyTime due = SteadyTime::max();
  if (!on_the_way_.empty()) due = on_the_way_.begin()->arrives;
  for (const Link& link : links_) {
    if (listening && link.dialled && !link.up) due = std::min(due, std::max(link.up_at, link.swallows_until));
  }
  return due;
}

}  // namespace serin::simulation
