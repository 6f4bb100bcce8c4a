#pragma once

#include "controller/judge/trace.h"
#include "fleet_of.h"

namespace serin::judge {

/// A trace of `before` for 300 s, a deploy, and `after` for `seconds` more; second 0 of `after` is that of the deploy.
inline Trace trace_of(std::size_t canaries, std::size_t controls, const Errors& before, const Errors& after,
                      std::size_t seconds = 70) {
  Trace trace{.deploy = 300};
  for (HostBaseline& host : baseline_of(canaries, controls, 300, before).hosts) {
    trace.hosts.push_back({.host = host.host, .role = host.role, .loaded = {}, .rules = {}, .seconds = host.seconds});
  }
  for (std::size_t t = 0; t < seconds; ++t) {
    const auto second = second_of(canaries + controls, t, after);
    for (std::size_t h = 0; h < second.size(); ++h) trace.hosts[h].seconds.push_back(second[h]);
  }
  return trace;
}

}  // namespace serin::judge
