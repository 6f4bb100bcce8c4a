#include "agent/report/message_texts.h"

#include <utility>

#include "protocol/limits.h"

namespace serin::report {
namespace {

constexpr std::size_t kTextBytes = 48;  ///< of a text on the wire, beside its words
constexpr std::size_t kKnownMax = 4 * limits::kSignaturesKept;

}  // namespace

void MessageTexts::add(SignatureText text) {
  if (!kept_.insert(text.id).second) return;
  untold_.push_back({.text = std::move(text)});
  if (untold_.size() <= kUntoldMax) return;
  kept_.erase(untold_.front().text.id);
  untold_.pop_front();
}

void MessageTexts::restore(std::vector<SignatureText> untold) {
  for (auto& text : untold) add(std::move(text));
}

void MessageTexts::learn(const count::ErrorCounter& counter, std::int64_t since) {
  for (const auto id : counter.messages_since(since)) {
    if (known_.contains(id) || kept_.contains(id)) continue;
    if (const auto* known = counter.signatures().find(id)) {
      add({.id = id, .rule = known->rule, .text = known->text});
    }
  }
}

std::vector<SignatureText> MessageTexts::tell(std::uint64_t sequence, std::size_t& bytes_left) {
  std::vector<SignatureText> told;
  bool is_full = false;
  for (auto& next : untold_) {
    const auto bytes = kTextBytes + next.text.rule.size() + next.text.text.size();
    is_full = is_full || bytes > bytes_left || told.size() == limits::kSignatureTextsPerReport;
    if (is_full) {
      next.since = 0;
      continue;
    }
    bytes_left -= bytes;
    if (next.since == 0) next.since = sequence;
    told.push_back(next.text);
  }
  return told;
}

void MessageTexts::acknowledged(std::uint64_t sequence) {
  std::erase_if(untold_, [&](const Untold& told) {
    if (told.since == 0 || told.since > sequence) return false;
    kept_.erase(told.text.id);
    known_.insert(told.text.id);
    return true;
  });
  // Ids that nobody logs any more must not pile up; what is counted again is told again.
  if (known_.size() > kKnownMax) known_.clear();
}

void MessageTexts::new_session() {
  for (auto& told : untold_) told.since = 0;
  known_.clear();
}

std::vector<SignatureText> MessageTexts::untold() const {
  std::vector<SignatureText> all;
  all.reserve(untold_.size());
  for (const auto& next : untold_) all.push_back(next.text);
  return all;
}

}  // namespace serin::report
