#include "agent/count/prefilter_tables.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif
#ifdef __aarch64__
#include <arm_neon.h>
#endif

namespace serin::count {
namespace {

/// One window more than a vector of places must lie in the text: its bytes are loaded at four places.
constexpr std::size_t kMore = kWindowBytes - 1;

}  // namespace

#ifdef __x86_64__
namespace {

const __m128i* as_vector(const void* bytes) {
  return static_cast<const __m128i*>(bytes);
}

}  // namespace

[[gnu::target("ssse3")]] Prefilter::Found find_ssse3(const Prefilter::Tables& tables, std::string_view text,
                                                     std::size_t from, HitSink& sink) {
  const __m128i nibble = _mm_set1_epi8(0x0f);
  __m128i low[kWindowBytes], high[kWindowBytes];
  for (std::size_t i = 0; i < kWindowBytes; ++i) {
    low[i] = _mm_load_si128(as_vector(tables.low[i].data()));
    high[i] = _mm_load_si128(as_vector(tables.high[i].data()));
  }
  std::size_t at = from;
  for (; at + 16 + kMore <= text.size(); at += 16) {
    __m128i buckets = _mm_set1_epi8(-1);
    for (std::size_t i = 0; i < kWindowBytes; ++i) {
      const __m128i bytes = _mm_loadu_si128(as_vector(text.data() + at + i));
      const __m128i halves = _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble);
      buckets = _mm_and_si128(buckets, _mm_and_si128(_mm_shuffle_epi8(low[i], _mm_and_si128(bytes, nibble)),
                                                     _mm_shuffle_epi8(high[i], halves)));
    }
    auto places = ~static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(buckets, _mm_setzero_si128()))) & 0xffffU;
    if (places == 0) continue;
    alignas(16) std::uint8_t suspects[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(suspects), buckets);
    for (; places != 0; places &= places - 1) {
      const auto place = static_cast<std::size_t>(__builtin_ctz(places));
      if (!sink.suspect(at + place, suspects[place])) return sink.found(at + place);
    }
  }
  return find_scalar(tables, text, at, sink);
}

[[gnu::target("avx2")]] Prefilter::Found find_avx2(const Prefilter::Tables& tables, std::string_view text,
                                                   std::size_t from, HitSink& sink) {
  const __m256i nibble = _mm256_set1_epi8(0x0f);
  __m256i low[kWindowBytes], high[kWindowBytes];
  for (std::size_t i = 0; i < kWindowBytes; ++i) {
    low[i] = _mm256_broadcastsi128_si256(_mm_load_si128(as_vector(tables.low[i].data())));
    high[i] = _mm256_broadcastsi128_si256(_mm_load_si128(as_vector(tables.high[i].data())));
  }
  std::size_t at = from;
  for (; at + 32 + kMore <= text.size(); at += 32) {
    __m256i buckets = _mm256_set1_epi8(-1);
    for (std::size_t i = 0; i < kWindowBytes; ++i) {
      const auto* place = reinterpret_cast<const __m256i*>(text.data() + at + i);
      const __m256i bytes = _mm256_loadu_si256(place);
      const __m256i halves = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
      buckets = _mm256_and_si256(buckets, _mm256_and_si256(_mm256_shuffle_epi8(low[i], _mm256_and_si256(bytes, nibble)),
                                                           _mm256_shuffle_epi8(high[i], halves)));
    }
    auto places = ~static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(buckets, _mm256_setzero_si256())));
    if (places == 0) continue;
    alignas(32) std::uint8_t suspects[32];
    _mm256_store_si256(reinterpret_cast<__m256i*>(suspects), buckets);
    for (; places != 0; places &= places - 1) {
      const auto place = static_cast<std::size_t>(__builtin_ctz(places));
      if (!sink.suspect(at + place, suspects[place])) return sink.found(at + place);
    }
  }
  return find_scalar(tables, text, at, sink);
}

std::size_t count_newlines_sse2(std::string_view text) {
  const __m128i newline = _mm_set1_epi8('\n');
  std::size_t count = 0, at = 0;
  for (; at + 16 <= text.size(); at += 16) {
    const __m128i bytes = _mm_loadu_si128(as_vector(text.data() + at));
    const auto places = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, newline)));
    count += static_cast<std::size_t>(__builtin_popcount(places));
  }
  return count + static_cast<std::size_t>(std::ranges::count(text.substr(at), '\n'));
}

[[gnu::target("avx2,popcnt")]] std::size_t count_newlines_avx2(std::string_view text) {
  const __m256i newline = _mm256_set1_epi8('\n');
  std::size_t count = 0, at = 0;
  for (; at + 32 <= text.size(); at += 32) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text.data() + at));
    const auto places = static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, newline)));
    count += static_cast<std::size_t>(__builtin_popcount(places));
  }
  return count + static_cast<std::size_t>(std::ranges::count(text.substr(at), '\n'));
}
#endif

#ifdef __aarch64__
Prefilter::Found find_neon(const Prefilter::Tables& tables, std::string_view text, std::size_t from, HitSink& sink) {
  const uint8x16_t nibble = vdupq_n_u8(0x0f);
  uint8x16_t low[kWindowBytes], high[kWindowBytes];
  for (std::size_t i = 0; i < kWindowBytes; ++i) {
    low[i] = vld1q_u8(tables.low[i].data());
    high[i] = vld1q_u8(tables.high[i].data());
  }
  const auto* bytes_of_text = reinterpret_cast<const std::uint8_t*>(text.data());
  std::size_t at = from;
  for (; at + 16 + kMore <= text.size(); at += 16) {
    uint8x16_t buckets = vdupq_n_u8(0xff);
    for (std::size_t i = 0; i < kWindowBytes; ++i) {
      const uint8x16_t bytes = vld1q_u8(bytes_of_text + at + i);
      buckets = vandq_u8(
          buckets, vandq_u8(vqtbl1q_u8(low[i], vandq_u8(bytes, nibble)), vqtbl1q_u8(high[i], vshrq_n_u8(bytes, 4))));
    }
    if (vmaxvq_u8(buckets) == 0) continue;
    std::uint8_t suspects[16];
    vst1q_u8(suspects, buckets);
    for (std::size_t place = 0; place < 16; ++place) {
      if (suspects[place] != 0 && !sink.suspect(at + place, suspects[place])) return sink.found(at + place);
    }
  }
  return find_scalar(tables, text, at, sink);
}

std::size_t count_newlines_neon(std::string_view text) {
  const uint8x16_t newline = vdupq_n_u8('\n');
  const auto* bytes_of_text = reinterpret_cast<const std::uint8_t*>(text.data());
  std::size_t count = 0, at = 0;
  for (; at + 16 <= text.size(); at += 16) {
    count += vaddvq_u8(vshrq_n_u8(vceqq_u8(vld1q_u8(bytes_of_text + at), newline), 7));
  }
  return count + static_cast<std::size_t>(std::ranges::count(text.substr(at), '\n'));
}
#endif

}  // namespace serin::count
