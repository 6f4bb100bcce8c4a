#include "tests/controller/evidence/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <functional>
#include <memory>

namespace serin::evidence {

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
constexpr long kDay = 24L * 3'600;

void need(bool good) {
  if (!good) std::abort();
}

std::string pem_of(const std::function<int(BIO*)>& write) {
  const Bio bio{BIO_new(BIO_s_mem()), &BIO_free};
  need(write(bio.get()) == 1);
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Bio reading(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free};
}

void add_extension(X509* of, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, of, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  need(extension != nullptr && X509_add_ext(of, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

/// Not yet signed.
X509Ptr blank(const std::string& name, EVP_PKEY* key, int days) {
  static long serial = 1;
  X509Ptr made{X509_new(), &X509_free};
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -30 * kDay);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), days * kDay);
  X509_set_pubkey(made.get(), key);
  const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8, text, -1, -1, 0);
  return made;
}

Certificate signed_by(const X509Ptr& made, X509* issuer, EVP_PKEY* issuer_key, const Key& key) {
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
  need(X509_sign(made.get(), issuer_key, EVP_sha256()) > 0);
  return {.certificate = pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, made.get()); }),
          .key = pem_of([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace

Certificate make_authority(const std::string& name) {
  const Key key{EVP_EC_gen("P-256"), &EVP_PKEY_free};
  const X509Ptr made = blank(name, key.get(), 1);
  add_extension(made.get(), made.get(), NID_basic_constraints, "critical,CA:TRUE");
  return signed_by(made, made.get(), key.get(), key);
}

Certificate make_certificate(const Certificate& authority, const std::string& subject, int days) {
  const X509Ptr issuer{PEM_read_bio_X509(reading(authority.certificate).get(), nullptr, nullptr, nullptr), &X509_free};
  const Key issuer_key{PEM_read_bio_PrivateKey(reading(authority.key).get(), nullptr, nullptr, nullptr),
                       &EVP_PKEY_free};
  need(issuer && issuer_key);
  const Key key{EVP_EC_gen("P-256"), &EVP_PKEY_free};
  const X509Ptr made = blank(subject, key.get(), days);
  const bool address = subject.find_first_not_of("0123456789.") == std::string::npos;
  add_extension(made.get(), issuer.get(), NID_subject_alt_name, (address ? "IP:" : "DNS:") + subject);
  return signed_by(made, issuer.get(), issuer_key.get(), key);
}

}  // namespace serin::evidence
