#include "agent/apply/tree_writer_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::apply {

namespace {

constexpr std::size_t kSyncEachMax = 64;
constexpr std::size_t kCopyBytes = 256U << 10;
constexpr auto kTemporary = "new";

std::unexpected<Error> failed(const std::string& doing, const std::string& path) {
  return std::unexpected(posix::errno_error(doing + " " + printable(path), errno));
}

bool is_folder(const TreeEntry& entry) {
  return entry.kind == EntryKind::folder;
}

mode_t mode_of(const TreeEntry& entry) {
  return entry.kind == EntryKind::executable ? 0555 : 0444;
}

/// Copies to the end and gives the id of what was copied.
Result<ObjectId> copy_bytes(int from, int to, const std::string& path) {
  static thread_local std::array<char, kCopyBytes> buffer;
  Sha256 hash;
  while (true) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got == 0) return hash.finish();
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path);
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(got));
    hash.update(piece);
    if (auto written = posix::write_all(to, piece, printable(path)); !written) return std::unexpected(written.error());
  }
}

}  // namespace

Result<TreeWriter> TreeWriter::open(const std::filesystem::path& root, const std::filesystem::path& scratch,
                                    agent::Share share) {
  auto root_folder = FolderRoot::open(root);
  if (!root_folder) return std::unexpected(root_folder.error());
  auto scratch_folder = FolderRoot::open(scratch);
  if (!scratch_folder) return std::unexpected(scratch_folder.error());
  return TreeWriter(std::move(*root_folder), std::move(*scratch_folder), share);
}

Result<TreeWriter::Place> TreeWriter::place_of(const std::string& path) {
  const std::string parent = parent_of(path);
  const auto folder = root_.folder(parent);
  if (!folder) return std::unexpected(folder.error());
  touched_folders_.insert(parent);
  return Place{*folder, name_in(path)};
}

Result<void> TreeWriter::apply(const std::vector<PathChange>& changes, const FindSource& find_source) {
  // What goes, deepest first; a folder and a file cannot replace each other in place.
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    if (!change->before || (change->after && is_folder(*change->before) == is_folder(*change->after))) continue;
    if (auto removed = remove(change->path, *change->before); !removed) return removed;
  }
  for (const PathChange& change : changes) {
    if (!change.after) continue;
    if (auto created = create(change.path, *change.after, find_source); !created) return created;
  }
  return {};
}

Result<void> TreeWriter::remove(const std::string& path, const TreeEntry& entry) {
  const auto place = place_of(path);
  if (!place) return std::unexpected(place.error());
  if (::unlinkat(place->folder, place->name.c_str(), is_folder(entry) ? AT_REMOVEDIR : 0) != 0) {
    return failed("remove", path);
  }
  if (is_folder(entry)) touched_folders_.erase(path);
  return {};
}

Result<void> TreeWriter::create(const std::string& path, const TreeEntry& entry, const FindSource& find_source) {
  if (auto good = check_path(path); !good) return good;
  const auto place = place_of(path);
  if (!place) return std::unexpected(place.error());
  if (is_folder(entry)) return make_folder(*place, path);
  ++new_count_;
  if (entry.kind == EntryKind::symlink) return make_link(*place, path, entry);
  const auto source = find_source(path, entry);
  if (!source) return std::unexpected(source.error());
  return make_file(*place, path, entry, *source);
}

Result<void> TreeWriter::make_folder(const Place& place, const std::string& path) {
  if (::mkdirat(place.folder, place.name.c_str(), 0755) != 0) return failed("make the folder", path);
  // The umask has taken bits away.
  if (::fchmodat(place.folder, place.name.c_str(), 0755, 0) != 0) return failed("chmod", path);
  touched_folders_.insert(path);
  return {};
}

