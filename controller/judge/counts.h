#pragma once

#include <cstdint>
#include <vector>

#include "protocol/host_status.h"

/// What the sequential judge is fed with: counts by host and second. Plain values. See README.md beside this file.
namespace serin::judge {

enum class Role : std::uint8_t {
  canary,   ///< runs the new release
  control,  ///< still runs the old one
};

/// Of one host in one second.
struct Counts {
  bool seen = false;  ///< a report covers this second; when false, the numbers mean nothing
  std::uint64_t errors = 0;
  std::uint64_t lines = 0;     ///< of all kinds, errors among them
  std::uint64_t requests = 0;  ///< from an access log
  friend bool operator==(const Counts&, const Counts&) = default;
};

/// The trusted seconds of one host before the deploy, oldest first; an unseen or untrusted one has seen = false.
struct HostBaseline {
  HostName host;
  Role role = Role::control;
  std::vector<Counts> seconds;
  friend bool operator==(const HostBaseline&, const HostBaseline&) = default;
};

/// All hosts of a judgement, with equally many seconds each. Their order is the order of every later second.
struct Baseline {
  std::vector<HostBaseline> hosts;
  bool lines_known = true;  ///< Counts::lines is counted, not just left at 0
  bool requests_known = false;
  friend bool operator==(const Baseline&, const Baseline&) = default;
};

}  // namespace serin::judge
