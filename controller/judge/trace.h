#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/judge/counts.h"
#include "protocol/error.h"

namespace serin::judge {

/// Error messages of one form, as one host logged them in one second.
struct SignatureCount {
  std::int64_t second = 0;
  std::size_t host = 0;  ///< index in Trace::hosts
  std::string id;
  std::uint64_t count = 0;
  friend bool operator==(const SignatureCount&, const SignatureCount&) = default;
};

struct TraceHost {
  HostName host;
  Role role = Role::control;
  std::optional<std::int64_t> loaded;  ///< second in which it reported the new release as loaded
  std::string rules;                   ///< hash of what it counts as an error; empty: not said
  std::vector<Counts> seconds;         ///< from Trace::first on; all hosts have equally many
  friend bool operator==(const TraceHost&, const TraceHost&) = default;
};

/// What was seen around a deploy, second by second: what a verdict can be replayed from. The CSV form:
///
///   #deploy=300                                     the second in which the last canary had loaded; absent: no deploy
///   #loaded=web-1,299                               optional, one for each host
///   #rules=web-1,9f0c                               optional, one for each host
///   #judge=fixed                                    optional: whose numbers #set has; it holds then just what was
///   judged #step=10                                        optional: each row is of so many seconds, from its second
///   on #set=settle=5                                   optional: a number of the judge, as `--set` takes it
///   #known=9f0c                                     optional: a signature that was logged before the trace begins
///   second,host,role,errors,lines                   the header; optional columns: requests, signatures
///   0,web-1,canary,3,120                            one row for each host and second, in any order
///
/// A missing row means that nothing was heard; the column lines may be missing too. Columns stand in any order. A role
/// is canary or control, one for each host. signatures are id:count pairs with ';' between them. Seconds are whole
/// numbers, also below 0; counts are whole and at most limits::kTraceCountMax. Other comments and empty lines mean
/// nothing; lines end in LF or CRLF. There is no quoting.
struct Trace {
  std::optional<std::int64_t> deploy;
  std::int64_t first = 0;  ///< second of each host's first element
  std::string judge;       ///< "fixed" or "sequential"; empty: not said, and `settings` are the sequential one's
  std::int64_t step = 1;   ///< seconds that each seen element of a host stands for; those behind it are not seen
  bool lines_known = true;
  bool requests_known = false;
  std::vector<std::string> settings;       ///< "key=value" of the judge; not checked here
  std::vector<std::string> known;          ///< signatures that are not new, beside those before the deploy
  std::vector<TraceHost> hosts;            ///< in the order in which they first appear
  std::vector<SignatureCount> signatures;  ///< by second, host, id
  [[nodiscard]] std::size_t length() const { return hosts.empty() ? 0 : hosts.front().seconds.size(); }
  friend bool operator==(const Trace&, const Trace&) = default;
};

/// Refuses what is malformed with line and column ("line 7, column 12: …"), both counted from 1, in bytes. Memory is
/// bounded by limits::kTrace*, whatever the text holds.
Result<Trace> parse_trace(std::string_view csv);

/// Rows by second, then by host; unseen seconds have none. parse_trace() gives the same trace back, but for seconds at
/// either end in which no host was seen, and hosts that were never seen.
std::string trace_csv(const Trace& trace);

}  // namespace serin::judge
