#include "protocol/posix/key_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "protocol/digest.h"
#include "protocol/posix/files.h"

namespace serin::posix {

namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kFileBytesMax = 256;

/// The stored secret, or a new one made by `make` when there is no file.
template <class Make>
Result<std::string> load_or_make_secret(const std::filesystem::path& file, const Make& make) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) {
    if (errno != ENOENT) return std::unexpected(errno_error("read the key " + file.string(), errno));
    if (auto made = make_folders(file.parent_path(), 0700); !made) return std::unexpected(made.error());
    std::string secret = make();
    if (auto stored = replace_file(file, to_hex(secret) + "\n", 0600); !stored) return std::unexpected(stored.error());
    return secret;
  }
  if ((info.st_mode & 077U) != 0) {
    return failure(ErrorKind::refused, fmt::format("the secret key {} can be read by others (mode {:o}): chmod 600 {}",
                                                   file.string(), info.st_mode & 07777U, file.string()));
  }
  auto text = read_file(file, kFileBytesMax);
  if (!text) return std::unexpected(text.error());
  while (!text->empty() && (text->back() == '\n' || text->back() == ' ')) text->pop_back();
  auto secret = from_hex(*text);
  if (!secret || secret->size() != kKeyBytes) {
    return failure(ErrorKind::corrupt,
                   fmt::format("{} holds no key (64 hexadecimal digits): restore it from a backup, or remove it and "
                               "distribute the new public key",
                               file.string()));
  }
  return *secret;
}

Result<void> write_public_key(const std::filesystem::path& file, const std::string& public_key) {
  const std::filesystem::path beside = file.string() + ".pub";
  const std::string text = to_hex(public_key) + "\n";
  if (const auto there = read_file(beside, kFileBytesMax); there && *there == text) return {};
  return replace_file(beside, text, 0644);
}

}  // namespace

Result<CurveKeys> load_or_make_curve_keys(const std::filesystem::path& file) {
  auto secret = load_or_make_secret(file, [] { return make_curve_keys().secret_key; });
  if (!secret) return std::unexpected(secret.error());
  auto keys = curve_keys_from_secret(*secret);
  if (!keys) return keys;
  if (auto written = write_public_key(file, keys->public_key); !written) return std::unexpected(written.error());
  return keys;
}

Result<SigningKey> load_or_make_signing_key(const std::filesystem::path& file) {
  auto secret = load_or_make_secret(file, [] { return random_bytes(kKeyBytes); });
  if (!secret) return std::unexpected(secret.error());
  auto key = signing_key_from_seed(*secret);
  if (!key) return key;
  if (auto written = write_public_key(file, key->public_key); !written) return std::unexpected(written.error());
  return key;
}

}  // namespace serin::posix
