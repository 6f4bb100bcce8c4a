#include "protocol/posix/object_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>

#include "protocol/limits.h"
#include "protocol/posix/files.h"

namespace serin::posix {

namespace {

constexpr std::size_t kSyncedOneByOne = 64;
constexpr std::size_t kCopyBytes = 256U << 10;
constexpr mode_t kFolderMode = 0755;
constexpr mode_t kObjectMode = 0444;

std::unexpected<Error> failed(std::string_view doing, const std::filesystem::path& path) {
  const int error_number = errno;
  return std::unexpected(errno_error(fmt::format("{} {}", doing, path.string()), error_number));
}

/// All the bytes from where the descriptor stands, at most `bytes`.
Result<std::string> read_up_to(int fd, std::size_t bytes, const std::filesystem::path& path) {
  std::string content(bytes, '\0');
  std::size_t have = 0;
  while (have < bytes) {
    const ssize_t got = ::read(fd, content.data() + have, bytes - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  content.resize(have);
  return content;
}

Result<void> sync_file(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return failed("open", path);
  if (::fsync(fd.get()) != 0) return failed("fsync", path);
  return {};
}

Result<void> sync_filesystem_of(const std::filesystem::path& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return failed("open folder", folder);
  if (::syncfs(fd.get()) != 0) return failed("syncfs", folder);
  return {};
}

bool unchanged(const struct stat& before, const struct stat& after) {
  return before.st_size == after.st_size && before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
         before.st_mtim.tv_nsec == after.st_mtim.tv_nsec;
}

/// Of this thread, reused: fresh pages are dear.
std::vector<char>& copy_buffer() {
  thread_local std::vector<char> buffer(kCopyBytes);
  return buffer;
}

Result<ObjectId> hash_of(int fd, const std::filesystem::path& path) {
  std::vector<char>& buffer = copy_buffer();
  Sha256 hash;
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path);
    if (got == 0) return hash.finish();
    hash.update({buffer.data(), static_cast<std::size_t>(got)});
  }
}

/// At most one buffer more than announced: a file that grows for ever ends too.
Result<ObjectWriter::Stored> copy(int source_fd, std::uint64_t announced, int to_fd, const std::string& to) {
  std::vector<char>& buffer = copy_buffer();
  Sha256 hash;
  std::uint64_t bytes = 0;
  while (bytes <= announced) {
    const ssize_t got = ::pread(source_fd, buffer.data(), buffer.size(), static_cast<off_t>(bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", "the file to store");
    if (got == 0) break;
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(got));
    hash.update(piece);
    if (auto written = write_all(to_fd, piece, to); !written) return std::unexpected(written.error());
    bytes += piece.size();
  }
  return ObjectWriter::Stored{hash.finish(), bytes};
}

}  // namespace

ObjectReader::ObjectReader(std::filesystem::path folder) : folder_(std::move(folder)) {}

std::filesystem::path ObjectReader::path_of(const ObjectId& id) const {
  const std::string name = id.hex();
  return folder_ / "objects" / name.substr(0, 2) / name.substr(2);
}

bool ObjectReader::has(const ObjectId& id) const {
  return ::access(path_of(id).c_str(), F_OK) == 0;
}

Result<ObjectReader::Opened> ObjectReader::open(const ObjectId& id) const {
  const auto path = path_of(id);
  Opened opened{.fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW))};
  if (!opened.fd) return failed("open object", path);
  struct stat found{};
  if (::fstat(opened.fd.get(), &found) != 0) return failed("stat object", path);
  if (!S_ISREG(found.st_mode)) {
    return failure(ErrorKind::corrupt, fmt::format("object {} is not a regular file", path.string()));
  }
  opened.bytes = static_cast<std::uint64_t>(found.st_size);
  return opened;
}

Result<std::string> ObjectReader::read(const ObjectId& id, std::size_t bytes_max) const {
  auto opened = open(id);
  if (!opened) return std::unexpected(opened.error());
  if (opened->bytes > bytes_max) {
    return failure(ErrorKind::refused, fmt::format("object {} has {} bytes, more than the {} allowed here", id.brief(),
                                                   opened->bytes, bytes_max));
  }
  auto content = read_up_to(opened->fd.get(), opened->bytes, path_of(id));
  if (content && digest_of(*content) != id) {
    return failure(ErrorKind::corrupt, fmt::format("object {} is damaged: its bytes have another hash ({})", id.brief(),
                                                   path_of(id).string()));
  }
  return content;
}

