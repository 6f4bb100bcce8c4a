#include "agent/count/file_position.h"

#include <cstring>

#include "protocol/digest.h"

namespace serin::count {

std::uint64_t hash_of_head(std::string_view head) {
  std::uint64_t hash = 0;
  const auto digest = digest_of(head);
  std::memcpy(&hash, digest.raw().data(), sizeof hash);
  return hash;
}

}  // namespace serin::count
