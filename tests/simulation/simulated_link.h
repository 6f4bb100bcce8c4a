#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/wire.h"

namespace serin::simulation {

/// How bad the network is.
struct Weather {
  double loses = 0;     ///< share of messages that vanish
  double repeats = 0;   ///< share (not of heartbeats) that arrive once more, up to two seconds later
  Duration slowest{5};  ///< a message takes 1 ms to this
  friend bool operator==(const Weather&, const Weather&) = default;
};

/// The links between one controller and its hosts: bytes that arrive later, in order within a link and direction, or
/// never. A link that was cut delivers nothing more of what was on its way.
class SimulatedLinks {
 public:
  struct Letter {
    SteadyTime arrives;
    std::uint64_t serial = 0;
    Frames frames;
    bool to_controller = false;
    std::size_t host = 0;
    std::uint64_t connection = 0;
    friend bool operator<(const Letter& a, const Letter& b) {
      return std::tie(a.arrives, a.serial) < std::tie(b.arrives, b.serial);
    }
  };

  SimulatedLinks(std::size_t hosts, std::uint64_t seed) : links_(hosts), random_(seed) {}

  Weather weather;

  void dial(std::size_t host, SteadyTime now);
  void close(std::size_t host) { links_[host] = {}; }
  /// Everything to and from this host vanishes until then, and nobody is told.
  void swallow_until(std::size_t host, SteadyTime until) { links_[host].swallows_until = until; }
  /// Nothing is swallowed any more.
  void calm() {
    for (Link& link : links_) link.swallows_until = {};
  }
  [[nodiscard]] bool up(std::size_t host) const { return links_[host].up; }
  [[nodiscard]] std::string connection(std::size_t host) const { return std::to_string(links_[host].connection); }
  /// links_.size() when that connection is gone.
  [[nodiscard]] std::size_t host_of(const std::string& connection) const;

  /// A host whose dialling has come through by now; it counts as up from here on.
  std::optional<std::size_t> next_up(SteadyTime now);
  void put(bool to_controller, std::size_t host, const Envelope& envelope, SteadyTime now);
  /// The next letter that has arrived by now.
  std::optional<Letter> next_letter(SteadyTime now);

  /// When something happens next; links come up only while somebody listens.
  [[nodiscard]] SteadyTime next_due(bool listening) const;

 private:
  struct Link {
    bool dialled = false, up = false;
    std::uint64_t connection = 0;
    SteadyTime up_at{}, swallows_until{};
    SteadyTime newest[2]{};  ///< arrival of the newest letter, each way
  };
  [[nodiscard]] bool chance(double share);

  std::vector<Link> links_;
  std::set<Letter> on_the_way_;
  std::mt19937_64 random_;
  std::uint64_t newest_connection_ = 0, newest_serial_ = 0;
};

}  // namespace serin::simulation
