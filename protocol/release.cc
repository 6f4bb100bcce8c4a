#include "protocol/release.h"

#include <fmt/format.h>

#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin {

template <class V>
void fields(V& v, Release& m) {
  v("application", m.application);
  v("number", m.number);
  v("root", m.root);
  v("parent", m.parent);
  v("author", m.author);
  v("message", m.message);
  v("created_s", m.created_s);
  v("files", m.files);
  v("bytes", m.bytes);
}

}  // namespace serin

// After the fields, so that they are found by the codec.
#include "protocol/wire_codec.h"

namespace serin {

std::string encode_release(const Release& release) {
  Release copy = release;
  return codec::encode_map(copy);
}

Result<Release> decode_release(std::string_view record) {
  if (record.size() > limits::kReleaseRecordBytesMax)
    return failure(ErrorKind::corrupt, "the release record is too long");
  auto release = codec::decode_map<Release>(record, {.string_bytes_max = limits::kMessageBytesKept});
  if (!release) return failure(ErrorKind::corrupt, "release record: " + release.error().text);
  if (!is_plain_name(release->application, limits::kApplicationNameBytesMax) || release->number == 0 ||
      release->root.is_nothing()) {
    return failure(ErrorKind::corrupt, "release record: application, number or root is missing");
  }
  return release;
}

SignedRelease sign_release(const SigningKey& key, const Release& release) {
  std::string record = encode_release(release);
  std::string signature = sign(key, kReleaseDomain, record);
  return {.record = std::move(record), .signature = std::move(signature)};
}

Result<Release> open_release(const SignedRelease& signed_release, const std::vector<std::string>& trusted_keys) {
  if (signed_release.record.size() > limits::kReleaseRecordBytesMax ||
      !verify(trusted_keys, kReleaseDomain, signed_release.record, signed_release.signature)) {
    return failure(ErrorKind::refused,
                   "no key in release_keys signed this release: compare with `serin-controller --print-keys`");
  }
  return decode_release(signed_release.record);
}

}  // namespace serin
