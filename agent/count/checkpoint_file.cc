#include "agent/count/checkpoint_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "protocol/digest.h"
#include "protocol/posix/files.h"

namespace serin::count {
namespace {

constexpr std::string_view kMagic = "serinct1";
constexpr std::size_t kNumbersBytes = 16;
constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kFileBytesMax = 64U << 20;
constexpr std::chrono::seconds kSyncEvery{5};

std::string numbers(std::uint64_t number, std::uint64_t length) {
  std::string bytes;
  for (const auto value : {number, length}) {
    for (unsigned shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(value >> shift & 0xFFU);
  }
  return bytes;
}

std::uint64_t number_in(std::string_view bytes) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < 8; ++i) value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << 8 * i;
  return value;
}

struct Saved {
  std::uint64_t number = 0;
  std::string record;
};

std::optional<Saved> whole_record(std::string_view bytes) {
  if (bytes.size() < kMagic.size() + kNumbersBytes + kDigestBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  bytes.remove_prefix(kMagic.size());
  const auto head = bytes.substr(0, kNumbersBytes);
  const auto digest = bytes.substr(kNumbersBytes, kDigestBytes);
  const auto length = number_in(head.substr(8));
  if (length > bytes.size() - kNumbersBytes - kDigestBytes) return std::nullopt;
  const auto record = bytes.substr(kNumbersBytes + kDigestBytes, length);
  if (digest_of(std::string(head).append(record)).raw() != digest) return std::nullopt;
  return Saved{.number = number_in(head), .record = std::string(record)};
}

}  // namespace

CheckpointFile::CheckpointFile(std::filesystem::path folder)
    : folder_(std::move(folder)), syncer_([this](const std::stop_token& stop) { sync_when_asked(stop); }) {}

std::filesystem::path CheckpointFile::file(std::uint64_t number) const {
  return folder_ / fmt::format("counts.{}", number % 2);
}

Result<std::optional<std::string>> CheckpointFile::load() {
  std::optional<Saved> newest;
  std::string trouble;
  for (const std::uint64_t which : {0U, 1U}) {
    const auto bytes = posix::read_file(file(which), kFileBytesMax);
    if (!bytes && bytes.error().kind == ErrorKind::not_found) continue;
    auto saved = bytes ? whole_record(*bytes) : std::nullopt;
    if (!saved) {
      trouble = bytes ? fmt::format("{}: its checksum is wrong", file(which).string()) : bytes.error().text;
    } else if (!newest || saved->number > newest->number) {
      newest = std::move(saved);
    }
  }
  if (newest) {
    number_ = newest->number;
    return std::move(newest->record);
  }
  if (!trouble.empty()) return failure(ErrorKind::corrupt, trouble);
  return std::nullopt;
}

Result<void> CheckpointFile::save(std::string_view record, SteadyTime now) {
  const auto number = number_ + 1;
  auto& fd = files_[number % 2];
  const auto path = file(number);
  if (!fd) fd = posix::UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return std::unexpected(posix::errno_error("open " + path.string(), errno));
  auto head = numbers(number, record.size());
  const auto digest = digest_of(head + std::string(record));
  std::string bytes(kMagic);
  bytes.append(head).append(digest.raw()).append(record);
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) return std::unexpected(posix::errno_error("seek " + path.string(), errno));
  if (auto written = posix::write_all(fd.get(), bytes, path.string()); !written) return written;
  number_ = number;
  if (now - synced_ < kSyncEvery) return {};
  synced_ = now;
  to_sync_.post(fd.get());
  return {};
}

Result<void> CheckpointFile::sync() {
  const auto& fd = files_[number_ % 2];
  if (fd && ::fdatasync(fd.get()) != 0)
    return std::unexpected(posix::errno_error("sync " + file(number_).string(), errno));
  return posix::sync_folder(folder_);
}

/// Closed only after this thread has ended. What fails here fails at the next write too, or at the stop.
void CheckpointFile::sync_when_asked(const std::stop_token& stop) {
  while (const auto fd = to_sync_.wait(stop)) ::fdatasync(*fd);
}

}  // namespace serin::count
