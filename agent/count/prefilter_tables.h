#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "agent/count/prefilter.h"
#include "agent/count/required_literals.h"

/// What the ways of a Prefilter share: its tables, and how a place that they suspect is looked at.
namespace serin::count {

struct Prefilter::Tables {
  static constexpr std::size_t kBuckets = 8;

  /// Four bytes of a literal, and all of it.
  struct Window {
    std::uint32_t value = 0, mask = 0;
    std::size_t offset = 0;  ///< in the literal
    std::string literal;
    RuleBits rules = 0;
  };

  /// Of each place in a window: the buckets that have a byte with this lower, and this upper, half there.
  alignas(16) std::array<std::array<std::uint8_t, 16>, kWindowBytes> low{}, high{};
  /// Both in one, by the whole byte.
  std::array<std::array<std::uint8_t, 256>, kWindowBytes> whole{};
  std::array<std::vector<Window>, kBuckets> buckets;
  bool empty = true;

  /// The rules whose literals lie around the window at `at`.
  [[nodiscard]] RuleBits look(std::string_view text, std::size_t at, unsigned suspects) const {
    std::uint32_t value = 0;
    std::memcpy(&value, text.data() + at, std::min(sizeof(value), text.size() - at));
    RuleBits rules = 0;
    for (; suspects != 0; suspects &= suspects - 1) {
      for (const Window& window : buckets[static_cast<std::size_t>(__builtin_ctz(suspects))]) {
        if ((value & window.mask) != window.value || window.offset > at) continue;
        if (text.substr(at - window.offset).starts_with(window.literal)) rules |= window.rules;
      }
    }
    return rules;
  }

  /// The buckets that the window at `at` may be in. Bytes behind the text's end are like any.
  [[nodiscard]] unsigned suspects(std::string_view text, std::size_t at) const {
    unsigned found = whole[0][static_cast<std::uint8_t>(text[at])];
    for (std::size_t i = 1; i < kWindowBytes && found != 0 && at + i < text.size(); ++i) {
      found &= whole[i][static_cast<std::uint8_t>(text[at + i])];
    }
    return found;
  }
};

/// Where hits go.
class HitSink {
 public:
  HitSink(const Prefilter::Tables& tables, std::string_view text, std::span<Prefilter::Hit> hits)
      : tables_(tables), text_(text), hits_(hits) {}

  /// One place that may have a literal; false when there is no room for a hit.
  bool suspect(std::size_t at, unsigned buckets) {
    const auto rules = tables_.look(text_, at, buckets);
    if (rules == 0) return true;
    if (count_ == hits_.size()) return false;
    hits_[count_++] = {.at = static_cast<std::uint32_t>(at), .rules = rules};
    return true;
  }
  [[nodiscard]] Prefilter::Found found(std::size_t until) const { return {.hits = count_, .until = until}; }

 private:
  const Prefilter::Tables& tables_;
  std::string_view text_;
  std::span<Prefilter::Hit> hits_;
  std::size_t count_ = 0;
};

/// From `from` to the end, one place after the other.
inline Prefilter::Found find_scalar(const Prefilter::Tables& tables, std::string_view text, std::size_t from,
                                    HitSink& sink) {
  for (std::size_t at = from; at < text.size(); ++at) {
    const auto suspects = tables.suspects(text, at);
    if (suspects != 0 && !sink.suspect(at, suspects)) return sink.found(at);
  }
  return sink.found(text.size());
}

/// The same by vectors; the last places by find_scalar(). Only where the processor can: see Prefilter::ways().
Prefilter::Found find_ssse3(const Prefilter::Tables& tables, std::string_view text, std::size_t from, HitSink& sink);
Prefilter::Found find_avx2(const Prefilter::Tables& tables, std::string_view text, std::size_t from, HitSink& sink);
Prefilter::Found find_neon(const Prefilter::Tables& tables, std::string_view text, std::size_t from, HitSink& sink);
std::size_t count_newlines_sse2(std::string_view text);
std::size_t count_newlines_avx2(std::string_view text);
std::size_t count_newlines_neon(std::string_view text);

}  // namespace serin::count
