#include "tests/simulation/calibration/dice.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace serin::calibration {

namespace {

std::uint64_t splitmix(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

/// ln k!: Stirling's series, exact to 1e-10 from ten on; std::lgamma writes a global.
double log_factorial(double k) {
  static constexpr std::array<double, 10> kSmall{0,
                                                 0,
                                                 0.693147180559945,
                                                 1.791759469228055,
                                                 3.178053830347946,
                                                 4.787491742782046,
                                                 6.579251212010101,
                                                 8.525161361065415,
                                                 10.60460290274525,
                                                 12.80182748008147};
  if (k < 10) return kSmall[static_cast<std::size_t>(k)];
  const double n = k + 1;
  return (n - 0.5) * std::log(n) - n + 0.5 * std::log(2 * std::numbers::pi) + 1 / (12 * n) - 1 / (360 * n * n * n);
}

}  // namespace

Dice::Dice(std::uint64_t seed) {
  for (auto& word : state_) word = splitmix(seed);
}

std::uint64_t Dice::bits() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17U;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Dice::uniform() {
  return static_cast<double>(bits() >> 11U) * 0x1p-53;
}

double Dice::between(double low, double high) {
  return low + (high - low) * uniform();
}

double Dice::log_between(double low, double high) {
  return std::exp(between(std::log(low), std::log(high)));
}

std::uint64_t Dice::below(std::uint64_t most) {
  return static_cast<std::uint64_t>(uniform() * static_cast<double>(most));
}

double Dice::exponential() {
  return -std::log1p(-uniform());
}

double Dice::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(2 * exponential());
  const double angle = 2 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

/// Small means by multiplication; others by transformed rejection (PTRS; Hoermann, The transformed rejection method for
/// generating Poisson random variables, 1993).
std::uint64_t Dice::poisson(double mean) {
  if (mean <= 0) return 0;
  if (mean < 10) {
    const double limit = std::exp(-mean);
    std::uint64_t count = 0;
    double product = uniform();
    while (product > limit) {
      product *= uniform();
      ++count;
    }
    return count;
  }
  const double b = 0.931 + 2.53 * std::sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double v_r = 0.9277 - 3.6224 / (b - 2);
  while (true) {
    const double u = uniform() - 0.5;
    const double v = 1 - uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= v_r) return static_cast<std::uint64_t>(k);
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const double accepted = k * std::log(mean) - mean - log_factorial(k);
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <= accepted) return static_cast<std::uint64_t>(k);
  }
}

std::uint64_t seed_of(std::uint64_t seed, std::string_view name, std::uint64_t run) {
  std::uint64_t hash = 0xcbf29ce484222325U ^ seed;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  std::uint64_t state = splitmix(hash) ^ run;
  return splitmix(state);
}

}  // namespace serin::calibration
