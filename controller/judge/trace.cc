#include "controller/judge/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace serin::judge {

namespace {

void add_signatures(const Trace& trace, std::size_t host, std::int64_t second, std::size_t& next, std::string& to) {
  bool first = true;
  for (; next < trace.signatures.size(); ++next, first = false) {
    const SignatureCount& at = trace.signatures[next];
    if (at.second != second || at.host != host) break;
    to += fmt::format("{}{}:{}", first ? "" : ";", at.id, at.count);
  }
}

}  // namespace

std::string trace_csv(const Trace& trace) {
  std::string csv;
  if (trace.deploy) csv += fmt::format("#deploy={}\n", *trace.deploy);
  if (!trace.judge.empty()) csv += fmt::format("#judge={}\n", trace.judge);
  if (trace.step != 1) csv += fmt::format("#step={}\n", trace.step);
  for (const std::string& assignment : trace.settings) csv += fmt::format("#set={}\n", assignment);
  for (const std::string& id : trace.known) csv += fmt::format("#known={}\n", id);
  for (const TraceHost& host : trace.hosts) {
    if (host.loaded) csv += fmt::format("#loaded={},{}\n", host.host, *host.loaded);
    if (!host.rules.empty()) csv += fmt::format("#rules={},{}\n", host.host, host.rules);
  }
  const bool signatures = !trace.signatures.empty();
  csv += fmt::format("second,host,role,errors{}{}{}\n", trace.lines_known ? ",lines" : "",
                     trace.requests_known ? ",requests" : "", signatures ? ",signatures" : "");
  std::size_t next = 0;
  for (std::size_t t = 0; t < trace.length(); ++t) {
    const std::int64_t second = trace.first + static_cast<std::int64_t>(t);
    for (std::size_t h = 0; h < trace.hosts.size(); ++h) {
      const TraceHost& host = trace.hosts[h];
      const Counts& counts = host.seconds[t];
      std::string named;
      add_signatures(trace, h, second, next, named);
      if (!counts.seen) continue;
      csv += fmt::format("{},{},{},{}", second, host.host, host.role == Role::canary ? "canary" : "control",
                         counts.errors);
      if (trace.lines_known) csv += fmt::format(",{}", counts.lines);
      if (trace.requests_known) csv += fmt::format(",{}", counts.requests);
      if (signatures) csv += ',' + named;
      csv += '\n';
    }
  }
  return csv;
}

}  // namespace serin::judge
