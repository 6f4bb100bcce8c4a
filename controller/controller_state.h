#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controller/controller_config.h"
#include "controller/evidence/remote_evidence.h"
#include "controller/fleet/content_sources.h"
#include "controller/fleet/message_book.h"
#include "controller/fleet/report_ledger.h"
#include "controller/fleet/roster.h"
#include "controller/records.h"
#include "controller/rollout/release_watch.h"
#include "controller/rollout/rollout.h"
#include "controller/rollout/trial.h"
#include "controller/turn.h"
#include "protocol/limits.h"
#include "protocol/signature.h"

namespace serin::controller {

/// A server that a deployment asks for evidence.
struct RemoteSource {
  evidence::RemoteEvidence evidence;
  std::optional<rollout::Trial> trial;    ///< where the sequential judge looks at it
  std::optional<judge::Verdict> verdict;  ///< a pass or a fail: it stands
};

/// A deployment that has not finished.
struct ActiveDeployment {
  rollout::Rollout rollout;
  std::set<Client> watchers;                   ///< CLIs that follow it
  std::map<HostName, judge::Tally> baselines;  ///< of the canaries, as they were when it started
  std::vector<fleet::HostSeconds> before;      ///< of all hosts of a judged plan, in its order: the seconds before it
  std::optional<rollout::Trial> trial;         ///< the agents' sequential judge at work; made anew after a restart
  std::map<evidence::SourceKind, RemoteSource> remote;
  std::map<HostName, std::size_t> index_of;  ///< into rollout.hosts
  std::int64_t samples_stored_until = 0;     ///< seconds before this are in the database
  std::set<std::string> source_troubles;     ///< with proxies, that were told: each once
};

/// A self-test of an application's sources.
struct EvidenceTest {
  ApplicationName application;
  std::size_t awaited = 0;  ///< answers
  std::vector<std::string> warnings;
};

/// A deploy whose release is being built: it holds the application's lock already.
struct PendingBuild {
  Client client;
  OperatorRequest request;
  std::string owner;
  WallTime since{};
  std::string cancelled_by;  ///< who aborted it; empty: nobody
};

/// A host that is being brought to the wanted release outside any deployment.
struct CatchUp {
  OrderId order;
  SteadyTime since{};
  std::uint64_t session = 0;  ///< of the host, in which the failures were counted
  std::uint32_t failures = 0;
  std::optional<SteadyTime> not_before;  ///< after a failure
  std::string trouble;                   ///< why it failed last
};

/// Where one host stands in a verify.
struct HostVerify {
  VerifyReport report;  ///< the newest
  SteadyTime asked{}, heard{};
  bool done = false;
  std::string trouble;  ///< why its tree could not be looked at, or mended, to the end
};
/// A verify that an operator follows. In memory only: a host that is asked again tells where it stands.
struct ActiveVerify {
  Client client;
  std::uint64_t number = 0;
  bool repair = false;
  SteadyTime told{};
  std::map<HostName, HostVerify> hosts;
  bool ended = false;
};

/// Objects that are being collected.
struct Collection {
  std::optional<Client> client;  ///< who asked; nobody: it runs by itself
  bool dry_run = false;
  std::vector<std::pair<ApplicationName, ReleaseNumber>> releases;            ///< that go
  std::vector<std::tuple<ApplicationName, ReleaseNumber, std::string>> kept;  ///< and why
};

/// Everything that the controller knows, in memory; what of it is durable stands in records.h. One thread.
struct ControllerState {
  ControllerSettings settings;
  SigningKey signing_key;
  std::string instance;  ///< of this start of the daemon
  std::uint64_t next_session = 1;
  std::uint64_t next_question = 1;  ///< to a source of evidence

  fleet::Roster roster{limits::kHeartbeat, limits::kLease};
  fleet::ReportLedger ledger;
  fleet::MessageBook messages;
  fleet::SourceNews sources;
  std::map<ApplicationName, std::map<ReleaseNumber, KnownRelease>> releases;
  std::map<ApplicationName, ReleaseNumber> wanted;
  DeploymentId newest_deployment = 0;
  std::map<ApplicationName, ActiveDeployment> active;
  std::map<ApplicationName, rollout::Rollout> latest;                   ///< the newest finished deployment
  std::map<ApplicationName, SteadyTime> latest_ended;                   ///< when it finished, by the controller's clock
  std::map<ApplicationName, rollout::ReleaseWatch> watches;             ///< of releases that have gone out
  std::map<ApplicationName, rollout::Alarm> alarms;                     ///< that stand
  std::map<ApplicationName, std::vector<std::chrono::seconds>> bursts;  ///< of past good deployments, the newest last
  std::map<ApplicationName, SteadyTime> ordinary_at;                    ///< when an ordinary hour was stored last
  std::map<ApplicationName, PendingBuild> building;
  std::map<Client, EvidenceTest> evidence_tests;
  std::map<std::pair<HostName, ApplicationName>, CatchUp> catching_up;
  std::map<std::pair<HostName, ApplicationName>, HostReleases> host_releases;
  std::optional<Collection> collecting;  ///< at work
  std::optional<SteadyTime> collect_at;  ///< the next one by itself
  SteadyTime collected_from{};           ///< when the last one began
  std::map<ApplicationName, ActiveVerify> verifying;
  std::uint64_t newest_verify = 0;
  std::set<std::pair<HostName, ApplicationName>> trusted_hosts;  ///< whose present seconds are trusted
  std::string read_only;                                         ///< why nothing can be stored; empty: all is well
  std::string low_space;                                         ///< why no release is built; empty: there is space
  std::uint64_t content_bytes_sent = 0;                          ///< by the content socket of this daemon
};

/// The release, or nullptr. Valid until the state changes.
const KnownRelease* find_release(const ControllerState& state, const ApplicationName& application,
                                 ReleaseNumber number);
/// The release that the application's hosts should run, or nullptr before the first one.
const KnownRelease* wanted_release(const ControllerState& state, const ApplicationName& application);

}  // namespace serin::controller
