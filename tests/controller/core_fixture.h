#pragma once

#include <string>
#include <vector>

#include "controller/controller_core.h"
#include "controller/rollout/deployments.h"

namespace serin::controller::testing {

/// A controller's state with hosts web-01, web-02, ... that speak to it as agents do; the first `canaries` have the
/// label "canary". Releases are of the application "shop". Time stands still unless a test moves it.
class CoreFixture {
 public:
  explicit CoreFixture(std::size_t hosts = 4, std::size_t canaries = 1);

  static constexpr auto kShop = "shop";
  /// "web-03".
  static HostName web(std::size_t number);

  void add_release(ReleaseNumber number, Trust trust);
  /// The release is live on all hosts and wanted.
  void released(ReleaseNumber number);
  [[nodiscard]] ObjectId root_of(ReleaseNumber number) const;

  /// What the host says of the application from now on.
  ApplicationStatus& status(std::size_t host);
  Turn say(std::size_t host, Message message, std::uint64_t reply_to = 0);
  Turn hello(std::size_t host);
  Turn heartbeat(std::size_t host);
  /// The host's newest order ended so, and its status follows.
  Turn finish(std::size_t host, const Order& order, StepResult result);
  /// The host could not read this order.
  Turn problem(std::size_t host, const Order& order, const std::string& text);
  void hello_all();
  Turn tick(Duration length);

  Turn deploy(ReleaseNumber release, bool force = false);
  /// What begin_deployment says.
  Result<void> begin(const rollout::DeploymentRequest& request, Turn& turn);

  /// Orders that went to the host.
  [[nodiscard]] static std::vector<Order> orders(const Turn& turn);
  template <class M>
  [[nodiscard]] static std::vector<M> messages(const Turn& turn) {
    std::vector<M> all;
    for (const Effect& effect : turn.effects) {
      const auto* send = std::get_if<SendToHost>(&effect);
      if (send == nullptr) continue;
      if (const auto* message = std::get_if<M>(&send->envelope.message)) all.push_back(*message);
    }
    return all;
  }
  [[nodiscard]] bool trusted(std::size_t host) const { return state.trusted_hosts.contains({web(host), kShop}); }
  [[nodiscard]] const rollout::Rollout& rollout() const { return state.active.at(kShop).rollout; }
  [[nodiscard]] rollout::PlanHost plan(std::size_t host) const;

  ControllerState state;
  Now now{SteadyTime{std::chrono::hours{10}}, WallTime{std::chrono::hours{500'000}}};

 private:
  struct Agent {
    ApplicationStatus status;
    std::uint64_t session = 0;
  };
  std::vector<Agent> agents_;
};

}  // namespace serin::controller::testing
