#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace serin::count {

/// What a byte of a log line is; several may hold. Bytes are Latin-1 or UTF-8: all beyond ASCII are letters.
enum ByteClass : std::uint8_t {
  kDigit = 1,
  kHexLetter = 2,    ///< a-f, A-F
  kOtherLetter = 4,  ///< the rest of the letters, and '_'
  kBlank = 8,        ///< blanks and control characters
  kPathOnly = 16,    ///< may stand in a path, besides words
  kOpens = 32,       ///< what comes after it is a token of its own: ( [ { < = , ; : / |
};
inline constexpr std::uint8_t kWord = kDigit | kHexLetter | kOtherLetter;
inline constexpr std::uint8_t kPath = kWord | kPathOnly;

inline constexpr std::array<std::uint8_t, 256> kByteClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    auto& kind = classes[byte];
    const unsigned low = byte | 0x20U;
    if (byte <= ' ' || byte == 0x7F) kind = kBlank;
    if (byte >= '0' && byte <= '9') kind = kDigit;
    if (low >= 'a' && low <= 'z' && byte < 0x80) kind = low <= 'f' ? kHexLetter : kOtherLetter;
    if (byte == '_' || byte >= 0x80) kind = kOtherLetter;
  }
  for (const char byte : std::string_view(R"(.-+~%@=$!^*\/)")) classes[static_cast<unsigned char>(byte)] |= kPathOnly;
  for (const char byte : std::string_view("([{<=,;:/|")) classes[static_cast<unsigned char>(byte)] |= kOpens;
  return classes;
}();

inline std::uint8_t class_of(char byte) {
  return kByteClasses[static_cast<unsigned char>(byte)];
}
inline bool is_digit(char byte) {
  return (class_of(byte) & kDigit) != 0;
}
inline bool is_blank(char byte) {
  return (class_of(byte) & kBlank) != 0;
}
inline bool is_word(char byte) {
  return (class_of(byte) & kWord) != 0;
}

}  // namespace serin::count
