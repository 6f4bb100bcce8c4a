#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "controller/fleet/message_book.h"
#include "controller/fleet/report_ledger.h"
#include "controller/fleet/roster.h"
#include "controller/rollout/release_watch.h"
#include "controller/rollout/rollout.h"
#include "protocol/release.h"

/// What the controller stores: values between the core, which decides, and state_db, which commits them.
namespace serin::controller {

/// How far a release can be relied on.
enum class Trust : std::uint8_t {
  untried,   ///< built, never judged
  trusted,   ///< passed, or the application's first
  forced,    ///< released without a verdict: trusted after trust_after on the whole fleet
  rejected,  ///< failed or taken back: never trusted
};
std::string_view name_of(Trust trust);

struct StoreHost {
  fleet::HostRecord record;
};
struct RemoveHost {
  HostName name;
};
struct StoreRelease {
  SignedRelease signed_release;
  Release release;
};
struct StoreTrust {
  ApplicationName application;
  ReleaseNumber release;
  Trust trust;
};
/// Its objects are kept no longer.
struct StoreCollected {
  ApplicationName application;
  ReleaseNumber release;
  WallTime at;
};
/// Which releases a host has, live or in a slot.
struct StoreHostReleases {
  HostName host;
  ApplicationName application;
  std::vector<ReleaseNumber> releases;
  std::int64_t heard_wall_ms = 0;
};
/// The release that the application's hosts should run.
struct StoreWanted {
  ApplicationName application;
  ReleaseNumber release;
};
/// Inserts or replaces the deployment's own row (all fields but `hosts`).
struct StoreDeployment {
  rollout::Rollout rollout;
};
/// Inserts or replaces one host's row, and adds a line to its timeline when the step changed.
struct StorePlanHost {
  DeploymentId deployment;
  rollout::PlanHost host;
  WallTime at;
};
/// The canaries' sums before the deployment.
struct StoreBaseline {
  DeploymentId deployment;
  HostName host;
  judge::Tally tally;
};
/// The seconds of the plan's hosts before the deployment began: what the sequential judge compares with.
struct StoreBefore {
  DeploymentId deployment;
  std::vector<fleet::HostSeconds> hosts;
};
/// Counts of hosts of the plan; a second that comes again replaces what was there.
struct StoreSamples {
  DeploymentId deployment;
  std::vector<fleet::Sample> samples;
};
/// What a server said of one host of a deployment so far.
struct StoreRemote {
  DeploymentId deployment;
  evidence::SourceKind source;
  evidence::RemoteHost host;  ///< its name is in `before`
  std::optional<std::int64_t> newest;
  std::optional<SteadyTime> read_at;
};
/// An ordinary stretch of an application's fleet, for `serin tune`.
struct StoreOrdinary {
  ApplicationName application;
  WallTime at;
  std::vector<HostName> canaries;
  std::vector<fleet::HostSeconds> hosts;  ///< all with equally many seconds
};
/// How long the restart of a good deployment's canaries logged more.
struct StoreBurst {
  DeploymentId deployment;
  ApplicationName application;
  std::chrono::seconds burst;
};
/// Inserts or replaces what is known of an error message.
struct StoreMessage {
  ApplicationName application;
  SignatureId id = 0;
  fleet::KnownMessage message;
};
/// What was found after a release; without a text: nothing stands any more.
struct StoreAlarm {
  ApplicationName application;
  rollout::Alarm alarm;
};
/// What an operator did: append-only.
struct StoreAction {
  WallTime at;
  std::uint32_t uid = 0;
  std::string who, verb, application, detail;
};
using Record = std::variant<StoreHost, RemoveHost, StoreRelease, StoreTrust, StoreWanted, StoreDeployment,
                            StorePlanHost, StoreBaseline, StoreBefore, StoreSamples, StoreRemote, StoreOrdinary,
                            StoreBurst, StoreMessage, StoreAlarm, StoreAction, StoreCollected, StoreHostReleases>;

/// One line of `serin history`.
struct HistoryLine {
  DeploymentId id = 0;
  ApplicationName application;
  ReleaseNumber release = 0;
  std::string owner, message, reason;
  rollout::Phase phase{};    ///< finished, or where it stands
  rollout::Ending ending{};  ///< its outcome, when it is finished
  bool force = false, rollback = false;
  std::int64_t started_wall_ms = 0, ended_wall_ms = 0;
  std::uint32_t hosts = 0, hosts_ok = 0;
  friend bool operator==(const HistoryLine&, const HistoryLine&) = default;
};

struct KnownRelease {
  Release release;
  SignedRelease signed_release;
  Trust trust = Trust::untried;
  bool collected = false;  ///< its objects are gone, or are going
};

/// See note_host_releases (retention.h).
struct HostReleases {
  std::vector<ReleaseNumber> releases;
  std::int64_t heard_wall_ms = 0;   ///< when the host was last heard of
  std::int64_t stored_wall_ms = 0;  ///< as it stands in the database
};

/// Everything that a new start of the daemon goes on with.
struct StoredState {
  std::vector<fleet::HostRecord> hosts;
  std::map<ApplicationName, std::map<ReleaseNumber, KnownRelease>> releases;
  std::map<ApplicationName, ReleaseNumber> wanted;
  DeploymentId newest_deployment = 0;
  std::vector<rollout::Rollout> running;               ///< deployments that have not finished, with their hosts
  std::map<ApplicationName, rollout::Rollout> latest;  ///< the newest finished one of each application
  std::map<DeploymentId, std::map<HostName, judge::Tally>> baselines;   ///< of running ones
  std::map<DeploymentId, std::vector<fleet::HostSeconds>> before;       ///< of running and latest ones
  std::map<DeploymentId, std::vector<fleet::Sample>> samples;           ///< of running ones
  std::map<DeploymentId, std::vector<StoreRemote>> remote;              ///< of running ones
  std::map<ApplicationName, std::vector<std::chrono::seconds>> bursts;  ///< the newest last
  std::map<ApplicationName, rollout::Alarm> alarms;
  std::vector<StoreMessage> messages;  ///< the newest first
  std::map<std::pair<HostName, ApplicationName>, HostReleases> host_releases;
};

}  // namespace serin::controller
