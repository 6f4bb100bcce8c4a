#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// What the CLI and the daemon say to each other. See messages.h.
namespace serin {

/// One command of the CLI. Which fields a verb reads stands in protocol/README.md.
struct OperatorRequest {
  std::string verb;         ///< deploy, rollback, abort, resume ("continue"), status, history, hosts, attach, ...
  std::string application;  ///< empty: the only one that is configured
  std::vector<std::string> arguments;  ///< paths, a host's key, a release number
  std::string message;
  std::string sudo_user;  ///< who called sudo, as the CLI was told; advisory
  bool force = false;
  bool dry_run = false;
  bool yes = false;         ///< "I was asked, or want no question"
  bool yes_delete = false;  ///< the source may delete more than delete_limit
  bool detach = false;
  bool trace = false;         ///< show: the deployment's trace as CSV
  std::int64_t since_ms = 0;  ///< errors: how far back; 0: as far as is kept
  std::string group;          ///< errors: only hosts of this one; empty: all
  std::int64_t wait_ms = -1;  ///< overrides the configured wait; -1: as configured
  std::vector<std::string> labels;
  std::string name;     ///< hosts accept: the host's; show: the trace's source
  bool repair = false;  ///< verify: bring the trees back to their releases
  std::string cwd;      ///< the CLI's folder: relative paths are meant from here when it lies in the source
  friend bool operator==(const OperatorRequest&, const OperatorRequest&) = default;
};

/// Answers and news for one CLI. The last one of a request has `final` set.
struct OperatorEvent {
  bool final = false;
  std::int32_t exit_code = 0;  ///< of the CLI; only with final
  std::string kind;            ///< "line", "progress", "question", "status", "history", "hosts", "error", "done", ...
  std::string text;            ///< one or more lines for people, already safe for a terminal
  std::string json;            ///< the same as one JSON document: what --json prints
  friend bool operator==(const OperatorEvent&, const OperatorEvent&) = default;
};

}  // namespace serin
