#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "agent/count/checkpoint.h"
#include "protocol/wire.h"

/// What the agent's core asks of its loop. Values only.
namespace serin::agent {

/// Make a new link to the controller with this pinned key (index into AgentSettings::controller_keys).
struct Dial {
  std::size_t key = 0;
};
struct CloseLink {};
struct SendMessage {
  Envelope envelope;
};
/// Carry this out in the application's worker; on_step_ended answers.
struct RunOrder {
  Order order;
  Release release;
};
/// A newer order waits: a step that is still staging should end now.
struct StopStaging {
  ApplicationName application;
};
struct AcknowledgeOutcome {
  ApplicationName application;
  OrderId order;
};
/// Write down what was counted, with how far the logs are read: before any report that follows.
struct SaveCounts {
  count::Checkpoint checkpoint;  ///< without positions
};
/// A verify that was asked for, its release verified.
struct TakeVerify {
  VerifyRequest request;
  Release release;
};
/// Which proxies this host may take content from.
struct UseSources {
  ContentSources proxies;
};
/// Who may take content from this host.
struct AdmitFleet {
  FleetKeys keys;
};
/// A pack that an order will need.
struct KeepPack {
  PackAhead pack;
};
struct LogLine {
  bool warning = false;
  std::string text;
};
using Effect = std::variant<Dial, CloseLink, SendMessage, RunOrder, StopStaging, AcknowledgeOutcome, SaveCounts,
                            LogLine, TakeVerify, UseSources, AdmitFleet, KeepPack>;
using Effects = std::vector<Effect>;

}  // namespace serin::agent
