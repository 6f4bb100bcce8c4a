#include "controller/fleet/trusted_spans.h"

#include <algorithm>
#include <chrono>

namespace serin::fleet {

void TrustedSpans::begin(SteadyTime from) {
  if (cut_until_) from = std::max(from, *cut_until_);
  while (!spans_.empty() && (!spans_.back().until || *spans_.back().until >= from)) {
    from = std::min(from, spans_.back().from);
    spans_.pop_back();
  }
  spans_.push_back({.from = from, .until = {}});
  if (spans_.size() > kKept) spans_.erase(spans_.begin());
}

void TrustedSpans::end(SteadyTime at) {
  if (!since()) return;
  spans_.back().until = at;
  if (at <= spans_.back().from) spans_.pop_back();
}

void TrustedSpans::cut(SteadyTime from, SteadyTime until) {
  std::vector<Span> left;
  for (const Span& span : spans_) {
    if (span.from < from) left.push_back({span.from, std::min(span.until.value_or(from), from)});
    if (!span.until || *span.until > until) left.push_back({std::max(span.from, until), span.until});
  }
  spans_ = std::move(left);
  cut_until_ = std::max(cut_until_.value_or(until), until);
}

std::optional<SteadyTime> TrustedSpans::since() const {
  if (spans_.empty() || spans_.back().until) return std::nullopt;
  return spans_.back().from;
}

std::vector<SecondSpan> TrustedSpans::seconds_before(std::int64_t until) const {
  std::vector<SecondSpan> seconds;
  for (const Span& span : spans_) {
    const SecondSpan whole{
        .from = std::chrono::ceil<std::chrono::seconds>(span.from.time_since_epoch()).count(),
        .until = std::min(until, span.until ? second_of(*span.until) : until),
    };
    if (whole.from < whole.until) seconds.push_back(whole);
  }
  return seconds;
}

}  // namespace serin::fleet
