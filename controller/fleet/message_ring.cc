#include "controller/fleet/message_ring.h"

#include <algorithm>

#include "protocol/limits.h"

namespace serin::fleet {

namespace {

constexpr std::int64_t kTen = 10;

std::int64_t first_of_ten(std::int64_t second) {
  return second - ((second % kTen) + kTen) % kTen;
}

}  // namespace

void MessageRing::put(std::int64_t second, const std::vector<SignatureCount>& counts, bool known_before) {
  const std::int64_t newest = std::max(second, fine_.empty() ? second : fine_.rbegin()->first);
  if (second <= newest - kFineSeconds) {
    if (!known_before && second > newest - limits::kLedgerFine.count()) add_to_ten(second, counts);
  } else if (const auto known = fine_.find(second); known != fine_.end()) {
    entries_ = entries_ - known->second.size() + counts.size();
    known->second = counts;
  } else if (!counts.empty()) {
    entries_ += counts.size();
    fine_.emplace(second, counts);
  }
  forget_old(newest);
}

void MessageRing::add_to_ten(std::int64_t second, const Row& counts) {
  Row& ten = tens_[first_of_ten(second)];
  entries_ -= ten.size();
  for (const SignatureCount& next : counts) {
    const auto at = std::lower_bound(ten.begin(), ten.end(), next.id,
                                     [](const SignatureCount& known, SignatureId id) { return known.id < id; });
    if (at != ten.end() && at->id == next.id) {
      at->count += std::min(next.count, UINT32_MAX - at->count);
    } else {
      ten.insert(at, next);
    }
  }
  entries_ += ten.size();
}

void MessageRing::forget_old(std::int64_t newest) {
  while (!fine_.empty() && fine_.begin()->first <= newest - kFineSeconds) {
    const auto oldest = fine_.begin();
    entries_ -= oldest->second.size();
    add_to_ten(oldest->first, oldest->second);
    fine_.erase(oldest);
  }
  while (!tens_.empty() &&
         (entries_ > kEntriesMax || tens_.begin()->first + kTen <= newest - limits::kLedgerFine.count())) {
    entries_ -= tens_.begin()->second.size();
    tens_.erase(tens_.begin());
  }
  while (entries_ > kEntriesMax) {
    entries_ -= fine_.begin()->second.size();
    fine_.erase(fine_.begin());
  }
}

const std::vector<SignatureCount>& MessageRing::at(std::int64_t second) const {
  static const Row nothing;
  const auto found = fine_.find(second);
  return found == fine_.end() ? nothing : found->second;
}

void MessageRing::add_since(std::int64_t since, std::map<SignatureId, std::uint64_t>& sums) const {
  for (auto ten = tens_.lower_bound(first_of_ten(since)); ten != tens_.end(); ++ten) {
    for (const SignatureCount& counted : ten->second) sums[counted.id] += counted.count;
  }
  for (auto second = fine_.lower_bound(since); second != fine_.end(); ++second) {
    for (const SignatureCount& counted : second->second) sums[counted.id] += counted.count;
  }
}

}  // namespace serin::fleet