Result<void> TreeWriter::make_link(const Place& place, const std::string& path, const TreeEntry& entry) {
  if (auto good = check_symlink(path, entry.target); !good) return good;
  if (::symlinkat(entry.target.c_str(), place.folder, place.name.c_str()) == 0) return {};
  if (errno != EEXIST) return failed("make the link", path);
  ::unlinkat(scratch_.fd(), kTemporary, 0);
  if (::symlinkat(entry.target.c_str(), scratch_.fd(), kTemporary) != 0) return failed("make the link", path);
  if (::renameat(scratch_.fd(), kTemporary, place.folder, place.name.c_str()) != 0) return failed("rename", path);
  return {};
}

Result<void> TreeWriter::make_file(const Place& place, const std::string& path, const TreeEntry& entry,
                                   const FileSource& source) {
  const auto from = source.root->folder(parent_of(source.path));
  if (!from) return std::unexpected(from.error());
  const std::string name = name_in(source.path);
  if (source.how == FileSource::How::take) return take(*from, name, place, path, entry);
  if (source.how == FileSource::How::link) {
    const auto shared = share(*from, name, place, path, entry);
    if (!shared) return failure(shared.error(), "link " + printable(path));
    if (*shared) return {};
  }
  return copy(*from, name, place, path, entry);
}

