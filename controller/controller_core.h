#pragma once

#include <string>
#include <vector>

#include "controller/controller_state.h"
#include "controller/fleet/host_messages.h"
#include "controller/operate/commands.h"
#include "controller/operate/release_commands.h"

namespace serin::controller {

/// The controller without its sockets, files, threads and clocks: events in, turns out. The daemon's loop and the
/// simulated fleet of the tests drive the same class. One thread.
class ControllerCore {
 public:
  ControllerCore(ControllerSettings settings, SigningKey signing_key, StoredState stored, std::string instance,
                 std::uint64_t first_session);

  /// First call: goes on with what was running.
  Turn start(Now now);
  Turn on_host_message(const fleet::Origin& from, const Envelope& envelope, Now now);
  Turn on_request(const Client& client, const operate::Caller& caller, const OperatorRequest& request,
                  const std::vector<operate::PendingKey>& pending, Now now);
  Turn on_built(const ApplicationName& application, const Result<release::BuildResult>& result, Now now);
  Turn on_collected(const Result<release::CollectResult>& result);
  /// A server of evidence has answered, or failed to.
  Turn on_evidence(const Client& client, const evidence::Answer& answer, Now now);
  Turn on_tick(Now now);
  void on_client_gone(const std::string& connection);
  /// The database refuses to store: deploys are refused, and neither time nor the judge moves a rollout until the text
  /// is empty again. What hosts say is taken in; what follows from it waits for its rows (commit_queue.h).
  void set_read_only(std::string why);
  /// The disk is nearly full: deploys are refused, what runs goes on with what is left; empty: there is space.
  void set_low_space(std::string why);
  /// By the content socket, since the daemon started.
  void set_content_bytes_sent(std::uint64_t bytes);

  [[nodiscard]] const ControllerState& state() const { return state_; }

 private:
  ControllerState state_;
  std::map<ApplicationName, std::vector<fleet::HostSeconds>> latest_before_;  ///< until start()
};

}  // namespace serin::controller
