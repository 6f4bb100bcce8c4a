#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/clock.h"

namespace serin::pull {

/// Whether a source is still borne with: it answers, brings something of use, and is not too slow. Pure;
/// single-threaded.
class SourcePatience {
 public:
  struct Bounds {
    Duration silence;          ///< it owes an answer
    Duration nothing_new;      ///< it answers, with nothing of use; `busy` is of no use
    std::uint64_t slow_bytes;  ///< less in kSlowLook, while it owes something, is too slow
  };
  static constexpr Duration kSlowLook = std::chrono::seconds{5};
  static constexpr Bounds kOfController{
      .silence = std::chrono::seconds{10}, .nothing_new = std::chrono::seconds{60}, .slow_bytes = 0};
  /// Slow: 13 kB/s.
  static constexpr Bounds kOfProxy{
      .silence = std::chrono::seconds{3}, .nothing_new = std::chrono::seconds{60}, .slow_bytes = 64U << 10};

  struct Trouble {
    std::string text;  ///< "did not answer for 3 s"
    bool is_silence = false;
  };

  SourcePatience(const Bounds& bounds, SteadyTime now)
      : bounds_(bounds), began_(now), heard_(now), news_(now), slow_since_(now) {}

  void heard(SteadyTime now) { heard_ = now; }
  /// Something of use came, or it is waited for something that takes its time.
  void news(SteadyTime now) { news_ = now; }
  /// It was asked for nothing since it said that it is busy.
  void is_left_alone(SteadyTime now) { heard_ = now; }
  /// It was asked for nothing, since the rate allows nothing.
  void rests(SteadyTime now) { heard_ = news_ = now; }
  [[nodiscard]] bool brought_something() const { return news_ != began_; }

  /// `owes`: something was asked for and has not come; `bytes`: all that it brought.
  std::optional<Trouble> check(SteadyTime now, bool owes, std::uint64_t bytes);

 private:
  Bounds bounds_;
  SteadyTime began_, heard_, news_, slow_since_;
  std::uint64_t slow_from_ = 0;
};

}  // namespace serin::pull