Result<std::vector<ObjectId>> ObjectReader::list(unsigned char first_byte) const {
  const std::string begin = fmt::format("{:02x}", first_byte);
  const auto part = folder_ / "objects" / begin;
  std::vector<ObjectId> ids;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(part, error), end; !error && entry != end; entry.increment(error)) {
    if (const auto id = ObjectId::from_hex(begin + entry->path().filename().string())) ids.push_back(*id);
  }
  if (error) return std::unexpected(errno_error("list " + part.string(), error.value()));
  return ids;
}

Result<ObjectWriter> ObjectWriter::open_folder(std::filesystem::path folder) {
  ObjectWriter writer(std::move(folder));
  const auto objects = writer.folder_ / "objects";
  if (auto made = make_folders(writer.incoming(), kFolderMode); !made) return std::unexpected(made.error());
  if (auto made = make_folders(objects, kFolderMode); !made) return std::unexpected(made.error());
  // All 256 now, so that later a new object needs no fsync of objects/ as well.
  bool first_time = false;
  for (int i = 0; i < 256; ++i) {
    const auto part = objects / fmt::format("{:02x}", i);
    if (::access(part.c_str(), F_OK) == 0) continue;
    if (auto made = make_folders(part, kFolderMode); !made) return std::unexpected(made.error());
    first_time = true;
  }
  if (first_time) {
    if (auto synced = sync_folder(objects); !synced) return std::unexpected(synced.error());
    if (auto synced = sync_folder(writer.folder_); !synced) return std::unexpected(synced.error());
  }
  if (auto recovered = writer.recover(); !recovered) return std::unexpected(recovered.error());
  return writer;
}

/// What an earlier life left in incoming/: half-written files go; objects that were never synced may be empty after a
/// loss of power, so each is hashed before it is believed.
Result<void> ObjectWriter::recover() {
  std::error_code error;
  std::vector<std::filesystem::path> left;
  for (std::filesystem::directory_iterator entry(incoming(), error), end; !error && entry != end;
       entry.increment(error)) {
    left.push_back(entry->path());
  }
  if (error) return std::unexpected(errno_error("list " + incoming().string(), error.value()));
  for (const auto& path : left) {
    if (const auto id = ObjectId::from_hex(path.filename().string()); id && has(*id)) {
      auto opened = open(*id);
      auto whole = opened ? hash_of(opened->fd.get(), path) : Result<ObjectId>(std::unexpected(opened.error()));
      if (!whole) return std::unexpected(whole.error());
      if (*whole == *id) {
        unsynced_.push_back(*id);
        continue;
      }
      if (::unlink(path_of(*id).c_str()) != 0) return failed("remove damaged object", path_of(*id));
    }
    if (::unlink(path.c_str()) != 0) return failed("remove temporary file", path);
  }
  return sync();
}

Result<ObjectId> ObjectWriter::put(std::string_view bytes) {
  const ObjectId id = digest_of(bytes);
  if (auto there = is_whole(id); !there || *there) return there ? Result<ObjectId>(id) : std::unexpected(there.error());
  auto temporary = make_temporary();
  if (!temporary) return std::unexpected(temporary.error());
  if (auto written = write_all(temporary->fd.get(), bytes, temporary->path); !written)
    return std::unexpected(written.error());
  if (auto published = publish(*temporary, id); !published) return std::unexpected(published.error());
  return id;
}

Result<void> ObjectWriter::remove(const ObjectId& id) {
  const std::lock_guard lock(*mutex_);
  std::erase(unsynced_, id);
  ::unlink(mark_of(id).c_str());
  const auto path = path_of(id);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("remove object", path);
  return {};
}

