#pragma once

#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/promises.h"
#include "tests/simulation/simulated_controller.h"
#include "tests/simulation/simulated_host.h"
#include "tests/simulation/simulated_link.h"

namespace serin::simulation {

/// A controller and its hosts under one manual clock, joined by links in memory; every message crosses them as the
/// bytes of the wire. Time goes from event to event. Same seed, same story. README.md beside this file has the whole.
class SimulatedFleet {
 public:
  static constexpr auto kApplication = "shop";

  struct Options {
    std::uint64_t seed = 1;
    std::size_t hosts = 12;
    std::size_t canaries = 3;  ///< the first ones
    controller::ApplicationSettings application = short_times();
  };
  /// Of the application that is deployed: 10 s of wait, 15 s of baseline, a minute for each step, two for a hold.
  static controller::ApplicationSettings short_times();

  explicit SimulatedFleet(const Options& options);

  /// Goes on for this long, or until a promise is broken.
  void run_for(Duration length);
  /// Until no deployment runs and none is being built; false when that takes more than `most`, or no controller runs.
  bool run_until_idle(Duration most);
  /// Until every running host has this release live and nothing left to do; false when that takes more than `most`.
  bool run_until_all_run(ReleaseNumber release, const std::set<HostName>& but, Duration most);

  /// Builds and deploys a tree that no release had before; what it will be called is next_release().
  void deploy(bool force = false, const std::vector<std::string>& arguments = {});
  void request(const OperatorRequest& request);
  [[nodiscard]] ReleaseNumber next_release() const;

  void crash_controller();
  void start_controller();
  void crash_host(std::size_t host);
  void start_host(std::size_t host) { hosts_[host].start(now_); }
  void boot_host(std::size_t host) { hosts_[host].boot(now_); }
  void cut_link(std::size_t host);

  [[nodiscard]] SimulatedController& controller() { return controller_; }
  [[nodiscard]] SimulatedLinks& links() { return links_; }
  [[nodiscard]] std::vector<SimulatedHost>& hosts() { return hosts_; }
  [[nodiscard]] const std::vector<SimulatedHost>& hosts() const { return hosts_; }
  [[nodiscard]] const std::map<DeploymentId, rollout::Rollout>& deployments() const {
    return controller_.store().deployments();
  }
  [[nodiscard]] bool is_canary(std::size_t host) const { return host < options_.canaries; }
  [[nodiscard]] Now now() const { return now_; }
  /// The active rollout as the controller sees it now.
  [[nodiscard]] const rollout::Rollout* running() const;
  /// The newest deployment that ended, as committed.
  [[nodiscard]] const rollout::Rollout* latest() const { return controller_.store().latest_ended(kApplication); }
  [[nodiscard]] ReleaseNumber wanted() const { return controller_.store().wanted(kApplication); }
  [[nodiscard]] const std::vector<OperatorEvent>& events() const { return events_; }
  /// What was promised and not kept; empty: all was.
  [[nodiscard]] const std::string& breach() const { return promises_.breach(); }
  void look_at_evidence() { promises_.look_at_evidence(kApplication, now_); }

 private:
  void step(SteadyTime until);
  void deliver(const SimulatedLinks::Letter& letter);
  void perform(const controller::Effect& effect);
  void perform_agent(std::size_t host, const agent::Effects& effects);
  [[nodiscard]] controller::ControllerSettings settings() const;
  [[nodiscard]] agent::AgentSettings agent_settings() const;

  Options options_;
  SigningKey signing_key_;
  Now now_;
  std::vector<SimulatedHost> hosts_;
  SimulatedLinks links_;
  SimulatedController controller_;
  Promises promises_;
  std::set<HostName> revoked_;
  std::optional<SteadyTime> build_done_at_, collected_at_;
  std::uint64_t newest_content_ = 0;
  std::vector<OperatorEvent> events_;
};

}  // namespace serin::simulation
