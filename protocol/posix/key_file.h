#pragma once

#include <filesystem>
#include <string>

#include "protocol/error.h"
#include "protocol/posix/link_socket.h"
#include "protocol/signature.h"

namespace serin::posix {

/// Secret keys live in files of their own: 64 hexadecimal digits and a newline, mode 0600, with the public key beside
/// it in NAME.pub (0644). Made at the first start and never replaced; `refused` when a secret can be read by others,
/// `corrupt` when the file holds no key.
Result<CurveKeys> load_or_make_curve_keys(const std::filesystem::path& file);
Result<SigningKey> load_or_make_signing_key(const std::filesystem::path& file);

}  // namespace serin::posix
