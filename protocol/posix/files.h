#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "protocol/error.h"

namespace serin::posix {

/// The errno's words with what was tried: "open /x: Permission denied". Kind: no_space for ENOSPC/EDQUOT, not_found
/// for ENOENT, refused for EACCES/EPERM, else io.
Error errno_error(const std::string& doing, int error_number);

/// Writes all of it, whatever the signals; `name` is for the error.
Result<void> write_all(int fd, std::string_view bytes, const std::string& name);

/// Reads `length` bytes at `offset`; fewer only where the file ends or reading fails.
std::size_t read_at(int fd, std::uint64_t offset, char* bytes, std::size_t length);

/// The whole file; `refused` when it is larger than `bytes_max`.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max);

/// Replaces the file as a whole: temporary name beside it, write, fsync, rename, fsync of the folder. After an error
/// the old file is as it was (but where only the last fsync of the folder failed). Readers see the old bytes or the new
/// ones. `mode` is exact, whatever the umask.
Result<void> replace_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode);

/// fsync of a folder, so that its names are durable.
Result<void> sync_folder(const std::filesystem::path& folder);

/// Creates the folder and its parents, each new one with exactly this mode (the umask takes nothing away); no error
/// when it exists as a folder, which then keeps its mode.
Result<void> make_folders(const std::filesystem::path& folder, mode_t mode);

/// Bytes and inodes left to an unprivileged writer on that filesystem.
struct FreeSpace {
  std::uint64_t bytes = 0, inodes = 0;
};
Result<FreeSpace> free_space(const std::filesystem::path& path);

/// An exclusive lock that lives as long as the returned descriptor (flock). `busy` when another process has it.
/// The file holds the owner's pid, which the error names; it is never removed.
class LockFile {
 public:
  static Result<LockFile> acquire(const std::filesystem::path& path);
  LockFile(LockFile&&) noexcept;
  LockFile& operator=(LockFile&&) noexcept;
  ~LockFile();

 private:
  explicit LockFile(int fd) : fd_(fd) {}
  int fd_ = -1;
};

/// `count` bytes of getrandom(2).
std::string random_bytes(std::size_t count);

}  // namespace serin::posix
