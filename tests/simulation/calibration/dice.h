#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace serin::calibration {

/// Random numbers that are the same on every machine: the standard library's distributions are not. One stream for one
/// simulated deployment. xoshiro256** (Blackman, Vigna 2018), seeded through splitmix64. Single-threaded, never fails.
class Dice {
 public:
  explicit Dice(std::uint64_t seed);
  std::uint64_t bits();
  double uniform();                             ///< in [0, 1)
  double between(double low, double high);      ///< in [low, high)
  double log_between(double low, double high);  ///< the logarithm is uniform
  std::uint64_t below(std::uint64_t most);      ///< 0 .. most - 1
  double normal();
  double exponential();
  std::uint64_t poisson(double mean);

 private:
  std::array<std::uint64_t, 4> state_{};
  double spare_ = 0;
  bool has_spare_ = false;
};

/// The seed of one run: any two of (seed, name, run) that differ give unrelated streams.
std::uint64_t seed_of(std::uint64_t seed, std::string_view name, std::uint64_t run);

}  // namespace serin::calibration
