#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/judge/counts.h"
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

/// A host whose counts do not enter the comparison.
struct SetAside {
  HostName host;
  Role role = Role::control;
  std::string why;
  friend bool operator==(const SetAside&, const SetAside&) = default;
};

inline constexpr std::string_view kOtherSignatures = "others";  ///< NewSignature::id

/// An error message that is new with the release, or all those together that are too many to be looked at one by one.
struct NewSignature {
  std::string id;
  std::string sample;          ///< of the message; empty: unknown. Of the others: why there may be more
  std::uint64_t count = 0;     ///< on all canaries
  std::uint32_t hosts = 0;     ///< canaries that logged it
  bool fails = false;          ///< it alone is enough for a fail
  bool pending = false;        ///< it may end with the restart: too early to pass; not stored
  std::uint32_t together = 0;  ///< of the others: so many are beyond those that are looked at one by one
  friend bool operator==(const NewSignature&, const NewSignature&) = default;
};

/// What the sequential judge's answer rests on. Rates are errors per second and host; evidence is a natural logarithm
/// of odds. All finite.
struct SequentialNumbers {
  double ratio = 0;                              ///< canaries to controls, each against its own past, of capped counts
  double ratio_low = 0, ratio_high = 0;          ///< 95 %
  double canary_rate = 0, control_rate = 0;      ///< as logged
  std::uint32_t controls = 0;                    ///< that entered the comparison
  double canary_errors = 0, control_errors = 0;  ///< C and K, capped
  bool capped = false;                           ///< the canaries logged clearly more than what counts
  double fail_evidence = 0, fail_evidence_without_one = 0;
  double pass_evidence = 0, pass_evidence_adverse = 0;
  double dispersion = 1, spread = 0;  ///< D and s2
  std::vector<SetAside> set_aside;
  std::vector<NewSignature> signatures;
  friend bool operator==(const SequentialNumbers&, const SequentialNumbers&) = default;
};

/// What the judge of one source of several said.
struct SourceFinding {
  std::string source;  ///< "agents", "logstash", ...
  bool required = true;
  Answer answer = Answer::undecided;
  std::string judge, reason, text;
  double seconds = 0;
  friend bool operator==(const SourceFinding&, const SourceFinding&) = default;
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
  std::optional<SequentialNumbers> numbers = std::nullopt;  ///< of the sequential judge
  std::vector<SourceFinding> sources = {};                  ///< where there are several; the one that decided first
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

}  // namespace serin::judge
