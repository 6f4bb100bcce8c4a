#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/content_messages.h"
#include "protocol/digest.h"
#include "protocol/host_status.h"
#include "protocol/operator_messages.h"
#include "protocol/proxy_messages.h"
#include "protocol/release.h"
#include "protocol/verify_messages.h"

/// What is said on the sockets; README.md beside this file is the specification. Plain values: wire.h turns them into
/// bytes. Times ending in _ms are milliseconds of the sender's FleetClock unless said otherwise; seconds likewise.
/// Unknown enumerators arrive as `unknown`.
namespace serin {

// ---- agent to controller, orders socket ----

/// First message of a session, and after each Resync.
struct Hello {
  std::uint16_t protocol_min = 0, protocol_max = 0;
  std::string agent_version;
  std::string instance;        ///< random, new for each start of the process
  std::string boot_id;         ///< of the kernel: its FleetClock counts from this boot
  std::string machine;         ///< hash of /etc/machine-id: tells two machines with one key apart
  std::string controller_key;  ///< hex of the pinned key that this connection uses
  std::int64_t clock_ms = 0;
  std::int64_t wall_ms = 0;
  std::vector<ApplicationStatus> applications;
  std::uint16_t proxy_port = 0;  ///< it serves content to its neighbours there; 0: it is no proxy
  std::string proxy_address;     ///< where they reach it; empty: where the controller sees it
  friend bool operator==(const Hello&, const Hello&) = default;
};

/// Sent every Welcome.heartbeat_ms, and at once when an application's status changes.
struct Heartbeat {
  std::int64_t clock_ms = 0;
  std::int64_t wall_ms = 0;
  std::vector<ApplicationStatus> applications;
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

/// Names one normalised error message; equal on every host that counts by the same rules_hash.
using SignatureId = std::uint64_t;

/// One message, and how often it came.
struct SignatureCount {
  SignatureId id = 0;
  std::uint32_t count = 0;
  friend bool operator==(const SignatureCount&, const SignatureCount&) = default;
};
/// Counts of one second. Absolute: a later report for the same second replaces it.
struct SecondCounts {
  std::int64_t second = 0;  ///< of the agent's FleetClock, when the lines were read
  std::uint32_t errors = 0;
  std::uint32_t lines = 0;                 ///< not those of access logs
  std::uint32_t requests = 0;              ///< lines of access logs
  std::vector<SignatureCount> signatures;  ///< the most frequent messages, ascending by id, none twice
  friend bool operator==(const SecondCounts&, const SecondCounts&) = default;
};
/// Sums since the beginning of the run, so that nothing is lost with seconds that were never acknowledged.
struct RunTotals {
  std::uint64_t errors = 0, lines = 0, requests = 0;  ///< all that were read, the late ones among them
  std::uint64_t late_errors = 0, late_lines = 0;      ///< read too late to belong to a second; requests are lines here
  std::uint64_t skipped_bytes = 0;                    ///< never read
  std::uint64_t long_lines = 0;                       ///< matched on their beginning only
  std::uint64_t unparsed = 0;                         ///< should have been JSON
  std::uint64_t suppressed = 0;                       ///< the journal dropped them before anybody could read them
  friend bool operator==(const RunTotals&, const RunTotals&) = default;
};
/// What an id stands for.
struct SignatureText {
  SignatureId id = 0;
  std::string rule;
  std::string text;  ///< as far as the source's `samples` allows; any bytes; empty: nothing but the id leaves the host
  friend bool operator==(const SignatureText&, const SignatureText&) = default;
};
struct ApplicationCounts {
  ApplicationName application;
  std::string rules_hash;
  std::vector<SecondCounts> seconds;  ///< ascending, no second twice
  std::string gap;                    ///< what was not seen in these seconds, in words; empty: all was seen
  RunTotals totals;                   ///< of all that was counted so far; in the last one of an application
  std::vector<SignatureText> texts;   ///< of ids whose texts the controller has not acknowledged
  friend bool operator==(const ApplicationCounts&, const ApplicationCounts&) = default;
};
/// Once a second, also when nothing was logged: silence must be told apart from health.
struct Report {
  std::string run;  ///< of the counter: a new run starts its sequence at 1
  std::uint64_t sequence = 0;
  std::int64_t clock_ms = 0;
  std::vector<ApplicationCounts> applications;  ///< one several times where its gap changes
  friend bool operator==(const Report&, const Report&) = default;
};

/// Kept by the agent on disk and sent again after each hello until an OutcomeReply names it.
struct Outcome {
  ApplicationName application;
  OrderId order;
  OrderAction action = OrderAction::unknown;
  StepResult result = StepResult::unknown;
  std::string step;  ///< that failed: "verify", "pull", "switch", "reload hook", ...; empty when none did
  std::int32_t exit_status = 0;
  std::string output;  ///< of the hook, or the reason; any bytes
  ReleaseNumber live_release = 0;
  ObjectId live_root;
  std::int64_t at_ms = 0;  ///< when the host reached this state
  std::uint64_t bytes_pulled = 0;
  std::string source_trouble;  ///< which proxies it did without, and why; empty: each that it asked served it
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// ---- controller to agent, orders socket ----

struct Welcome {
  std::uint16_t protocol = 0;
  std::string controller;     ///< instance of the daemon
  HostName host;              ///< the name that the operator gave to this key
  std::uint64_t session = 0;  ///< to be in every envelope from now on
  std::uint32_t heartbeat_ms = 0;
  std::uint32_t lease_ms = 0;
  std::uint32_t spread_ms = 0;  ///< a redial after a lost session waits a random part of this first
  std::uint16_t content_port = 0;
  std::int64_t report_since = 0;  ///< second of the agent's clock from which counts are wanted again; 0: all kept
  friend bool operator==(const Welcome&, const Welcome&) = default;
};

struct HeartbeatReply {
  std::string run;  ///< newest report that is safe with the controller
  std::uint64_t sequence = 0;
  friend bool operator==(const HeartbeatReply&, const HeartbeatReply&) = default;
};

/// "Say hello again": the envelope's session is not the present one.
struct Resync {
  std::string reason;
  friend bool operator==(const Resync&, const Resync&) = default;
};

/// Be so good as to do this. An order with a key that the agent does not know is refused ("unsupported: KEY").
struct Order {
  ApplicationName application;
  OrderId id;
  OrderAction action = OrderAction::unknown;
  std::string recipient;  ///< hex of the agent's CURVE key: an order for another is refused
  SignedRelease release;
  bool take_back = false;        ///< the host returns from a failed release: only words depend on it
  bool from_controller = false;  ///< content is not to come through proxies, which would keep it
  friend bool operator==(const Order&, const Order&) = default;
};

struct OutcomeReply {
  ApplicationName application;
  OrderId order;
  friend bool operator==(const OutcomeReply&, const OutcomeReply&) = default;
};

/// Something that the peer sent could not be served; for its log.
struct Problem {
  std::string text;
  friend bool operator==(const Problem&, const Problem&) = default;
};

using Message = std::variant<Hello, Heartbeat, Report, Outcome, Welcome, HeartbeatReply, Resync, Order, OutcomeReply,
                             Problem, GetObject, ObjectPart, ObjectRefused, OperatorRequest, OperatorEvent,
                             VerifyRequest, VerifyReport, ContentSources, FleetKeys, PackAhead>;

}  // namespace serin
