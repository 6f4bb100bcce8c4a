#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "protocol/clock.h"
#include "protocol/messages.h"

namespace serin::controller {
struct ControllerState;
struct Turn;
}  // namespace serin::controller

namespace serin::fleet {

struct Host;

/// A host that serves content to others now.
struct ServingProxy {
  ContentSource source;
  std::string zone;
  friend bool operator==(const ServingProxy&, const ServingProxy&) = default;
};

/// What hosts and proxies are to be told. In memory only: whoever says hello is told all of it.
struct SourceNews {
  std::vector<ServingProxy> proxies;        ///< by name
  std::uint64_t version = 0;                ///< of that list; a session remembers the one that it was told
  std::set<std::string> admitted, revoked;  ///< raw keys that proxies have not been told of
};

/// The host's zone: what stands behind "zone-" in the first of its labels that begins so; empty: it has none, as all
/// others without one.
std::string zone_of(const std::vector<std::string>& labels);

/// It offers to serve, and some application's `proxies` names it.
bool is_proxy(const controller::ControllerState& state, const Host& host);

/// Of the proxies the ones that this host may ask: at most 16 of its zone and 4 of others, spread over the hosts;
/// itself is never among them.
ContentSources sources_of(const HostName& host, const std::string& zone, const std::vector<ServingProxy>& proxies);

/// To a host that has said hello: which proxies there are, and to a proxy all keys of the fleet.
void tell_sources(controller::ControllerState& state, const HostName& host, controller::Turn& turn);

/// Twice a second: proxies came or went, hosts were accepted or revoked. At most 1,000 hosts are told in one call.
void tick_sources(controller::ControllerState& state, controller::Turn& turn);

}  // namespace serin::fleet
