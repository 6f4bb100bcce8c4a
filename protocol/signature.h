#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"

namespace serin {

/// Ed25519 by OpenSSL. Keys are 32 raw bytes; in files and configuration 64 hexadecimal digits.
struct SigningKey {
  std::string seed;        ///< secret, 32 bytes
  std::string public_key;  ///< 32 bytes
};

/// The key pair that belongs to 32 random bytes.
Result<SigningKey> signing_key_from_seed(std::string_view seed);

/// 64 bytes over `domain`, a NUL and `bytes`: a signature made for one purpose is worth nothing for another.
std::string sign(const SigningKey& key, std::string_view domain, std::string_view bytes);

/// True when one of `trusted` made `signature` over exactly these bytes.
bool verify(const std::vector<std::string>& trusted, std::string_view domain, std::string_view bytes,
            std::string_view signature);

inline constexpr std::string_view kReleaseDomain = "serin-release-v1";

}  // namespace serin
