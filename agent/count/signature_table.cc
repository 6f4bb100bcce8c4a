#include "agent/count/signature_table.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "agent/count/redaction.h"
#include "protocol/limits.h"

namespace serin::count {
namespace {

constexpr auto kMinute = std::chrono::seconds{60};
constexpr std::uint32_t kWeightOfOthers = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kSlotsMax = limits::kSignaturesKept;
/// Between two calls of take(); what is more is counted as other messages.
constexpr std::size_t kEvictedMax = limits::kSignaturesKept;
constexpr std::string_view kOthers = "(other messages)";

void count_up(std::uint32_t& count) {
  if (count != std::numeric_limits<std::uint32_t>::max()) ++count;
}

/// At most so many bytes, and no half character of UTF-8 at the end.
std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  const auto continues = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U; };
  std::size_t end = most;
  while (end != 0 && most - end < 3 && continues(end)) --end;
  return text.substr(0, continues(end) ? most : end);
}

std::string sample_of(std::string_view normalised, std::string_view text, Samples samples) {
  switch (samples) {
    case Samples::normalised:
      return std::string(cut(normalised, limits::kSignatureTextBytes));
    case Samples::raw:
      return std::string(cut(redacted(text, limits::kSignatureTextBytes), limits::kSignatureTextBytes));
    case Samples::off:
      break;
  }
  return {};
}

}  // namespace

void SignatureTable::add(std::string_view rule, std::string_view text, SteadyTime now, Samples samples) {
  const Signature signature(text);
  std::size_t at = 0;
  if (const auto found = by_id_.find(signature.id()); found != by_id_.end()) {
    at = found->second;
  } else {
    fade(now);
    auto& owner = rule_of(rule, now);
    if (owner.made == kNewPerMinute || evicted_.size() == kEvictedMax) {
      at = other_of(owner);
      ++other_events_;
    } else {
      ++owner.made;
      at = make(rule, signature, text, samples);
    }
  }
  auto& slot = slots_[at];
  if (slot.added == 0) touched_.push_back(at);
  count_up(slot.added);
  count_up(weights_[at]);
}

std::vector<SignatureCount> SignatureTable::take() {
  std::vector<SignatureCount> all;
  if (touched_.empty() && evicted_.empty()) return all;
  all.reserve(touched_.size() + evicted_.size());
  for (const auto at : touched_) {
    all.push_back({.id = slots_[at].known.id, .count = std::exchange(slots_[at].added, 0)});
  }
  touched_.clear();
  const bool any_evicted = !evicted_.empty();
  all.insert(all.end(), evicted_.begin(), evicted_.end());
  evicted_.clear();
  std::ranges::sort(all, {}, &SignatureCount::id);
  if (!any_evicted) return all;
  // A message may have left and come back.
  std::size_t last = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].id == all[last].id) {
      all[last].count += all[i].count;
    } else {
      all[++last] = all[i];
    }
  }
  all.resize(last + 1);
  return all;
}

const SignatureTable::Known* SignatureTable::find(SignatureId id) const {
  static const Known kOfAllRules{.id = others(), .rule = {}, .text = std::string(kOthers)};
  if (id == kOfAllRules.id) return &kOfAllRules;
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &slots_[found->second].known;
}

SignatureId SignatureTable::others() {
  static const SignatureId id = id_of_text(kOthers);
  return id;
}

SignatureTable::Rule& SignatureTable::rule_of(std::string_view name, SteadyTime now) {
  auto found = std::ranges::find(rules_, name, &Rule::name);
  if (found == rules_.end()) {
    if (rules_.size() == kRulesKept) {
      found = std::prev(rules_.end());
    } else {
      found = rules_.insert(rules_.end(), {.name = std::string(name), .minute = now});
    }
  }
  if (now - found->minute >= kMinute) {
    found->minute = now;
    found->made = 0;
  }
  return *found;
}

std::size_t SignatureTable::make(std::string_view rule, const Signature& signature, std::string_view text,
                                 Samples samples) {
  const auto at = free_slot();
  slots_[at].known = {
      .id = signature.id(), .rule = std::string(rule), .text = sample_of(signature.text(), text, samples)};
  by_id_[signature.id()] = at;
  return at;
}

/// The slot of the message that is told apart no longer, or one that nobody had.
std::size_t SignatureTable::free_slot() {
  const auto others = static_cast<std::size_t>(std::ranges::count_if(rules_, &Rule::has_other));
  if (slots_.size() - others < kSlotsMax) {
    slots_.emplace_back();
    weights_.push_back(0);
    return slots_.size() - 1;
  }
  const auto at = static_cast<std::size_t>(std::ranges::min_element(weights_) - weights_.begin());
  auto& slot = slots_[at];
  if (slot.added != 0) evicted_.push_back({.id = slot.known.id, .count = slot.added});
  if (slot.added != 0) std::erase(touched_, at);
  slot.added = 0;
  by_id_.erase(slot.known.id);
  return at;
}

std::size_t SignatureTable::other_of(Rule& rule) {
  if (rule.has_other) return rule.other;
  std::string text = std::string(kOthers) + " of " + rule.name;
  const auto id = id_of_text(text);
  slots_.push_back(
      {.known = {.id = id, .rule = rule.name, .text = std::string(kOthers)}, .added = 0, .is_other = true});
  weights_.push_back(kWeightOfOthers);
  rule.other = slots_.size() - 1;
  rule.has_other = true;
  by_id_[id] = rule.other;
  return rule.other;
}

void SignatureTable::fade(SteadyTime now) {
  if (now - faded_ < kMinute) return;
  faded_ = now;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].is_other) weights_[i] /= 2;
  }
}

}  // namespace serin::count
