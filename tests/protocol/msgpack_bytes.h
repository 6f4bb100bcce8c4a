#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// msgpack by hand (https://github.com/msgpack/msgpack/blob/master/spec.md), so that it can be wrong, and so that no
/// test compares the library with itself. A map is map(n) followed by n keys and values.
namespace serin::bytes {

inline std::string big_endian(std::uint64_t value, unsigned count) {
  std::string all;
  while (count-- > 0) all.push_back(static_cast<char>(value >> (8U * count)));
  return all;
}

inline std::string map(std::uint32_t pairs) {
  if (pairs < 16) return {static_cast<char>(0x80U | pairs)};
  return '\xde' + big_endian(pairs, 2);
}
inline std::string list(std::uint32_t items) {
  if (items < 16) return {static_cast<char>(0x90U | items)};
  return '\xdc' + big_endian(items, 2);
}
inline std::string text(std::string_view value) {
  if (value.size() < 32) return static_cast<char>(0xa0U | value.size()) + std::string(value);
  return '\xdb' + big_endian(value.size(), 4) + std::string(value);
}
inline std::string blob(std::string_view value) {
  return '\xc6' + big_endian(value.size(), 4) + std::string(value);
}
inline std::string number(std::uint64_t value) {
  if (value < 128) return {static_cast<char>(value)};
  return '\xcf' + big_endian(value, 8);
}
inline std::string negative(std::int64_t value) {
  return '\xd3' + big_endian(static_cast<std::uint64_t>(value), 8);
}
inline const std::string kNil = "\xc0";
inline const std::string kFalse = "\xc2";
inline const std::string kTrue = "\xc3";
inline const std::string kHalf = "\xcb\x3f\xe0" + std::string(6, '\0');  ///< 0.5

/// `depth` lists in each other.
inline std::string nested_lists(std::size_t depth) {
  return std::string(depth, '\x91') + kNil;
}

}  // namespace serin::bytes
