#include "protocol/posix/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "protocol/posix/unique_fd.h"

namespace serin::posix {

namespace {

constexpr std::size_t kReadStep = 64U << 10;

ErrorKind kind_of(int error_number) {
  if (error_number == ENOSPC || error_number == EDQUOT) return ErrorKind::no_space;
  if (error_number == ENOENT) return ErrorKind::not_found;
  if (error_number == EACCES || error_number == EPERM) return ErrorKind::refused;
  return ErrorKind::io;
}

std::unexpected<Error> failed(std::string_view doing, const std::filesystem::path& path) {
  const int error_number = errno;
  return std::unexpected(errno_error(fmt::format("{} {}", doing, path.string()), error_number));
}

/// Removes the temporary file unless it has been renamed away.
struct Temporary {
  std::string path;
  bool armed = true;
  explicit Temporary(std::string p) : path(std::move(p)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (armed) ::unlink(path.c_str());
  }
};

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

bool is_folder(const std::filesystem::path& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

Result<void> make_one_folder(const std::filesystem::path& folder, mode_t mode) {
  if (::mkdir(folder.c_str(), mode) == 0) {
    // The umask has taken bits away.
    if (::chmod(folder.c_str(), mode) != 0) return failed("set the mode of", folder);
    return {};
  }
  if (errno != EEXIST) return failed("make folder", folder);
  if (!is_folder(folder)) {
    return failure(ErrorKind::io,
                   fmt::format("make folder {}: something that is no folder has this name", folder.string()));
  }
  return {};
}

}  // namespace

Error errno_error(const std::string& doing, int error_number) {
  return {kind_of(error_number), doing + ": " + std::generic_category().message(error_number)};
}

Result<void> write_all(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return failed("write", name);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

std::size_t read_at(int fd, std::uint64_t offset, char* bytes, std::size_t length) {
  std::size_t done = 0;
  while (done < length) {
    const ssize_t got = ::pread(fd, bytes + done, length - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return failed("open", path);
  std::string bytes;
  // The size that stat tells is a lie in /proc and may change: read until the end, one byte beyond the bound at most.
  for (;;) {
    const std::size_t have = bytes.size();
    const std::size_t step = std::min(kReadStep, bytes_max - have + 1);
    bytes.resize(have + step);
    const ssize_t got = ::read(fd.get(), bytes.data() + have, step);
    if (got < 0) {
      bytes.resize(have);
      if (errno == EINTR) continue;
      return failed("read", path);
    }
    bytes.resize(have + static_cast<std::size_t>(got));
    if (got == 0) return bytes;
    if (bytes.size() > bytes_max) {
      return failure(ErrorKind::refused, fmt::format("{} is larger than {} bytes", path.string(), bytes_max));
    }
  }
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode) {
  std::string name = (folder_of(path) / fmt::format(".{}.XXXXXX", path.filename().string())).string();
  UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd) return failed("make a temporary file for", path);
  Temporary temporary(name);
  if (auto written = write_all(fd.get(), bytes, name); !written) return written;
  if (::fchmod(fd.get(), mode) != 0) return failed("set the mode of", name);
  if (::fsync(fd.get()) != 0) return failed("fsync", name);
  if (::close(fd.release()) != 0) return failed("close", name);
  if (::rename(name.c_str(), path.c_str()) != 0) return failed("replace", path);
  temporary.armed = false;
  return sync_folder(folder_of(path));
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return failed("open folder", folder);
  if (::fsync(fd.get()) != 0) return failed("fsync folder", folder);
  return {};
}

Result<void> make_folders(const std::filesystem::path& folder, mode_t mode) {
  if (is_folder(folder)) return {};
  std::filesystem::path so_far;
  for (const auto& part : folder) {
    so_far /= part;
    if (part.empty() || is_folder(so_far)) continue;
    if (auto made = make_one_folder(so_far, mode); !made) return made;
  }
  return {};
}

Result<FreeSpace> free_space(const std::filesystem::path& path) {
  struct statvfs found{};
  if (::statvfs(path.c_str(), &found) != 0) return failed("ask the free space of", path);
  FreeSpace space;
  space.bytes = static_cast<std::uint64_t>(found.f_bavail) * found.f_frsize;
  // Filesystems without a table of inodes (btrfs) say 0 of 0: there is no bound.
  space.inodes = found.f_files == 0 ? UINT64_MAX : static_cast<std::uint64_t>(found.f_favail);
  return space;
}

Result<LockFile> LockFile::acquire(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return failed("open lock file", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed("lock", path);
    std::array<char, 32> owner{};
    const ssize_t got = ::pread(fd.get(), owner.data(), owner.size(), 0);
    std::string_view pid(owner.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    pid = pid.substr(0, pid.find_first_not_of("0123456789"));
    return failure(ErrorKind::busy,
                   fmt::format("{} is locked by another process{}{}", path.string(), pid.empty() ? "" : ", pid ", pid));
  }
  if (::ftruncate(fd.get(), 0) != 0) return failed("truncate", path);
  if (auto written = write_all(fd.get(), fmt::format("{}\n", ::getpid()), path.string()); !written) {
    return std::unexpected(written.error());
  }
  return LockFile(fd.release());
}

LockFile::LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

// The file stays: removing it would let a third process lock a file that a second one no longer finds by name.
LockFile::~LockFile() {
  if (fd_ >= 0) ::close(fd_);
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t have = 0;
  while (have < count) {
    const ssize_t got = ::getrandom(bytes.data() + have, count - have, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::system_error(errno, std::generic_category(), "getrandom");
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace serin::posix
