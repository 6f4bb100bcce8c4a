#include "agent/apply/object_shelf_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <optional>
#include <sstream>

#include "protocol/limits.h"
#include "protocol/posix/files.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kSyncEachMax = 64;
constexpr std::size_t kReadBytes = 64U << 10;
constexpr auto kPart = ".part";
constexpr auto kMark = "mark";
constexpr std::size_t kMarkBytesMax = 300;

std::unexpected<Error> failed(const std::string& doing, const fs::path& path) {
  return std::unexpected(posix::errno_error(doing + " " + path.string(), errno));
}

Result<void> sync_file(const fs::path& path) {
  const posix::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return failed("open", path);
  if (::fsync(fd.get()) != 0) return failed("fsync", path);
  return {};
}

/// Of any pack: "NAME EDITION OFFSET GROWING BYTES .\n".
std::optional<PackMark> read_mark(const fs::path& incoming, std::string& name) {
  const auto text = posix::read_file(incoming / kMark, kMarkBytesMax);
  if (!text) return std::nullopt;
  std::istringstream words(*text);
  std::string growing, end;
  PackMark mark;
  words >> name >> mark.edition >> mark.offset >> growing >> mark.growing_bytes >> end;
  const auto id = ObjectId::from_hex(growing);
  if (!words || end != "." || !id) return std::nullopt;
  mark.growing = *id;
  return mark;
}

/// Nothing when it cannot be read.
ObjectId hash_of(const fs::path& path) {
  const posix::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return {};
  std::array<char, kReadBytes> buffer;
  Sha256 hash;
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got == 0) return hash.finish();
    if (got < 0 && errno != EINTR) return {};
    if (got > 0) hash.update({buffer.data(), static_cast<std::size_t>(got)});
  }
}

}  // namespace

Result<ObjectShelf> ObjectShelf::open(const fs::path& folder) {
  ObjectShelf shelf(folder);
  for (const fs::path& each : {shelf.trees_, shelf.incoming_}) {
    if (auto made = posix::make_folders(each, 0755); !made) return std::unexpected(made.error());
  }
  const auto trees = names_in(shelf.trees_);
  if (!trees) return std::unexpected(trees.error());
  shelf.earlier_life_unsynced_ = !trees->empty();
  const auto files = names_in(shelf.incoming_);
  if (!files) return std::unexpected(files.error());
  std::string pack;
  const auto mark = read_mark(shelf.incoming_, pack);
  const std::string growing = mark && !mark->growing.is_nothing() ? mark->growing.hex() + kPart : std::string();
  for (const std::string& name : *files) {
    const bool kept = ObjectId::from_hex(name) || name == kMark || name == growing;
    if (!kept) ::unlink((shelf.incoming_ / name).c_str());
  }
  return shelf;
}

Result<Tree> read_tree_object(const fs::path& trees, const ObjectId& id) {
  const fs::path path = trees / id.hex();
  const auto bytes = posix::read_file(path, limits::kTreeObjectBytesMax);
  if (!bytes) return failure(bytes.error(), "a folder's object");
  if (digest_of(*bytes) != id) {
    return failure(ErrorKind::corrupt, fmt::format("the folder's object {} is damaged", path.string()));
  }
  return decode_tree(*bytes);
}

Result<Tree> ObjectShelf::tree(const ObjectId& id) const {
  return read_tree_object(trees_, id);
}

Result<void> ObjectShelf::put_tree(const ObjectId& id, std::string_view bytes) {
  const fs::path fresh = trees_ / "new";
  const posix::UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0444));
  if (!fd) return failed("make", fresh);
  if (auto written = posix::write_all(fd.get(), bytes, fresh.string()); !written) {
    ::unlink(fresh.c_str());
    return written;
  }
  if (::rename(fresh.c_str(), tree_path(id).c_str()) != 0) return failed("rename", fresh);
  unsynced_trees_.push_back(id);
  return {};
}