Result<ObjectWriter::Stored> ObjectWriter::put_file(int source_fd, std::uint64_t bytes_max) {
  struct stat before{};
  struct stat after{};
  if (::fstat(source_fd, &before) != 0) return failed("stat", "the file to store");
  if (!S_ISREG(before.st_mode)) return failure(ErrorKind::invalid, "only a regular file can be stored");
  const auto announced = static_cast<std::uint64_t>(before.st_size);
  if (announced > bytes_max) {
    return failure(ErrorKind::refused,
                   fmt::format("the file has {} bytes, more than the {} allowed", announced, bytes_max));
  }
  auto temporary = make_temporary();
  if (!temporary) return std::unexpected(temporary.error());
  auto stored = copy(source_fd, announced, temporary->fd.get(), temporary->path);
  if (!stored) return stored;
  if (::fstat(source_fd, &after) != 0) return failed("stat", "the file to store");
  if (stored->bytes != announced || !unchanged(before, after)) {
    return failure(ErrorKind::busy, "the file changed while it was read; try again");
  }
  if (auto there = is_whole(stored->id); !there || *there) {
    return there ? stored : std::unexpected(there.error());
  }
  if (auto published = publish(*temporary, stored->id); !published) return std::unexpected(published.error());
  return stored;
}

/// It is there with its name's bytes; one with others goes.
Result<bool> ObjectWriter::is_whole(const ObjectId& id) {
  const auto opened = open(id);
  if (!opened)
    return opened.error().kind == ErrorKind::not_found ? Result<bool>(false) : std::unexpected(opened.error());
  const auto hashed = hash_of(opened->fd.get(), path_of(id));
  if (!hashed) return std::unexpected(hashed.error());
  if (*hashed == id) return true;
  if (auto removed = remove(id); !removed) return std::unexpected(removed.error());
  return false;
}

Result<ObjectWriter::Temporary> ObjectWriter::make_temporary() const {
  Temporary temporary;
  temporary.path = (incoming() / "new.XXXXXX").string();
  temporary.fd = UniqueFd(::mkostemp(temporary.path.data(), O_CLOEXEC));
  if (!temporary.fd) {
    auto error = failed("make a temporary file in", incoming());
    temporary.path.clear();
    return error;
  }
  return temporary;
}

/// First the name in incoming/ that says "not yet synced", then the name that readers look for: file systems keep the
/// order of names, so after a loss of power no unsynced object is without its mark.
Result<void> ObjectWriter::publish(Temporary& temporary, const ObjectId& id) {
  const std::lock_guard lock(*mutex_);
  if (::fchmod(temporary.fd.get(), kObjectMode) != 0) return failed("set the mode of", temporary.path);
  const auto mark = mark_of(id);
  const auto path = path_of(id);
  if (::rename(temporary.path.c_str(), mark.c_str()) != 0) return failed("rename to", mark);
  temporary.path = mark.string();
  if (::link(mark.c_str(), path.c_str()) != 0 && errno != EEXIST) return failed("put object", path);
  temporary.path.clear();
  unsynced_.push_back(id);
  return {};
}

Result<void> ObjectWriter::sync() {
  if (unsynced_.empty()) return {};
  if (unsynced_.size() > kSyncedOneByOne) {
    if (auto synced = sync_filesystem_of(folder_); !synced) return synced;
  } else {
    std::set<std::filesystem::path> folders;
    for (const auto& id : unsynced_) {
      const auto path = path_of(id);
      if (auto synced = sync_file(path); !synced) return synced;
      folders.insert(path.parent_path());
    }
    for (const auto& folder : folders) {
      if (auto synced = sync_folder(folder); !synced) return synced;
    }
  }
  for (const auto& id : unsynced_) {
    // A mark that stays costs one hash at the next start, no more.
    ::unlink(mark_of(id).c_str());
  }
  unsynced_.clear();
  return {};
}

ObjectWriter::Temporary::Temporary(Temporary&& other) noexcept
    : fd(std::move(other.fd)), path(std::exchange(other.path, {})) {}

ObjectWriter::Temporary::~Temporary() {
  if (!path.empty()) ::unlink(path.c_str());
}

std::filesystem::path ObjectWriter::incoming() const {
  return folder_ / "incoming";
}

std::filesystem::path ObjectWriter::mark_of(const ObjectId& id) const {
  return incoming() / id.hex();
}

}  // namespace serin::posix
