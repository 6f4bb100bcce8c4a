#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/clock.h"

namespace serin::pull {

/// Whether a source is still borne with: it answers, brings something of use, and is not too slow for what is left to
/// bring. Pure; single-threaded.
class SourcePatience {
 public:
  struct Bounds {
    Duration silence;      ///< it owes an answer
    Duration nothing_new;  ///< it answers, with nothing of use; `busy` is of no use
    /// Less in kSlowLook, while it owes something, is too slow: of what is left the part that kAllWithin asks for, but
    /// no less than the first, and no more than the second, so that whoever serves many at once is not done without.
    std::uint64_t slow_bytes, slow_bytes_of_much;
  };
  static constexpr Duration kSlowLook = std::chrono::seconds{5};
  static constexpr Duration kAllWithin = std::chrono::minutes{10};
  static constexpr Bounds kOfController{.silence = std::chrono::seconds{10},
                                        .nothing_new = std::chrono::seconds{60},
                                        .slow_bytes = 0,
                                        .slow_bytes_of_much = 0};
  /// Slow: 13 kB/s; 131 kB/s with 79 MB left or more.
  static constexpr Bounds kOfProxy{.silence = std::chrono::seconds{3},
                                   .nothing_new = std::chrono::seconds{60},
                                   .slow_bytes = 64U << 10,
                                   .slow_bytes_of_much = 640U << 10};

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

  /// `owes`: something was asked for and has not come; `bytes`: all that it brought; `left`: that it is to bring.
  std::optional<Trouble> check(SteadyTime now, bool owes, std::uint64_t bytes, std::uint64_t left);

 private:
  [[nodiscard]] std::uint64_t least(std::uint64_t left) const;

  Bounds bounds_;
  SteadyTime began_, heard_, news_, slow_since_;
  std::uint64_t slow_from_ = 0;
};

}  // namespace serin::pull
