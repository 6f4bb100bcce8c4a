#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "agent/agent_config.h"
#include "agent/agent_effects.h"
#include "agent/count/checkpoint.h"
#include "agent/count/error_counter.h"
#include "agent/report/report_queue.h"
#include "protocol/limits.h"
#include "protocol/wire.h"

namespace serin::agent {

/// Who this process is; made by the edge at start.
struct Identity {
  std::string public_key;  ///< 32 raw bytes: our CURVE key
  std::string instance, boot_id, machine;
};

/// Why a link ended or never came to be.
enum class LinkEnd { denied, lost };

/// The agent without its sockets, files, threads and clocks: dials with jittered backoff (alternating the pinned keys),
/// says hello, keeps the session alive, reports every second, checks orders and hands them to the workers one at a time
/// for each application, and sends outcomes until they are acknowledged. The loop and the simulated fleet of the tests
/// drive the same class. One thread.
class AgentCore {
 public:
  /// `resumed`: where another process stopped counting; its run goes on, else Identity::instance names a new one.
  AgentCore(const AgentSettings& settings, Identity identity, std::uint64_t seed, Now now,
            const count::Resumed& resumed = {});

  Effects on_link_up(Now now);
  Effects on_link_end(LinkEnd how, Now now);
  Effects on_message(const Envelope& envelope, Now now);
  /// A message that could not be read: an order among them is refused by name.
  Effects on_bad_message(const Header& header, const Error& error);
  Effects on_tick(Now now);
  /// The process ends: what was counted is written down for the next one.
  Effects on_stop(Now now);

  /// From the application's worker.
  Effects on_status(const ApplicationStatus& status, Now now);
  Effects on_outcome(const Outcome& outcome, Now now);
  Effects on_step_ended(const ApplicationName& application);

  /// What the host says of drift from now on; `verified_at`: nothing when no whole tree was looked at.
  Effects on_drift(const ApplicationName& application, std::uint64_t drift, const std::string& path,
                   const std::optional<SteadyTime>& verified_at, Now now);
  Effects on_verify_report(const VerifyReport& report);
  [[nodiscard]] const ApplicationStatus& status_of(const ApplicationName& application) const {
    return applications_.at(application).status;
  }
  /// A step of a deployment is in the application's worker.
  [[nodiscard]] bool at_work(const ApplicationName& application) const {
    return applications_.at(application).running.has_value();
  }

  /// Where the log follower adds what it reads.
  count::ErrorCounter& counter(const ApplicationName& application) { return applications_.at(application).counter; }
  /// Why its counts are no evidence; empty: it sees all. True when that is something else than before.
  bool set_blind(const ApplicationName& application, const std::string& why);

  /// Known once the session is ready; 0 before.
  [[nodiscard]] std::uint16_t content_port() const { return content_port_; }
  [[nodiscard]] std::size_t key_in_use() const { return key_; }
  /// When on_tick() has something to do beside what it does each second.
  [[nodiscard]] SteadyTime next_due() const { return link_ == Link::ready ? next_heartbeat_ : next_dial_; }
  [[nodiscard]] bool ready() const { return link_ == Link::ready; }
  [[nodiscard]] const HostName& host() const { return host_; }

 private:
  enum class Link { down, dialling, greeting, ready };
  struct Application {
    ApplicationStatus status;
    std::string blind;
    std::uint64_t drift = 0;
    std::string drift_path;
    std::optional<SteadyTime> verified_at;
    SteadyTime live_since{};
    count::ErrorCounter counter;
    RunTotals acknowledged;                         ///< totals that the controller is known to have
    std::optional<Order> running;                   ///< in the worker now
    std::optional<std::pair<Order, Release>> next;  ///< waits for it to end
  };

  void take_welcome(const Welcome& welcome, Now now, Effects& effects);
  void take_order(const Order& order, Now now, Effects& effects);
  void refuse_order(const Order& order, const std::string& step, const std::string& why, Now now, Effects& effects);
  void take_verify(const VerifyRequest& request, Effects& effects);
  void take_other(const Message& message, Effects& effects);
  void send(Message message, Effects& effects, std::uint64_t request = 0, std::uint64_t reply_to = 0);
  void send_hello(Now now, Effects& effects);
  void send_heartbeat(Now now, Effects& effects);
  void send_report(Now now, Effects& effects);
  void send_outcomes(Now now, Effects& effects);
  void save_counts(Now now, bool at_stop, Effects& effects);
  void take_acknowledgement(const HeartbeatReply& reply);
  void go_down(Duration wait, Now now);
  [[nodiscard]] std::vector<ApplicationStatus> statuses(Now now) const;
  [[nodiscard]] Duration random_up_to(Duration most);

  AgentSettings settings_;
  Identity identity_;
  std::mt19937_64 random_;
  std::map<ApplicationName, Application> applications_;
  std::map<ApplicationName, std::string> rules_hashes_;
  std::map<std::pair<ApplicationName, OrderId>, Outcome> outbox_;
  report::ReportQueue reports_;
  std::map<std::uint64_t, std::map<ApplicationName, RunTotals>> sent_totals_;  ///< by report, not acknowledged

  Link link_ = Link::down;
  std::size_t key_ = 0;
  std::uint64_t session_ = 0;
  std::uint64_t newest_request_ = 0;
  std::uint64_t hello_request_ = 0;  ///< of the newest hello
  HostName host_;
  std::uint16_t content_port_ = 0;
  Duration heartbeat_{limits::kHeartbeat};
  Duration spread_{};
  std::uint32_t failed_dials_ = 0;
  std::uint32_t silent_dials_ = 0;  ///< neither denied nor welcomed, in a row
  SteadyTime next_dial_{};
  SteadyTime link_since_{};
  SteadyTime last_heard_{};
  SteadyTime next_heartbeat_{};
  SteadyTime next_outcomes_{};
  std::int64_t reported_second_ = 0;
  std::int64_t saved_second_ = 0;
  std::optional<SteadyTime> denied_logged_, silent_logged_;
};

}  // namespace serin::agent
