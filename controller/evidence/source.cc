#include "controller/evidence/source.h"

#include <algorithm>

namespace serin::evidence {

std::int64_t watermark(const Source& source, std::span<const std::size_t> hosts, std::int64_t from, std::int64_t most) {
  std::int64_t second = from;
  const auto complete = [&](std::size_t host) { return source.complete(host, second); };
  while (second < most && std::all_of(hosts.begin(), hosts.end(), complete)) ++second;
  return second;
}

}  // namespace serin::evidence
