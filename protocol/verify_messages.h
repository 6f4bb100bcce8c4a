#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/host_status.h"
#include "protocol/release.h"

/// What is said of a live tree that may have drifted from its release. See messages.h.
namespace serin {

/// How a path of the live tree differs from its release. One of these for each path: the first that fits.
enum class DriftKind : std::uint8_t {
  unknown,
  missing,  ///< the release has it
  extra,    ///< the release has it not; a folder counts once, whatever it holds
  changed,  ///< other bytes, another target, or another kind of thing
  mode,     ///< right bytes, other permission bits
  mtime,    ///< right bytes, another modification time
};
std::string_view name_of(DriftKind kind);

struct Drift {
  std::string path;  ///< relative to the root; any bytes
  DriftKind kind = DriftKind::unknown;
  bool mended = false;
  friend bool operator==(const Drift&, const Drift&) = default;
};

/// Exact, however many of them are listed.
struct DriftCounts {
  std::uint64_t missing = 0, extra = 0, changed = 0, mode = 0, mtime = 0;
  [[nodiscard]] std::uint64_t all() const { return missing + extra + changed + mode + mtime; }
  friend bool operator==(const DriftCounts&, const DriftCounts&) = default;
};

/// Controller to agent: hash the live tree again and say how it differs from this release. Answered with reports until
/// a final one. The same number again is answered with where that stands, and not begun anew.
struct VerifyRequest {
  ApplicationName application;
  std::uint64_t number = 0;  ///< grows; Header::request is the same
  bool repair = false;       ///< bring the tree back to its release
  std::string recipient;     ///< hex of the agent's CURVE key: one for another host is refused
  SignedRelease release;     ///< what the host runs, as far as the controller knows
  friend bool operator==(const VerifyRequest&, const VerifyRequest&) = default;
};

/// Agent to controller: where a verify stands, or how it ended.
struct VerifyReport {
  ApplicationName application;
  std::uint64_t number = 0;
  bool final = false;
  std::string trouble;                 ///< why it could not be done to the end; empty: it was, or goes on
  ReleaseNumber release = 0;           ///< whose tree is looked at
  std::uint64_t files = 0, bytes = 0;  ///< of the release
  std::uint64_t files_checked = 0, bytes_checked = 0;
  DriftCounts counts;
  std::uint64_t mended = 0;   ///< of these
  std::vector<Drift> listed;  ///< the first ones; with `final`
  friend bool operator==(const VerifyReport&, const VerifyReport&) = default;
};

}  // namespace serin
