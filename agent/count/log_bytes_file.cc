#include "agent/count/log_bytes_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <system_error>

#include "agent/count/written_part_file.h"

namespace serin::count {
namespace {

constexpr std::size_t kReadBytes = 256U << 10;

/// 0: it has no holes.
std::uint64_t size_if_sparse(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  return static_cast<std::uint64_t>(status.st_blocks) * 512 < size ? size : 0;
}

}  // namespace

Result<void> read_log(int fd, const std::function<bool(std::string_view)>& take, const std::function<void()>& hole) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(kReadBytes);
  const auto sparse_size = size_if_sparse(fd);
  auto offset = static_cast<std::uint64_t>(std::max<off_t>(::lseek(fd, 0, SEEK_CUR), 0));
  WrittenPart part{.begin = offset, .end = offset};
  bool after_hole = false;
  while (true) {
    if (sparse_size > 0 && offset == part.end) {
      part = written_part(fd, offset, sparse_size);
      if (part.begin >= sparse_size) return {};
      if (part.begin > offset) hole();
      after_hole = after_hole || part.begin > offset;
      offset = part.begin;
    }
    const auto got = sparse_size > 0 ? ::pread(fd, buffer.get(), std::min<std::uint64_t>(kReadBytes, part.end - offset),
                                               static_cast<off_t>(offset))
                                     : ::read(fd, buffer.get(), kReadBytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(ErrorKind::io, std::generic_category().message(errno));
    if (got == 0) return {};
    offset += static_cast<std::uint64_t>(got);
    std::string_view bytes(buffer.get(), static_cast<std::size_t>(got));
    if (after_hole) bytes.remove_prefix(std::min(bytes.find_first_not_of('\0'), bytes.size()));
    if (sparse_size > 0 && offset == part.end && offset < sparse_size) bytes = without_trailing_nuls(bytes);
    if (bytes.empty()) continue;
    after_hole = false;
    if (!take(bytes)) return {};
  }
}

}  // namespace serin::count
