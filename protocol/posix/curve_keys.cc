#include "protocol/posix/curve_keys.h"

#include <fmt/format.h>
#include <zmq.h>

#include <array>
#include <optional>
#include <stdexcept>

#include "protocol/digest.h"

namespace serin::posix {

namespace {

constexpr std::size_t kZ85Bytes = 40;

std::string z85_of(std::string_view key) {
  std::array<char, kZ85Bytes + 1> text{};
  ::zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
  return {text.data(), kZ85Bytes};
}

/// Nothing when it is not Z85.
std::optional<std::string> from_z85(const std::string& text) {
  std::string key(kCurveKeyBytes, '\0');
  if (text.size() != kZ85Bytes) return std::nullopt;
  if (::zmq_z85_decode(reinterpret_cast<std::uint8_t*>(key.data()), text.c_str()) == nullptr) return std::nullopt;
  return key;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

CurveKeys make_curve_keys() {
  std::array<char, kZ85Bytes + 1> public_text{};
  std::array<char, kZ85Bytes + 1> secret_text{};
  if (::zmq_curve_keypair(public_text.data(), secret_text.data()) != 0) {
    throw std::runtime_error("libzmq was built without CURVE");
  }
  return {from_z85(public_text.data()).value(), from_z85(secret_text.data()).value()};
}

Result<std::string> curve_key_from_text(std::string_view text) {
  text = trimmed(text);
  if (text.size() == 2 * kCurveKeyBytes) {
    if (auto key = from_hex(text)) return *key;
  } else if (auto key = from_z85(std::string(text))) {
    return *key;
  }
  // Not the text itself: it may be a secret with a typing error.
  return failure(ErrorKind::invalid,
                 fmt::format("{} characters that are no key: 64 hexadecimal digits or 40 of Z85 are", text.size()));
}

Result<CurveKeys> curve_keys_from_secret(std::string_view secret_key) {
  if (secret_key.size() != kCurveKeyBytes) {
    return failure(ErrorKind::invalid,
                   fmt::format("a secret key has {} bytes, this has {}", kCurveKeyBytes, secret_key.size()));
  }
  std::array<char, kZ85Bytes + 1> public_text{};
  if (::zmq_curve_public(public_text.data(), z85_of(secret_key).c_str()) != 0) {
    return failure(ErrorKind::invalid, "no public key belongs to this secret key");
  }
  return CurveKeys{from_z85(public_text.data()).value(), std::string(secret_key)};
}

}  // namespace serin::posix
