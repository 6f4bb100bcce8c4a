#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace serin::calibration {

struct Fleet {
  char name = 'M';
  std::size_t canaries = 5;
  std::size_t controls = 30;
  [[nodiscard]] std::size_t hosts() const { return canaries + controls; }
};
inline constexpr Fleet kSmall{'S', 2, 6};
inline constexpr Fleet kMedium{'M', 5, 30};
inline constexpr Fleet kLarge{'L', 11, 200};

/// What disturbs a fleet beside Poisson errors; several at once are a set. README.md says what each one does.
enum class Noise : std::uint32_t {
  pois = 0,
  nb = 1U << 0U,
  ou = 1U << 1U,
  clump = 1U << 2U,
  blip = 1U << 3U,
  diurnal = 1U << 4U,
  trans = 1U << 5U,
  trans6 = 1U << 6U,
  spam_canary = 1U << 7U,
  spam_canaries = 1U << 8U,
  spam_control = 1U << 9U,
  spam_past = 1U << 10U,
  idle = 1U << 11U,
  mute_canaries = 1U << 12U,
  mute_controls = 1U << 13U,
  holes = 1U << 14U,
  all = (1U << 0U) | (1U << 1U) | (1U << 3U) | (1U << 4U),  ///< nb, ou, blip, diurnal
};
constexpr Noise operator|(Noise a, Noise b) {
  return static_cast<Noise>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr bool has(Noise set, Noise noise) {
  return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(noise)) != 0;
}
/// "all+trans+spamC", "pois", ...
std::string name_of(Noise noise);

/// One row of a table: a fleet, its ordinary errors, what disturbs it, and what the new release does on the canaries.
struct Scenario {
  Fleet fleet = kMedium;
  double base = 1;  ///< errors per second and host
  Noise noise = Noise::pois;
  double factor = 1;        ///< the release's errors on a canary, in old ones
  double new_errors = 0;    ///< per second and canary, of a kind that was not there before
  std::size_t onset_s = 0;  ///< after the deploy, when factor and new_errors begin
  bool limit = false;       ///< a known limit of the judge: printed, not bounded
  std::size_t batch = 0;    ///< so many controls load the good part of the release, too, after batch_s
  std::size_t batch_s = 12;
  std::size_t seconds = 60;  ///< after the deploy
  [[nodiscard]] bool good() const { return factor <= 1 && new_errors <= 0; }
  [[nodiscard]] std::string name() const;
};

/// The rows of judge.md, section 3, in its order.
std::vector<Scenario> printed_rows();

/// Good releases: every noise on S, M, L at 0, 0.01, 1 and 50 errors/s/host, without those of printed_rows().
std::vector<Scenario> good_rows();

/// Bad releases beside the printed ones: x3, x10, x100 at 1 and 50 under every noise. PASS is what matters here.
std::vector<Scenario> bad_rows();

}  // namespace serin::calibration
