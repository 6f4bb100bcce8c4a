#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "controller/controller_core.h"
#include "tests/simulation/memory_store.h"
#include "tests/simulation/simulated_host.h"

namespace serin::simulation {

/// A controller and its hosts under one manual clock, joined by an in-memory link that loses, delays and cuts. Every
/// message crosses it as the bytes of the wire. Same seed, same story.
class SimulatedFleet {
 public:
  struct Options {
    std::uint64_t seed = 1;
    std::size_t hosts = 12;
    std::size_t canaries = 3;
    double loses = 0;  ///< share of messages that vanish
    Duration wait{10'000};
    Duration baseline_min{15'000};
  };
  explicit SimulatedFleet(const Options& options);

  /// Advances to this much later, in steps of 250 ms, checking the promises after each.
  void run_for(Duration length);
  /// Until no deployment runs; false when it does not end within `most`.
  bool run_until_idle(Duration most);

  /// Offers a tree with this content name for a build: the next deploy makes a release of it.
  void deploy(const std::string& content, bool force = false);
  void request(OperatorRequest request);

  void crash_controller();
  void start_controller();
  /// The next commit is durable, but the controller dies before it carries out what follows.
  void crash_after_next_commit() { crash_after_commit_ = true; }
  void cut_link(std::size_t host);
  [[nodiscard]] bool controller_runs() const { return controller_.has_value(); }

  [[nodiscard]] std::vector<SimulatedHost>& hosts() { return hosts_; }
  [[nodiscard]] bool is_canary(std::size_t host) const { return host < options_.canaries; }
  [[nodiscard]] const controller::StoredState& stored() const { return store_.state(); }
  [[nodiscard]] std::optional<rollout::Rollout> running() const;
  [[nodiscard]] const rollout::Rollout* latest() const;
  [[nodiscard]] const std::vector<OperatorEvent>& events() const { return events_; }
  [[nodiscard]] Now now() const { return now_; }
  /// What was promised and not kept; empty: all was.
  [[nodiscard]] const std::string& breach() const { return breach_; }

  static constexpr auto kApplication = "shop";

 private:
  struct InFlight {
    SteadyTime arrives;
    Frames frames;
    bool to_controller = false;
    std::size_t host = 0;
    std::uint64_t connection = 0;
  };
  struct Link {
    bool dialled = false, up = false;
    std::uint64_t connection = 0;
    SteadyTime up_at{};
  };

  void step();
  void deliver(const InFlight& message);
  void take(controller::Turn turn);
  void perform(const controller::Effect& effect);
  void perform_agent(std::size_t host, agent::Effects effects);
  void put(bool to_controller, std::size_t host, const Envelope& envelope);
  void check();
  std::size_t index_of(const std::string& connection) const;

  Options options_;
  std::mt19937_64 random_;
  Now now_;
  controller::ControllerSettings settings_;
  SigningKey signing_key_;
  MemoryStore store_;
  std::optional<controller::ControllerCore> controller_;
  std::vector<SimulatedHost> hosts_;
  std::vector<Link> links_;
  std::deque<InFlight> in_flight_;
  std::uint64_t newest_connection_ = 0;
  std::uint64_t newest_request_ = 0;
  std::string content_;
  bool crash_after_commit_ = false;
  std::vector<OperatorEvent> events_;
  std::string breach_;
};

}  // namespace serin::simulation
