#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/error.h"

namespace serin::posix {

inline constexpr std::size_t kCurveKeyBytes = 32;

/// A CURVE key pair: 32 raw bytes each. In files: Z85 or 64 hex digits are both read, hex is written.
struct CurveKeys {
  std::string public_key, secret_key;
};
CurveKeys make_curve_keys();
/// A key as people and files write it (Z85 or 64 hex digits, spaces around it ignored), as 32 raw bytes.
Result<std::string> curve_key_from_text(std::string_view text);
/// The public key that belongs to a secret one of 32 raw bytes.
Result<CurveKeys> curve_keys_from_secret(std::string_view secret_key);

}  // namespace serin::posix
