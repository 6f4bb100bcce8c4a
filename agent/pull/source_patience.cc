#include "agent/pull/source_patience.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "protocol/text.h"

namespace serin::pull {

using namespace std::chrono_literals;

std::uint64_t SourcePatience::least(std::uint64_t left) const {
  return std::clamp<std::uint64_t>(left / (kAllWithin / kSlowLook), bounds_.slow_bytes, bounds_.slow_bytes_of_much);
}

std::optional<SourcePatience::Trouble> SourcePatience::check(SteadyTime now, bool owes, std::uint64_t bytes,
                                                             std::uint64_t left) {
  if (now - heard_ > bounds_.silence) {
    return Trouble{.text = fmt::format("did not answer for {} s", bounds_.silence / 1s), .is_silence = true};
  }
  if (now - news_ > bounds_.nothing_new) {
    return Trouble{.text = fmt::format("sent nothing new for {} s", bounds_.nothing_new / 1s)};
  }
  const Duration looked = now - slow_since_;
  const bool is_slow = owes && looked > kSlowLook && looked <= 2 * kSlowLook && bytes - slow_from_ < least(left);
  if (is_slow) {
    return Trouble{.text = fmt::format("sent only {} in {} s with {} left", bytes_text(bytes - slow_from_),
                                       kSlowLook / 1s, bytes_text(left))};
  }
  if (!owes || looked > kSlowLook) {
    slow_since_ = now;
    slow_from_ = bytes;
  }
  return std::nullopt;
}

}  // namespace serin::pull
