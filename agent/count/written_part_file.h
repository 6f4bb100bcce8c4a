#pragma once

#include <cstdint>
#include <string_view>

namespace serin::count {

/// A stretch of a file that was written; what lies between two of them is a hole, which reads as NULs and holds
/// nothing. Blocks are whole: a part may begin and end with NULs that nobody wrote.
struct WrittenPart {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// The first part that ends behind `from`; begin == end == size: nothing but a hole follows. A filesystem that knows no
/// holes has one part. The descriptor's own offset moves.
WrittenPart written_part(int fd, std::uint64_t from, std::uint64_t size);

/// All parts from `from` on together.
struct WrittenParts {
  std::uint64_t bytes = 0;
  std::uint64_t end = 0;  ///< of the last one; `from` when there is none
};
WrittenParts written_parts(int fd, std::uint64_t from, std::uint64_t size);

/// A part's bytes without those at its end that nobody wrote.
std::string_view without_trailing_nuls(std::string_view bytes);

}  // namespace serin::count
