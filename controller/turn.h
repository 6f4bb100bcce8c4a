#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "controller/evidence/question.h"
#include "controller/judge/sequential_settings.h"
#include "controller/records.h"
#include "controller/release/collector.h"
#include "controller/release/release_builder.h"
#include "protocol/wire.h"

/// What the controller's core asks of its loop. Values only.
namespace serin::controller {

/// One request of one CLI: events go back to it until one is final.
struct Client {
  std::string connection;     ///< routing id on the operator socket
  std::uint64_t request = 0;  ///< Header::request of its OperatorRequest
  friend auto operator<=>(const Client&, const Client&) = default;
};

struct SendToHost {
  std::string connection;
  Envelope envelope;
  /// Of an order that makes the host pull: the roots of what it runs and of what it is to run. Where there is a small
  /// pack between them it goes first.
  std::optional<std::pair<ObjectId, ObjectId>> pack = {};
};
struct TellClient {
  Client client;
  OperatorEvent event;
};
/// Build in the worker; answered by ControllerCore::on_built with the same application.
struct StartBuild {
  release::BuildRequest request;
};
/// Collect in the same worker; answered by ControllerCore::on_collected.
struct StartCollect {
  release::CollectRequest request;
};
struct AdmitKey {
  std::string public_key;
  HostName host;
};
struct RefuseKey {
  std::string public_key;
};
/// Questions about the past, which history_worker_db.h answers.
struct ReadHistory {
  Client client;
  ApplicationName application;
  std::size_t most = 20;
};
/// One deployment, or its trace.
struct ReadDeployment {
  Client client;
  DeploymentId deployment = 0;
  bool trace = false;
  evidence::SourceKind source = evidence::SourceKind::agents;  ///< of the trace
};
/// What the sequential judge would have said of good deployments and of ordinary hours, with these settings and others.
struct ReadTune {
  Client client;
  ApplicationName application;
  judge::SequentialSettings settings;
};
/// Run the announce hook with these words.
struct Announce {
  std::string kind, application, text;
};
/// Nothing that an operator waits for, but wants to find.
struct LogWarning {
  std::string text;
};
/// Ask a server for evidence; answered by ControllerCore::on_evidence.
struct AskSource {
  evidence::Question question;
  Client client;  ///< whose self-test it is
};
using Effect = std::variant<SendToHost, TellClient, StartBuild, AdmitKey, RefuseKey, ReadHistory, ReadDeployment,
                            ReadTune, Announce, StartCollect, AskSource, LogWarning>;

/// What one event came to: rows to commit, then effects to carry out in order, never before the rows that they rest on
/// are durable (commit_queue.h).
struct Turn {
  std::vector<Record> records;
  std::vector<Effect> effects;

  template <class T>
  void record(T value) {
    records.emplace_back(std::move(value));
  }
  template <class T>
  void effect(T value) {
    effects.emplace_back(std::move(value));
  }
};

}  // namespace serin::controller
