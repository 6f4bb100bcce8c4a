#pragma once

#include <cstdint>
#include <string_view>

namespace serin::count {

/// What stands behind a key in a log line.
enum class SensitiveKey : std::uint8_t {
  none,
  who,     ///< user, ruser, rhost, uid, id, ip, session, reqid ...: says who or which; makes no other message
  secret,  ///< password, token, secret, api_key ...: one word that must not leave the host
  line,    ///< cookie, authorization: all up to the end of the line or quotation
};

/// Of the word before '=' or ':', in any case of letters; its last part decides: "csrf_token" and "accessToken" are
/// tokens. Pure; never fails.
SensitiveKey sensitive_key(std::string_view word);

/// Same ASCII letters, in any case; `lower` has small ones only.
bool equals_in_any_case(std::string_view word, std::string_view lower);

}  // namespace serin::count
