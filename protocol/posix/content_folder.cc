#include "protocol/posix/content_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "protocol/posix/files.h"
#include "protocol/posix/pace.h"

namespace serin::posix {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kUnfinished = ".new";
constexpr std::size_t kReadBytes = 256U << 10;

std::uint64_t number_of(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8U | static_cast<unsigned char>(byte);
  return number;
}

}  // namespace

std::uint64_t edition_of(const ObjectId& hash) {
  return std::max<std::uint64_t>(1, number_of(hash.raw().substr(0, kEditionBytes)));
}

std::string edition_bytes(std::uint64_t edition) {
  std::string bytes(kEditionBytes, '\0');
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte, edition >>= 8U) {
    *byte = static_cast<char>(edition & 0xffU);
  }
  return bytes;
}

namespace {

Result<OpenedContent> open_unmarked(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return std::unexpected(errno_error("open " + path.string(), errno));
  struct stat about{};
  if (::fstat(fd.get(), &about) != 0) return std::unexpected(errno_error("stat " + path.string(), errno));
  const auto size = static_cast<std::uint64_t>(about.st_size);
  std::array<char, kEditionBytes> edition{};
  if (size < kEditionBytes || read_at(fd.get(), size - kEditionBytes, edition.data(), kEditionBytes) != kEditionBytes) {
    return failure(ErrorKind::corrupt, fmt::format("{} is no content", path.string()));
  }
  return OpenedContent{
      .fd = std::move(fd), .bytes = size - kEditionBytes, .edition = number_of({edition.data(), edition.size()})};
}

/// The hash of what can be read of it.
ObjectId hash_of(const OpenedContent& content, Pace pace, const std::stop_token& stop) {
  Sha256 hash;
  std::vector<char> buffer(kReadBytes);
  for (std::uint64_t at = 0; at < content.bytes && !stop.stop_requested();) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), content.bytes - at));
    if (read_at(content.fd.get(), at, buffer.data(), wanted) != wanted) break;
    hash.update({buffer.data(), wanted});
    at += wanted;
    pace.spend(wanted, stop);
  }
  return hash.finish();
}

}  // namespace

Result<OpenedContent> open_content(const fs::path& path) {
  auto opened = open_unmarked(path);
  if (opened) ::futimens(opened->fd.get(), nullptr);
  return opened;
}

Result<void> check_content(const fs::path& path, const std::stop_token& stop, std::uint64_t bytes_per_s) {
  const auto opened = open_unmarked(path);
  if (!opened && opened.error().kind != ErrorKind::corrupt) return std::unexpected(opened.error());
  if (opened) {
    const ObjectId id = hash_of(*opened, Pace(bytes_per_s), stop);
    if (stop.stop_requested()) return failure(ErrorKind::busy, "stopped");
    const bool sound =
        opened->edition == 0 ? ObjectId::from_hex(path.filename().string()) == id : opened->edition == edition_of(id);
    if (sound) return {};
  }
  ::unlink(path.c_str());
  return failure(ErrorKind::corrupt, fmt::format("{} is damaged", path.string()));
}

std::vector<ObjectId> names_of_content(const fs::path& folder) {
  std::vector<ObjectId> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (const auto name = ObjectId::from_hex(entry.path().filename().string())) names.push_back(*name);
  }
  return names;
}

std::uint64_t drop_longest_unused(const fs::path& folder, std::uint64_t bytes_kept) {
  struct File {
    fs::file_time_type used;
    std::uint64_t bytes = 0;
    fs::path path;
  };
  std::vector<File> files;
  std::uint64_t sum = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::error_code gone;
    File file{entry.last_write_time(gone), entry.file_size(gone), entry.path()};
    if (gone || !ObjectId::from_hex(file.path.filename().string())) continue;
    sum += file.bytes;
    files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.used < b.used; });
  for (const File& file : files) {
    if (sum <= bytes_kept) break;
    if (::unlink(file.path.c_str()) == 0) sum -= file.bytes;
  }
  return sum;
}

void drop_unfinished(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (!ObjectId::from_hex(entry.path().filename().string())) ::unlink(entry.path().c_str());
  }
}

std::size_t drop_content(const fs::path& folder) {
  std::size_t dropped = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const fs::path name = entry.path().filename();
    const bool is_content = ObjectId::from_hex(name.string()) || ObjectId::from_hex(name.stem().string());
    const bool is_ours = is_content && (!name.has_extension() || name.extension() == kUnfinished);
    if (is_ours && ::unlink(entry.path().c_str()) == 0) ++dropped;
  }
  ::rmdir(folder.c_str());
  return dropped;
}

}  // namespace serin::posix