Result<void> ObjectShelf::sync() {
  if (unsynced_trees_.empty() && !earlier_life_unsynced_) return {};
  if (earlier_life_unsynced_ || unsynced_trees_.size() > kSyncEachMax) {
    const posix::UniqueFd folder(::open(trees_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::syncfs(folder.get()) != 0) return failed("syncfs", trees_);
  } else {
    for (const ObjectId& id : unsynced_trees_) {
      if (auto synced = sync_file(tree_path(id)); !synced) return synced;
    }
    if (auto synced = posix::sync_folder(trees_); !synced) return synced;
  }
  unsynced_trees_.clear();
  earlier_life_unsynced_ = false;
  return {};
}

Result<void> ObjectShelf::keep_trees(const std::set<ObjectId>& needed) {
  const auto names = names_in(trees_);
  if (!names) return std::unexpected(names.error());
  for (const std::string& name : *names) {
    const auto id = ObjectId::from_hex(name);
    if (!id || !needed.contains(*id)) ::unlink((trees_ / name).c_str());
  }
  return {};
}

bool ObjectShelf::has_file(const ObjectId& id) {
  if (whole_files_.contains(id)) return true;
  const fs::path path = file_path(id);
  if (::access(path.c_str(), F_OK) != 0) return false;
  if (hash_of(path) != id) {
    ::unlink(path.c_str());
    return false;
  }
  whole_files_.insert(id);
  return true;
}

Result<posix::UniqueFd> ObjectShelf::begin_file(const ObjectId& id) {
  const fs::path path = file_path(id).string() + kPart;
  posix::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return failed("make", path);
  return fd;
}

Result<posix::UniqueFd> ObjectShelf::resume_file(const ObjectId& id, std::uint64_t bytes) {
  const fs::path path = file_path(id).string() + kPart;
  posix::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return failed("open", path);
  struct stat found{};
  if (::fstat(fd.get(), &found) != 0) return failed("stat", path);
  if (static_cast<std::uint64_t>(found.st_size) < bytes) {
    return failure(ErrorKind::not_found, fmt::format("{} has no {} bytes", path.string(), bytes));
  }
  const auto end = static_cast<off_t>(bytes);
  if (::ftruncate(fd.get(), end) != 0 || ::lseek(fd.get(), end, SEEK_SET) != end) return failed("go on in", path);
  return fd;
}

Result<void> ObjectShelf::finish_file(const ObjectId& id) {
  const fs::path path = file_path(id);
  const fs::path part = path.string() + kPart;
  if (::rename(part.c_str(), path.c_str()) != 0) return failed("rename", part);
  whole_files_.insert(id);
  return {};
}

void ObjectShelf::drop_file(const ObjectId& id) {
  ::unlink((file_path(id).string() + kPart).c_str());
}

PackMark ObjectShelf::pack_mark(const ObjectId& from, const ObjectId& to) const {
  std::string name;
  const auto mark = read_mark(incoming_, name);
  return mark && name == pack_name(from, to).hex() ? *mark : PackMark{};
}

void ObjectShelf::keep_pack_mark(const ObjectId& from, const ObjectId& to, const PackMark& mark) const {
  const std::string text = fmt::format("{} {} {} {} {} .\n", pack_name(from, to).hex(), mark.edition, mark.offset,
                                       mark.growing.hex(), mark.growing_bytes);
  const fs::path path = incoming_ / kMark;
  const fs::path fresh = path.string() + kPart;
  const posix::UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd && posix::write_all(fd.get(), text, fresh.string())) ::rename(fresh.c_str(), path.c_str());
}

void ObjectShelf::clear_files(Duration kept) {
  const auto names = names_in(incoming_);
  if (!names) return;  // they are removed the next time
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(kept).count();
  for (const std::string& name : *names) {
    struct stat found{};
    const fs::path path = incoming_ / name;
    if (::lstat(path.c_str(), &found) == 0 && found.st_ctim.tv_sec + seconds > now.tv_sec && seconds != 0) continue;
    ::unlink(path.c_str());
    if (const auto id = ObjectId::from_hex(name)) whole_files_.erase(*id);
  }
}

}  // namespace serin::apply
