#include "protocol/signature.h"

#include <openssl/evp.h>

#include <memory>

namespace serin {

namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kSignatureBytes = 64;

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

/// A domain holds no NUL, so no two pairs of domain and bytes look alike.
std::string in_domain(std::string_view domain, std::string_view bytes) {
  std::string all(domain);
  all.push_back('\0');
  all += bytes;
  return all;
}

}  // namespace

Result<SigningKey> signing_key_from_seed(std::string_view seed) {
  if (seed.size() != kKeyBytes) return failure(ErrorKind::invalid, "a signing key has 32 secret bytes");
  const Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw(seed), seed.size()));
  SigningKey pair{.seed = std::string(seed), .public_key = std::string(kKeyBytes, '\0')};
  std::size_t size = kKeyBytes;
  if (!key ||
      EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(pair.public_key.data()), &size) != 1) {
    return failure(ErrorKind::invalid, "OpenSSL does not take this signing key");
  }
  return pair;
}

std::string sign(const SigningKey& key, std::string_view domain, std::string_view bytes) {
  const std::string all = in_domain(domain, bytes);
  const Key secret(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw(key.seed), key.seed.size()));
  const Context context(EVP_MD_CTX_new());
  std::string signature(kSignatureBytes, '\0');
  std::size_t size = signature.size();
  if (!secret || !context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, secret.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, raw(all), all.size()) !=
          1) {
    return {};
  }
  return signature;
}

bool verify(const std::vector<std::string>& trusted, std::string_view domain, std::string_view bytes,
            std::string_view signature) {
  if (signature.size() != kSignatureBytes) return false;
  const std::string all = in_domain(domain, bytes);
  for (const std::string& public_key : trusted) {
    if (public_key.size() != kKeyBytes) continue;
    const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(public_key), public_key.size()));
    const Context context(EVP_MD_CTX_new());
    if (key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
        EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(all), all.size()) == 1) {
      return true;
    }
  }
  return false;
}

}  // namespace serin