/// False when it cannot be shared: another mode or time, another filesystem, too many links.
Result<bool> TreeWriter::share(int from, const std::string& name, const Place& place, const std::string& path,
                               const TreeEntry& entry) {
  if (share_ == agent::Share::copy) return false;
  struct stat there{};
  if (::fstatat(from, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) return false;
  const bool same = S_ISREG(there.st_mode) && (there.st_mode & 07777U) == mode_of(entry) &&
                    there.st_mtim.tv_sec == entry.mtime_s && static_cast<std::uint64_t>(there.st_size) == entry.size;
  if (!same) return false;
  if (share_ != agent::Share::hardlink && reflinks_) {
    const auto shared = reflink(from, name, place, path, entry);
    if (!shared || *shared) return shared;
    reflinks_ = false;
  }
  return share_ == agent::Share::reflink ? Result<bool>(false) : hardlink(from, name, place, scratch_.fd());
}

/// A file of its own that has the other's blocks until one of them changes.
Result<bool> TreeWriter::reflink(int from, const std::string& name, const Place& place, const std::string& path,
                                 const TreeEntry& entry) {
  const posix::UniqueFd source(::openat(from, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!source) return false;
  auto file = new_scratch_file(path);
  if (!file) return std::unexpected(file.error());
  if (::ioctl(file->get(), FICLONE, source.get()) != 0) {
    if (errno == ENOSPC || errno == EDQUOT) return failed("share", path);
    return false;
  }
  if (auto finished = finish_file(std::move(*file), path, entry); !finished) return std::unexpected(finished.error());
  if (::renameat(scratch_.fd(), kTemporary, place.folder, place.name.c_str()) != 0) return failed("rename", path);
  return true;
}

Result<bool> TreeWriter::hardlink(int from, const std::string& name, const Place& place, int scratch) {
  if (::linkat(from, name.c_str(), place.folder, place.name.c_str(), 0) == 0) return true;
  if (errno != EEXIST) return false;
  ::unlinkat(scratch, kTemporary, 0);
  if (::linkat(from, name.c_str(), scratch, kTemporary, 0) != 0) return false;
  if (::renameat(scratch, kTemporary, place.folder, place.name.c_str()) != 0) {
    return std::unexpected(posix::errno_error("rename", errno));
  }
  return true;
}

Result<posix::UniqueFd> TreeWriter::new_scratch_file(const std::string& path) {
  ::unlinkat(scratch_.fd(), kTemporary, 0);
  posix::UniqueFd file(::openat(scratch_.fd(), kTemporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return failed("make the file", path);
  return file;
}

Result<void> TreeWriter::take(int from, const std::string& name, const Place& place, const std::string& path,
                              const TreeEntry& entry) {
  posix::UniqueFd file(::openat(from, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return failed("open the pulled content of", path);
  if (auto finished = finish_file(std::move(file), path, entry); !finished) return finished;
  if (::renameat(from, name.c_str(), place.folder, place.name.c_str()) != 0) return failed("rename", path);
  return {};
}

Result<void> TreeWriter::copy(int from, const std::string& name, const Place& place, const std::string& path,
                              const TreeEntry& entry) {
  const posix::UniqueFd source(::openat(from, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!source && (errno == ENOENT || errno == ELOOP)) {
    return failure(ErrorKind::corrupt, printable(path) + ": the file that should be shared is missing");
  }
  if (!source) return failed("open the file to be copied for", path);
  auto file = new_scratch_file(path);
  if (!file) return std::unexpected(file.error());
  const auto id = copy_bytes(source.get(), file->get(), path);
  if (!id) return std::unexpected(id.error());
  if (*id != entry.id) {
    return failure(ErrorKind::corrupt, printable(path) + ": the file that should be copied has other bytes");
  }
  if (auto finished = finish_file(std::move(*file), path, entry); !finished) return finished;
  if (::renameat(scratch_.fd(), kTemporary, place.folder, place.name.c_str()) != 0) return failed("rename", path);
  return {};
}

Result<void> TreeWriter::finish_file(posix::UniqueFd file, const std::string& path, const TreeEntry& entry) {
  const timespec times[2] = {{.tv_sec = entry.mtime_s, .tv_nsec = 0}, {.tv_sec = entry.mtime_s, .tv_nsec = 0}};
  if (::fchmod(file.get(), mode_of(entry)) != 0) return failed("chmod", path);
  if (::futimens(file.get(), times) != 0) return failed("set the time of", path);
  if (new_files_.size() <= kSyncEachMax) new_files_.push_back(std::move(file));
  return {};
}

Result<void> TreeWriter::add_link(const std::string& path, const std::string& target) {
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    const auto place = place_of(parent);
    if (!place) return std::unexpected(place.error());
    struct stat there{};
    if (::fstatat(place->folder, place->name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) continue;
    if (auto made = make_folder(*place, parent); !made) return made;
  }
  const auto place = place_of(path);
  if (!place) return std::unexpected(place.error());
  if (::symlinkat(target.c_str(), place->folder, place->name.c_str()) != 0) return failed("make the link", path);
  return {};
}

Result<void> TreeWriter::remove_link(const std::string& path,
                                     const std::function<bool(const std::string&)>& is_released) {
  const auto place = place_of(path);
  if (!place) return std::unexpected(place.error());
  if (::unlinkat(place->folder, place->name.c_str(), 0) != 0) return failed("remove the link", path);
  root_.forget();
  for (std::string parent = parent_of(path); !parent.empty() && !is_released(parent); parent = parent_of(parent)) {
    const auto above = place_of(parent);
    if (!above) return std::unexpected(above.error());
    if (::unlinkat(above->folder, above->name.c_str(), AT_REMOVEDIR) == 0) {
      touched_folders_.erase(parent);
    } else if (errno == ENOTEMPTY || errno == EEXIST) {
      break;  // another link is in it
    } else {
      return failed("remove", parent);
    }
  }
  return {};
}

Result<void> TreeWriter::sync() {
  if (new_count_ > kSyncEachMax || touched_folders_.size() > kSyncEachMax) {
    if (::syncfs(root_.fd()) != 0) return failed("syncfs", "the slot");
    return {};
  }
  for (const posix::UniqueFd& file : new_files_) {
    if (::fsync(file.get()) != 0) return failed("fsync", "a new file");
  }
  touched_folders_.insert("");
  for (const std::string& path : touched_folders_) {
    const auto folder = root_.folder(path);
    if (!folder) return std::unexpected(folder.error());
    if (::fsync(*folder) != 0) return failed("fsync", path);
  }
  new_files_.clear();
  return {};
}

}  // namespace serin::apply
