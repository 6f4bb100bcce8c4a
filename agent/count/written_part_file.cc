#include "agent/count/written_part_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace serin::count {
namespace {

/// A file with more parts than this is taken as one: looking must stay cheap.
constexpr int kPartsMax = 1'000;

}  // namespace

WrittenPart written_part(int fd, std::uint64_t from, std::uint64_t size) {
  const auto data = ::lseek(fd, static_cast<off_t>(from), SEEK_DATA);
  if (data < 0)
    return errno == ENXIO ? WrittenPart{.begin = size, .end = size} : WrittenPart{.begin = from, .end = size};
  const auto hole = ::lseek(fd, data, SEEK_HOLE);
  const auto begin = std::min(static_cast<std::uint64_t>(data), size);
  return {.begin = begin, .end = hole < 0 ? size : std::clamp(static_cast<std::uint64_t>(hole), begin, size)};
}

WrittenParts written_parts(int fd, std::uint64_t from, std::uint64_t size) {
  WrittenParts all{.bytes = 0, .end = from};
  for (int parts = 0; all.end < size; ++parts) {
    auto part = written_part(fd, all.end, size);
    if (part.begin >= size) break;
    if (parts == kPartsMax) part.end = size;
    all.bytes += part.end - part.begin;
    all.end = part.end;
  }
  return all;
}

std::string_view without_trailing_nuls(std::string_view bytes) {
  const auto last = bytes.find_last_not_of('\0');
  return bytes.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

}  // namespace serin::count
