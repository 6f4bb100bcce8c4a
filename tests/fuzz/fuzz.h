#pragma once

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <span>
#include <string>
#include <string_view>

/// What the fuzzers share: a random source, damage to texts, and a loop that is bounded by time.
namespace serin::fuzz {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  /// 0 to `below` - 1.
  std::size_t below(std::size_t below) { return engine_() % below; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class Items>
  decltype(auto) of(const Items& items) {
    return items[below(std::size(items))];
  }

 private:
  std::mt19937_64 engine_;
};

/// Some bytes changed, left out, doubled, or put in from `pieces`.
inline std::string damaged(std::string text, Random& random, std::span<const std::string_view> pieces) {
  for (auto times = random.below(5); times > 0; --times) {
    const auto at = random.below(text.size() + 1);
    switch (random.below(5)) {
      case 0:
        text.insert(at, random.of(pieces));
        break;
      case 1:
        text.erase(at, random.below(8));
        break;
      case 2:
        text.insert(at, text.substr(at, random.below(20)));
        break;
      case 3:
        text.insert(at, 1, static_cast<char>(random.below(256)));
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(random.below(256));
    }
  }
  return text;
}

/// The round that runs, for what fails.
inline std::string& running() {
  static std::string now;
  return now;
}

/// What failed, on stderr, with the input; then the end.
[[noreturn]] inline void fail(std::string_view what, std::string_view input) {
  std::string bytes;
  for (const char c : input) {
    const auto byte = static_cast<unsigned char>(c);
    bytes += byte >= 0x20 && byte < 0x7f && c != '\\' ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  fmt::print(stderr, "{}: {}\ninput: {}\n", running(), what, bytes);
  std::abort();
}

/// main() of a fuzzer: PROGRAM [SECONDS [SEED [ROUND]]]. Each round has a random source of its own.
inline int fuzz(int argc, char** argv, void (*one_round)(Random&)) {
  const auto argument = [&](int index, std::uint64_t otherwise) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
  };
  const auto seed = argument(2, 1);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(argument(1, 20));
  std::uint64_t round = argument(3, 0);
  // An assertion of the library or a sanitizer (with abort_on_error) may end the process: which round it was is said.
  std::signal(SIGABRT, [](int) {
    std::fputs((running() + "\n").c_str(), stderr);
    std::_Exit(1);
  });
  do {
    running() = fmt::format("seed {}, round {}", seed, round);
    Random random(seed * 1'000'003 + round);
    one_round(random);
    ++round;
  } while (argc <= 3 && std::chrono::steady_clock::now() < until);
  fmt::print("seed {}: {} rounds\n", seed, round);
  return 0;
}

}  // namespace serin::fuzz
