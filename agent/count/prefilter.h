#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "agent/count/rule_set.h"

namespace serin::count {

/// Finds some literals in text, many at a time, at several gigabytes a second: of each literal its rarest four bytes
/// are looked for by 16 or 32 places at once, in up to eight buckets (each byte of a window selects, by its two halves,
/// the buckets that have it there); what is found is compared in full. After "Teddy" of Hyperscan (Wang et al., NSDI
/// 2019). Pure; single-threaded.
class Prefilter {
 public:
  /// One place where a literal is. `at`: a byte of it.
  struct Hit {
    std::uint32_t at = 0;
    RuleBits rules = 0;  ///< whose literals they are
    friend bool operator==(const Hit&, const Hit&) = default;
  };
  /// How it looks. Every processor gives the same hits.
  enum class Way { scalar, ssse3, avx2, neon };
  /// What this processor can do, best last.
  static std::vector<Way> ways();

  /// Literals of at least kLiteralBytesMin bytes; none with a newline is found.
  explicit Prefilter(const std::vector<RuleLiteral>& literals);
  Prefilter(const std::vector<RuleLiteral>& literals, Way way);
  Prefilter(Prefilter&&) noexcept;
  Prefilter& operator=(Prefilter&&) noexcept;
  ~Prefilter();

  [[nodiscard]] bool empty() const;
  struct Found {
    std::size_t hits = 0;   ///< so many were written, ascending, at most one for each place
    std::size_t until = 0;  ///< every place before was looked at
  };
  /// Looks from `from` on, until the end of the text or until `hits` is full. Text of less than 4 GiB.
  Found find(std::string_view text, std::size_t from, std::span<Hit> hits) const;

  struct Tables;

 private:
  std::unique_ptr<Tables> tables_;
  Way way_;
};

/// Newlines in the text, by the same ways.
std::size_t count_newlines(std::string_view text);
std::size_t count_newlines(std::string_view text, Prefilter::Way way);

}  // namespace serin::count
