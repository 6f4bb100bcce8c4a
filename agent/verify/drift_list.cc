#include "agent/verify/drift_list.h"

#include <algorithm>
#include <utility>

#include "protocol/limits.h"

namespace serin::drift {

namespace {

constexpr std::size_t kPathsBytesMax = 4U << 20;

/// '/' is less than every byte that a name may have.
unsigned rank(char c) {
  return c == '/' ? 0U : static_cast<unsigned char>(c);
}

}  // namespace

void DriftList::add(std::string path, DriftKind kind) {
  switch (kind) {
    case DriftKind::missing:
      ++counts_.missing;
      break;
    case DriftKind::extra:
      ++counts_.extra;
      break;
    case DriftKind::changed:
      ++counts_.changed;
      break;
    case DriftKind::mode:
      ++counts_.mode;
      break;
    case DriftKind::mtime:
      ++counts_.mtime;
      break;
    case DriftKind::unknown:
      return;
  }
  if (kept_.size() >= limits::kDriftsKept || bytes_ + path.size() > kPathsBytesMax) return;
  bytes_ += path.size();
  kept_.push_back({.path = std::move(path), .kind = kind});
}

std::vector<Drift> first_drifts(const std::vector<Drift>& all) {
  std::vector<Drift> first;
  std::size_t bytes = 0;
  for (const Drift& drift : all) {
    bytes += drift.path.size();
    if (first.size() >= limits::kDriftListed || bytes > limits::kDriftListedBytes) break;
    first.push_back(drift);
  }
  return first;
}

bool walks_before(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(a, b, {}, rank, rank);
}

}  // namespace serin::drift
