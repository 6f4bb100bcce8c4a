#include "protocol/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace serin {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

int digit_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  std::string digits;
  digits.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    digits.push_back(kDigits[value >> 4U]);
    digits.push_back(kDigits[value & 15U]);
  }
  return digits;
}

std::optional<std::string> from_hex(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(digits.size() / 2);
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const int high = digit_value(digits[i]);
    const int low = digit_value(digits[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

std::string_view ObjectId::raw() const {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string ObjectId::hex() const {
  return to_hex(raw());
}

std::optional<ObjectId> ObjectId::from_raw(std::string_view raw_bytes) {
  ObjectId id;
  if (raw_bytes.size() != id.bytes.size()) return std::nullopt;
  std::memcpy(id.bytes.data(), raw_bytes.data(), id.bytes.size());
  return id;
}

std::optional<ObjectId> ObjectId::from_hex(std::string_view digits) {
  const auto raw_bytes = serin::from_hex(digits);
  return raw_bytes ? from_raw(*raw_bytes) : std::nullopt;
}

struct Sha256::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  Context() { begin(); }
  ~Context() { EVP_MD_CTX_free(evp); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  void begin() const {
    if (evp == nullptr || EVP_DigestInit_ex(evp, EVP_sha256(), nullptr) != 1) {
      throw std::runtime_error("OpenSSL cannot compute SHA-256");
    }
  }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) {
  if (EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) != 1) {
    throw std::runtime_error("OpenSSL cannot compute SHA-256");
  }
}

ObjectId Sha256::finish() {
  ObjectId id;
  unsigned size = 0;
  if (EVP_DigestFinal_ex(context_->evp, id.bytes.data(), &size) != 1) {
    throw std::runtime_error("OpenSSL cannot compute SHA-256");
  }
  context_->begin();
  return id;
}

ObjectId digest_of(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace serin

std::size_t std::hash<serin::ObjectId>::operator()(const serin::ObjectId& id) const noexcept {
  std::size_t value = 0;
  std::memcpy(&value, id.bytes.data(), sizeof value);
  return value;
}
