#include "agent/count/signature_table.h"

#include <fmt/format.h>

#include <cstring>

#include "protocol/digest.h"
#include "protocol/limits.h"

namespace serin::count {
void SignatureTable::add(std::string_view rule, std::string_view text, SteadyTime /*now*/) {
  const auto digest = digest_of(fmt::format("{}\n{}", rule, text)).hex();
  const SignatureId id = std::stoull(digest.substr(0, 16), nullptr, 16);
  if (!known_.contains(id)) {
    if (known_.size() >= limits::kSignaturesKept) return;
    known_[id] = {
        .id = id, .rule = std::string(rule), .text = std::string(text.substr(0, limits::kSignatureTextBytes))};
  }
  ++added_[id];
}

std::vector<SignatureCount> SignatureTable::take() {
  std::vector<SignatureCount> all;
  all.reserve(added_.size());
  for (const auto& [id, count] : added_) all.push_back({.id = id, .count = count});
  added_.clear();
  return all;
}

const SignatureTable::Known* SignatureTable::find(SignatureId id) const {
  const auto found = known_.find(id);
  return found == known_.end() ? nullptr : &found->second;
}

}  // namespace serin::count
