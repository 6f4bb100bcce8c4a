#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/messages.h"

namespace serin::judge {

enum class Answer : std::uint8_t {
  undecided,  ///< too early to say
  pass,
  fail,
  inconclusive,  ///< cannot tell: never treated as a pass
};
std::string_view name_of(Answer answer);

/// What the judge found on one canary.
struct HostFinding {
  HostName host;
  double rate_before = 0;  ///< errors per second over its trusted seconds
  double rate_after = 0;   ///< errors per second since the deploy
  double limit = 0;        ///< rate_after above this is over
  bool over = false;
  std::string trouble;  ///< why its counts are no evidence; empty: they are
  friend bool operator==(const HostFinding&, const HostFinding&) = default;
};

/// An answer with its reason and numbers. Pure value; what is stored, shown and announced.
struct Verdict {
  Answer answer = Answer::undecided;
  std::string judge;  ///< "fixed" or "sequential"
  std::string
      reason;        ///< one token: "over", "no-report", "gap", "no-baseline", "no-traffic", "quiet", "as-before", ...
  std::string text;  ///< for a deployer at 3 a.m., one line
  double seconds = 0;  ///< after the last canary loaded
  std::vector<HostFinding> hosts;
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

}  // namespace serin::judge
