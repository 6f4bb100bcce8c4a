#include "agent/count/sensitive_key.h"

#include <cstddef>

namespace serin::count {
namespace {

struct Known {
  std::string_view key;
  SensitiveKey kind;
};
constexpr Known kKnown[] = {
    {"user", SensitiveKey::who},
    {"ruser", SensitiveKey::who},
    {"username", SensitiveKey::who},
    {"logname", SensitiveKey::who},
    {"rhost", SensitiveKey::who},
    {"uid", SensitiveKey::who},
    {"euid", SensitiveKey::who},
    {"gid", SensitiveKey::who},
    {"id", SensitiveKey::who},
    {"ip", SensitiveKey::who},
    {"session", SensitiveKey::who},
    {"reqid", SensitiveKey::who},
    {"email", SensitiveKey::who},
    {"token", SensitiveKey::secret},
    {"password", SensitiveKey::secret},
    {"passwd", SensitiveKey::secret},
    {"pwd", SensitiveKey::secret},
    {"secret", SensitiveKey::secret},
    {"pass", SensitiveKey::secret},
    {"passphrase", SensitiveKey::secret},
    {"auth", SensitiveKey::secret},
    {"access_key", SensitiveKey::secret},
    {"private_key", SensitiveKey::secret},
    {"secret_access_key", SensitiveKey::secret},
    {"apikey", SensitiveKey::secret},
    {"api_key", SensitiveKey::secret},
    {"sessionid", SensitiveKey::secret},
    {"phpsessid", SensitiveKey::secret},
    {"cookie", SensitiveKey::line},
    {"cookies", SensitiveKey::line},
    {"authorization", SensitiveKey::line},
};

char lowered(char byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}
bool is_capital(char byte) {
  return byte >= 'A' && byte <= 'Z';
}

}  // namespace

bool equals_in_any_case(std::string_view word, std::string_view lower) {
  if (word.size() != lower.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (lowered(word[i]) != lower[i]) return false;
  }
  return true;
}

SensitiveKey sensitive_key(std::string_view word) {
  for (const auto& [key, kind] : kKnown) {
    if (word.size() < key.size()) continue;
    const auto start = word.size() - key.size();
    const bool own_part =
        start == 0 || word[start - 1] == '_' || (is_capital(word[start]) && !is_capital(word[start - 1]));
    if (own_part && equals_in_any_case(word.substr(start), key)) return kind;
  }
  return SensitiveKey::none;
}

}  // namespace serin::count
