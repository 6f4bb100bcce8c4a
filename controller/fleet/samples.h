#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/messages.h"

/// What hosts counted, as the ledger gives it out and the database keeps it. Plain values.
namespace serin::fleet {

/// Seconds [from, until).
struct SecondSpan {
  std::int64_t from = 0, until = 0;
  friend bool operator==(const SecondSpan&, const SecondSpan&) = default;
};

/// One host's counts of one second of the controller's clock.
struct Sample {
  std::int64_t second = 0;
  HostName host;
  std::uint32_t errors = 0, lines = 0;
  bool trusted = false;
  std::uint32_t requests = 0;
  std::vector<SignatureCount> signatures;  ///< the most frequent messages, ascending by id
  friend bool operator==(const Sample&, const Sample&) = default;
};

/// What one host reported of one second.
struct SecondOfHost {
  std::uint32_t errors = 0, lines = 0;
  bool reported = false;  ///< false: nothing is known of it
  bool trusted = false;
  std::uint32_t requests = 0;
  friend bool operator==(const SecondOfHost&, const SecondOfHost&) = default;
};

/// One host's seconds [first, first + seconds.size()) of the controller's clock.
struct HostSeconds {
  HostName host;
  std::int64_t first = 0;
  std::string rules_hash;  ///< of the rules that made these counts; empty: none came yet
  std::vector<SecondOfHost> seconds;
  friend bool operator==(const HostSeconds&, const HostSeconds&) = default;
};

/// A sample that is new or has other counts than before.
struct ChangedSample {
  ApplicationName application;
  Sample sample;
};

}  // namespace serin::fleet
