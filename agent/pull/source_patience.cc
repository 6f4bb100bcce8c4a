#include "agent/pull/source_patience.h"

#include <fmt/format.h>

#include <chrono>

#include "protocol/text.h"

namespace serin::pull {

using namespace std::chrono_literals;

std::optional<SourcePatience::Trouble> SourcePatience::check(SteadyTime now, bool owes, std::uint64_t bytes) {
  if (now - heard_ > bounds_.silence) {
    return Trouble{.text = fmt::format("did not answer for {} s", bounds_.silence / 1s), .is_silence = true};
  }
  if (now - news_ > bounds_.nothing_new) {
    return Trouble{.text = fmt::format("sent nothing new for {} s", bounds_.nothing_new / 1s)};
  }
  const Duration looked = now - slow_since_;
  const bool is_slow = owes && looked > kSlowLook && looked <= 2 * kSlowLook && bytes - slow_from_ < bounds_.slow_bytes;
  if (is_slow) {
    return Trouble{.text = fmt::format("sent only {} in {} s", bytes_text(bytes - slow_from_), kSlowLook / 1s)};
  }
  if (!owes || looked > kSlowLook) {
    slow_since_ = now;
    slow_from_ = bytes;
  }
  return std::nullopt;
}

}  // namespace serin::pull
