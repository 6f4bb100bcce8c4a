#include "agent/count/xxh64.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace serin::count {
namespace {

constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87ULL;
constexpr std::uint64_t kPrime2 = 0xC2B2AE3D27D4EB4FULL;
constexpr std::uint64_t kPrime3 = 0x165667B19E3779F9ULL;
constexpr std::uint64_t kPrime4 = 0x85EBCA77C2B2AE63ULL;
constexpr std::uint64_t kPrime5 = 0x27D4EB2F165667C5ULL;

constexpr std::size_t kStripe = 32;

/// Little-endian, whatever the machine.
template <class T>
T read(const char* from) {
  T value{};
  std::memcpy(&value, from, sizeof value);
  if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
  return value;
}

std::uint64_t round_of(std::uint64_t sum, std::uint64_t lane) {
  return std::rotl(sum + lane * kPrime2, 31) * kPrime1;
}
std::uint64_t merged(std::uint64_t sum, std::uint64_t lane) {
  return (sum ^ round_of(0, lane)) * kPrime1 + kPrime4;
}

std::uint64_t finished(std::uint64_t sum, const char* at, const char* end) {
  for (; end - at >= 8; at += 8) sum = std::rotl(sum ^ round_of(0, read<std::uint64_t>(at)), 27) * kPrime1 + kPrime4;
  if (end - at >= 4) {
    sum = std::rotl(sum ^ read<std::uint32_t>(at) * kPrime1, 23) * kPrime2 + kPrime3;
    at += 4;
  }
  for (; at != end; ++at) sum = std::rotl(sum ^ static_cast<unsigned char>(*at) * kPrime5, 11) * kPrime1;
  sum = (sum ^ (sum >> 33U)) * kPrime2;
  sum = (sum ^ (sum >> 29U)) * kPrime3;
  return sum ^ (sum >> 32U);
}

}  // namespace

std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  std::uint64_t sum = seed + kPrime5;
  if (bytes.size() >= kStripe) {
    std::uint64_t lanes[] = {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1};
    do {
      for (auto& lane : lanes) {
        lane = round_of(lane, read<std::uint64_t>(at));
        at += 8;
      }
    } while (end - at >= static_cast<std::ptrdiff_t>(kStripe));
    sum = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (const auto lane : lanes) sum = merged(sum, lane);
  }
  return finished(sum + bytes.size(), at, end);
}

}  // namespace serin::count
