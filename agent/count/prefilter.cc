#include "agent/count/prefilter.h"

#include <cmath>
#include <limits>
#include <utility>

#include "agent/count/prefilter_tables.h"

namespace serin::count {
namespace {

using Tables = Prefilter::Tables;
using Way = Prefilter::Way;

/// The share of places that a bucket would suspect.
class BucketRate {
 public:
  BucketRate() {
    for (std::size_t i = 0; i < often_.size(); ++i) {
      const char c = static_cast<char>(i);
      often_[i] = std::exp2(-rarity({&c, 1}));
    }
  }
  [[nodiscard]] double operator()(const Tables& tables, std::size_t bucket) const {
    double rate = 1;
    for (std::size_t place = 0; place < kWindowBytes; ++place) {
      double sum = 0;
      for (std::size_t i = 0; i < often_.size(); ++i) {
        const unsigned has = tables.low[place][i & 15U] & tables.high[place][i >> 4U];
        if ((has >> bucket & 1U) != 0) sum += often_[i];
      }
      rate *= sum;
    }
    return rate;
  }

 private:
  std::array<double, 256> often_{};
};

void mark(Tables& tables, const Tables::Window& window, std::size_t bucket) {
  const auto bit = static_cast<std::uint8_t>(1U << bucket);
  for (std::size_t place = 0; place < kWindowBytes; ++place) {
    const bool any = window.offset + place >= window.literal.size();
    const auto byte = any ? 0U : static_cast<unsigned char>(window.literal[window.offset + place]);
    for (unsigned i = 0; i < 16; ++i) {
      if (any || i == (byte & 15U)) tables.low[place][i] |= bit;
      if (any || i == byte >> 4U) tables.high[place][i] |= bit;
    }
  }
}

Tables::Window window_of(const RuleLiteral& literal) {
  Tables::Window window{.offset = rarest_window(literal.text), .literal = literal.text, .rules = literal.rules};
  const auto bytes = std::string_view{literal.text}.substr(window.offset, kWindowBytes);
  std::array<unsigned char, kWindowBytes> mask{};
  for (std::size_t i = 0; i < bytes.size(); ++i) mask[i] = 0xff;
  std::memcpy(&window.value, bytes.data(), bytes.size());
  std::memcpy(&window.mask, mask.data(), mask.size());
  return window;
}

/// Into the bucket that suspects the fewest places more for it.
void put(Tables& tables, Tables::Window window, const BucketRate& rate) {
  std::size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t bucket = 0; bucket < Tables::kBuckets; ++bucket) {
    const bool is_new = tables.buckets[bucket].empty();
    Tables with;
    with.low = tables.low;
    with.high = tables.high;
    mark(with, window, bucket);
    // Between equals an old one: there may be others to come.
    const double more = is_new ? 1.1 * rate(with, bucket) : rate(with, bucket) - rate(tables, bucket);
    if (more < least) {
      least = more;
      best = bucket;
    }
    if (is_new) break;
  }
  mark(tables, window, best);
  tables.buckets[best].push_back(std::move(window));
}

std::unique_ptr<Tables> tables_for(const std::vector<RuleLiteral>& literals) {
  auto tables = std::make_unique<Tables>();
  const BucketRate rate;
  for (const auto& literal : literals) {
    if (literal.text.size() < kLiteralBytesMin || literal.text.find('\n') != std::string::npos) continue;
    put(*tables, window_of(literal), rate);
    tables->empty = false;
  }
  for (std::size_t place = 0; place < kWindowBytes; ++place) {
    for (std::size_t i = 0; i < 256; ++i) {
      tables->whole[place][i] = tables->low[place][i & 15U] & tables->high[place][i >> 4U];
    }
  }
  return tables;
}

}  // namespace

std::vector<Way> Prefilter::ways() {
  std::vector<Way> ways = {Way::scalar};
#ifdef __x86_64__
  if (__builtin_cpu_supports("ssse3") != 0) ways.push_back(Way::ssse3);
  if (__builtin_cpu_supports("avx2") != 0) ways.push_back(Way::avx2);
#endif
#ifdef __aarch64__
  ways.push_back(Way::neon);
#endif
  return ways;
}

Prefilter::Prefilter(const std::vector<RuleLiteral>& literals) : Prefilter(literals, ways().back()) {}
Prefilter::Prefilter(const std::vector<RuleLiteral>& literals, Way way) : tables_(tables_for(literals)), way_(way) {}
Prefilter::Prefilter(Prefilter&&) noexcept = default;
Prefilter& Prefilter::operator=(Prefilter&&) noexcept = default;
Prefilter::~Prefilter() = default;

bool Prefilter::empty() const {
  return tables_->empty;
}

Prefilter::Found Prefilter::find(std::string_view text, std::size_t from, std::span<Hit> hits) const {
  HitSink sink(*tables_, text, hits);
  switch (way_) {
#ifdef __x86_64__
    case Way::ssse3:
      return find_ssse3(*tables_, text, from, sink);
    case Way::avx2:
      return find_avx2(*tables_, text, from, sink);
    case Way::neon:
#else
    case Way::neon:
      return find_neon(*tables_, text, from, sink);
    case Way::ssse3:
    case Way::avx2:
#endif
    case Way::scalar:
      break;
  }
  return find_scalar(*tables_, text, from, sink);
}

std::size_t count_newlines(std::string_view text) {
  static const Way kBest = Prefilter::ways().back();
  return count_newlines(text, kBest);
}

std::size_t count_newlines(std::string_view text, Way way) {
  switch (way) {
#ifdef __x86_64__
    case Way::ssse3:
      return count_newlines_sse2(text);
    case Way::avx2:
      return count_newlines_avx2(text);
    case Way::neon:
#else
    case Way::neon:
      return count_newlines_neon(text);
    case Way::ssse3:
    case Way::avx2:
#endif
    case Way::scalar:
      break;
  }
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

}  // namespace serin::count
