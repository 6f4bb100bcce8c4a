#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "controller/fleet/samples.h"
#include "protocol/clock.h"

namespace serin::fleet {

/// When a host ran a trusted release of one application, by the controller's clock: the newest kKept spans, the last of
/// which may be open. Spans that meet are one. Pure; single-threaded; never fails.
class TrustedSpans {
 public:
  static constexpr std::size_t kKept = 16;

  /// It has run one since `from`, which may be long ago or a moment ahead, and goes on: what came between a former span
  /// and this one counts too when `from` lies before that span's end.
  void begin(SteadyTime from);
  /// It runs one no longer. Nothing is open then.
  void end(SteadyTime at);
  /// What happened in [from, until) is to be trusted by nobody, even if a later span reaches back to it.
  void cut(SteadyTime from, SteadyTime until);

  /// Since when the open span lasts; nothing: none is open.
  [[nodiscard]] std::optional<SteadyTime> since() const;
  /// The whole seconds of all spans before `until`, ascending, apart from each other.
  [[nodiscard]] std::vector<SecondSpan> seconds_before(std::int64_t until) const;

 private:
  struct Span {
    SteadyTime from;
    std::optional<SteadyTime> until;  ///< nothing: it is open
  };
  std::vector<Span> spans_;
  std::optional<SteadyTime> cut_until_;
};

}  // namespace serin::fleet
