#pragma once

#include <cstdint>
#include <string_view>

namespace serin::count {

/// XXH64 as its specification says (github.com/Cyan4973/xxHash, doc/xxhash_spec.md, 0.1.1): the same number for the
/// same bytes on every machine. Fast, not secret: whoever chooses the bytes can make two of them collide. Pure; never
/// fails.
std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed);

}  // namespace serin::count
