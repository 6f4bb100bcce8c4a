#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/host_status.h"

/// What is said about proxies: agents that serve content to their neighbours. See messages.h.
namespace serin {

/// A proxy that this host may take content from.
struct ContentSource {
  HostName host;
  std::string endpoint;  ///< "tcp://10.0.0.4:4702"
  std::string key;       ///< hex of its CURVE key, which is pinned
  friend bool operator==(const ContentSource&, const ContentSource&) = default;
};

/// Controller to agent: the proxies to be asked before the controller is. Each list replaces the former one. At most
/// limits::kContentSourcesMax together.
struct ContentSources {
  std::vector<ContentSource> near;  ///< of the host's zone
  std::vector<ContentSource> far;   ///< when none of these serves
  friend bool operator==(const ContentSources&, const ContentSources&) = default;
};

/// Controller to a proxy: whose keys may take content from it. A list that begins is complete with the message that
/// ends it, and replaces the former one then; what has neither mark changes the list that is there.
struct FleetKeys {
  bool begins = false, ends = false;
  std::string admitted;  ///< raw CURVE keys, 32 bytes each, at most limits::kFleetKeysPerMessage
  std::string revoked;   ///< likewise
  friend bool operator==(const FleetKeys&, const FleetKeys&) = default;
};

}  // namespace serin
